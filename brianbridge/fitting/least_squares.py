"""Minimise sums of squares from many starts at once (Levenberg and Marquardt).

Slopes are finite differences. The neighbours that they need are further rows of the same batch, so
a step costs one simulation, however many starts and parameters there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Normal", "minimise", "normal_equations"]

#: Distance of neighbours, in coordinates from 0 to 1: rounding and curvature then matter little.
_DISTANCE = 1e-6
_LEAST_DAMPING, _MOST_DAMPING = 1e-9, 1e6
#: The longest step of a coordinate. Slopes say little about what is further away.
_LONGEST = 0.5


@dataclass(frozen=True)
class Normal:
    """The loss of each start, its gradient and its curvature.

    Parameters
    ----------
    loss : numpy.ndarray, shape (starts,)
        Sums of squares; infinite where the simulation was not finite.
    gradient : numpy.ndarray, shape (starts, parameters)
        Half of the gradient.
    curvature : numpy.ndarray, shape (starts, parameters, parameters)
        Half of the second derivative, as Gauss and Newton approximate it.
    """

    loss: np.ndarray
    gradient: np.ndarray
    curvature: np.ndarray

    def take(self, order: np.ndarray) -> Normal:
        """Return the values of some starts."""
        return Normal(self.loss[order], self.gradient[order], self.curvature[order])

    def where(self, better: np.ndarray, other: Normal) -> Normal:
        """Return these values for the starts in `better`, and those of `other` for the rest."""
        return Normal(
            np.where(better, self.loss, other.loss),
            np.where(better[:, None], self.gradient, other.gradient),
            np.where(better[:, None, None], self.curvature, other.curvature),
        )


def normal_equations(
    residuals: Callable[[np.ndarray], np.ndarray],
    z: np.ndarray,
    most: int = 1_000_000,
    distance: float = _DISTANCE,
) -> Normal:
    """Compute loss, gradient and curvature of each start by one simulation.

    Parameters
    ----------
    residuals : callable
        Takes coordinates ``(sets, parameters)`` and returns residuals ``(sets, values)``.
    z : numpy.ndarray, shape (starts, parameters)
        Where to compute them.
    most : int
        Number of starts in one simulation; more starts need several.
    distance : float
        Distance of the neighbours that slopes are computed from.

    Examples
    --------
    >>> one = normal_equations(lambda z: z - 0.5, np.array([[0.25]]))
    >>> one.loss, one.gradient.round(6)
    (array([0.0625]), array([[-0.25]]))
    """
    if len(z) > most:
        parts = [
            normal_equations(residuals, part, distance=distance)
            for part in np.split(z, [*range(most, len(z), most)])
        ]
        return Normal(
            np.concatenate([one.loss for one in parts]),
            np.concatenate([one.gradient for one in parts]),
            np.concatenate([one.curvature for one in parts]),
        )
    starts, parameters = z.shape
    # A neighbour lies within the range.
    away = np.where(z + distance <= 1, distance, -distance)
    sets = np.repeat(z[:, None], parameters + 1, axis=1)
    index = np.arange(parameters)
    sets[:, index + 1, index] += away
    found = residuals(sets.reshape(-1, parameters)).reshape(starts, parameters + 1, -1)
    with np.errstate(invalid="ignore", over="ignore"):
        base, slopes = found[:, 0], found[:, 1:]
        slopes -= base[:, None]
        slopes /= away[:, :, None]
        loss = (base**2).sum(1)
        gradient = (slopes @ base[:, :, None])[..., 0]
        curvature = slopes @ slopes.transpose(0, 2, 1)
    finite = np.isfinite(loss) & np.isfinite(curvature).all((1, 2)) & np.isfinite(gradient).all(1)
    return Normal(np.where(finite, loss, np.inf), gradient, curvature)


def minimise(
    residuals: Callable[[np.ndarray], np.ndarray],
    z: np.ndarray,
    *,
    steps: int,
    least: float = 0.0,
    little: float = 1e-8,
    enough: int | None = None,
    most: int = 1_000_000,
    each: Callable[[int, np.ndarray], None] | None = None,
    first: Callable[[Normal], None] | None = None,
) -> tuple[np.ndarray, Normal]:
    """Minimise the sum of squares from each start, within coordinates from 0 to 1.

    Parameters
    ----------
    residuals : callable
        Takes coordinates ``(sets, parameters)`` and returns residuals ``(sets, values)``.
    z : numpy.ndarray, shape (starts, parameters)
        The starts.
    steps : int
        Largest number of steps.
    least : float
        A loss that is as good as 0: the search ends.
    little : float
        A start has converged once its loss falls by less than this share.
    enough : int, optional
        The search also ends once so many of the best starts have converged; all by default.
    most : int
        Number of starts in one simulation.
    each : callable, optional
        Called after each step with its number and the losses.
    first : callable, optional
        Called with what is found at the starts.

    Returns
    -------
    z : numpy.ndarray, shape (starts, parameters)
        The best coordinates of each start.
    normal : Normal
        Loss, gradient and curvature there.

    Examples
    --------
    >>> z, normal = minimise(lambda z: z**2 - 0.25, np.array([[0.9], [0.1]]), steps=20)
    >>> z.round(6).ravel()
    array([0.5, 0.5])
    """
    now = normal_equations(residuals, z, most)
    if first is not None:
        first(now)
    damping = np.full(len(z), 1e-3)
    converged = ~np.isfinite(now.loss)
    for number in range(1, steps):
        if each is not None:
            each(number, now.loss)
        best = np.argsort(now.loss, kind="stable")[:enough]
        if now.loss.min() <= least or converged[best].all():
            break
        tried = np.where(converged[:, None], z, _stepped(z, now, damping))
        found = normal_equations(residuals, tried, most)
        better = (found.loss < now.loss) & ~converged
        with np.errstate(invalid="ignore"):
            settled = better & (now.loss - found.loss < little * now.loss)
        small = abs(tried - z).max(1) < 1e-10
        damping = np.where(better, np.maximum(damping / 10, _LEAST_DAMPING), damping * 10)
        z, now = np.where(better[:, None], tried, z), found.where(better, now)
        converged |= settled | small | (damping > _MOST_DAMPING)
    return z, now


def _stepped(z: np.ndarray, now: Normal, damping: np.ndarray) -> np.ndarray:
    """Return the next coordinates of each start."""
    usable = np.isfinite(now.loss)[:, None]
    gradient = np.where(usable, now.gradient, 0.0)
    # A coordinate at its bound stays there if the loss falls beyond it.
    fixed = ~usable | ((z <= 0) & (gradient > 0)) | ((z >= 1) & (gradient < 0))
    curvature = np.where(fixed[:, :, None] | fixed[:, None, :], 0.0, now.curvature)
    index = np.arange(z.shape[1])
    diagonal = curvature[:, index, index]
    # A parameter without any effect has no slope: what is added keeps the matrix invertible.
    added = damping[:, None] * diagonal + 1e-14 * diagonal.max(1, keepdims=True)
    curvature[:, index, index] = np.where(fixed | (diagonal == 0), 1.0, diagonal + added)
    move = np.linalg.solve(curvature, np.where(fixed, 0.0, -gradient)[..., None])[..., 0]
    longest = np.maximum(abs(move).max(1, keepdims=True), _LONGEST)
    return np.clip(z + move * (_LONGEST / longest), 0, 1)
