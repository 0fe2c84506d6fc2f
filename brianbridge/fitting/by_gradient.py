"""Minimise a loss by the gradient of the twin: Adam for all starts, then L-BFGS for the best ones.

Coordinates from 0 to 1 (`brianbridge.fitting.ranges`) are the sigmoid of what the optimisers move,
so that values stay within their ranges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from brianbridge.fitting.loss_problem import LossProblem
from brianbridge.fitting.ranges import Ranges

__all__ = ["FoundByGradient", "descend_by_gradient"]

#: Step of Adam at the beginning; it falls to 0 as a cosine.
_STEP = 0.1
#: Starts that L-BFGS improves, and its steps before it is asked whether the loss still falls.
_POLISHED, _AT_ONCE = 2, 5
#: A loss that is as good as 0, as a share of the median one at the beginning.
_NOTHING = 1e-16
#: Neurons times steps that are differentiated at once: some kilobytes each.
_LARGEST = 2_000_000
#: Coordinates of starts are at least this far within their range.
_WITHIN = 1e-4


@dataclass(frozen=True)
class FoundByGradient:
    """Hold the best values of each start.

    Parameters
    ----------
    z : numpy.ndarray, shape (starts, values)
        Coordinates from 0 to 1, in the order of their losses.
    losses : numpy.ndarray, shape (starts,)
        Their losses; infinite where none was finite.
    history : numpy.ndarray, shape (iterations, starts)
        The losses at each iteration of Adam, in the order of the Sobol sequence.
    depends : numpy.ndarray of bool, shape (values,)
        Which values the loss of any start ever depended on.
    """

    z: np.ndarray
    losses: np.ndarray
    history: np.ndarray
    depends: np.ndarray


def descend_by_gradient(
    problem: LossProblem,
    starts: int,
    seed: int,
    iterations: int,
    progress: Callable[[int, int, float], None] | None = None,
) -> FoundByGradient:
    """Minimise the loss of a problem from many starts.

    Parameters
    ----------
    problem : LossProblem
        What to fit.
    starts, seed : int
        Number of starts, and the seed of the Sobol sequence that draws them.
    iterations : int
        Steps of Adam. L-BFGS then takes up to as many evaluations for each of the best two.
    progress : callable, optional
        Called after each evaluation with its number, the largest number and the least loss.
    """
    z = np.clip(problem.ranges.starts(starts, seed), _WITHIN, 1 - _WITHIN)
    polished = min(_POLISHED, starts)
    search = _Search(problem, z, iterations + polished * (iterations + 2 * _AT_ONCE), progress)
    moved = torch.logit(torch.as_tensor(z)).requires_grad_()
    adam = torch.optim.Adam([moved], lr=_STEP)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(adam, iterations)
    history = []
    for _ in range(iterations):
        losses, slope = search(moved, np.arange(starts))
        history.append(losses)
        if search.done() or not search.depends.any():
            break
        length = slope.norm(dim=1, keepdim=True)
        moved.grad = slope / torch.where(length > 0, length, 1)
        adam.step()
        slower.step()
    for start in np.argsort(search.losses, kind="stable")[:polished]:
        if not search.done() and np.isfinite(search.losses[start]):
            _polish(search, start, iterations)
    order = np.argsort(search.losses, kind="stable")
    return FoundByGradient(
        search.z[order], search.losses[order], np.array(history), search.depends
    )  # fmt: skip


def _polish(search: _Search, start: int, evaluations: int) -> None:
    """Improve a start by L-BFGS, with the loss in units of its present one, while that falls."""
    unit = abs(search.losses[start])
    moved = torch.logit(torch.as_tensor(search.z[[start]])).requires_grad_()
    lbfgs = torch.optim.LBFGS(
        [moved], max_iter=_AT_ONCE, max_eval=2 * _AT_ONCE, tolerance_grad=1e-12,
        tolerance_change=1e-14, line_search_fn="strong_wolfe",
    )  # fmt: skip
    worst = 10.0
    used = 0

    def closure() -> float:
        nonlocal used
        used += 1
        losses, slope = search(moved, np.array([start]))
        loss = losses[0] / unit
        moved.grad = slope / unit if loss < worst else torch.zeros_like(slope)
        return float(min(loss, worst))

    before = np.inf
    while used < evaluations and not search.done() and search.losses[start] < before:
        before = search.losses[start]
        lbfgs.step(closure)


class _Search:
    """Compute losses and their gradients, and keep the best coordinates of each start."""

    def __init__(
        self,
        problem: LossProblem,
        z: np.ndarray,
        most: int,
        progress: Callable[[int, int, float], None] | None,
    ) -> None:
        self._problem, self._most, self._progress = problem, most, progress
        self._number, self._nothing = 0, 0.0
        self.z, self.losses = z.copy(), np.full(len(z), np.inf)
        self.depends = np.zeros(z.shape[1], dtype=bool)

    def done(self) -> bool:
        """Return whether the best loss is as good as 0."""
        return bool(0 <= self.losses.min() <= self._nothing)

    def __call__(self, moved: Tensor, which: np.ndarray) -> tuple[np.ndarray, Tensor]:
        """Return losses and gradients of some starts; infinite and 0 where they are not finite."""
        at_once = max(1, _LARGEST // self._problem.size)
        parts = [self._part(part) for part in moved.detach().split(at_once)]
        found = np.concatenate([losses for losses, _ in parts])
        slope = torch.cat([one for _, one in parts])
        finite = np.isfinite(found) & torch.isfinite(slope).all(1).numpy()
        slope = torch.where(torch.as_tensor(finite)[:, None], slope, 0.0)
        found = np.where(finite, found, np.inf)
        self.depends |= (slope != 0).any(0).numpy()
        better = found < self.losses[which]
        self.z[which[better]] = torch.sigmoid(moved.detach()).numpy()[better]
        self.losses[which[better]] = found[better]
        if not self._number:
            self._nothing = _NOTHING * float(np.median(found[finite])) if finite.any() else 0.0
        self._number += 1
        if self._progress is not None:
            self._progress(self._number, self._most, float(self.losses.min()))
        return found, slope

    def _part(self, moved: Tensor) -> tuple[np.ndarray, Tensor]:
        """Return losses and gradients of as many starts as fit the memory."""
        moved = moved.clone().requires_grad_()
        z = torch.sigmoid(moved)
        losses = self._problem.losses(values_at(self._problem.ranges, z))
        if not losses.requires_grad:
            return losses.numpy(), torch.zeros_like(moved)
        (slope,) = torch.autograd.grad(losses.sum(), moved)
        return losses.detach().numpy(), slope


def values_at(ranges: Ranges, z: Tensor) -> Tensor:
    """Return the values at coordinates `z`, each of shape (sets, values), as `Ranges.values`.

    Examples
    --------
    >>> from brian2.units.fundamentalunits import DIMENSIONLESS
    >>> one = Ranges(("g",), np.array([1.0]), np.array([100.0]), (DIMENSIONLESS,))
    >>> values_at(one, torch.tensor([[0.5]], dtype=torch.float64))
    tensor([[10.]], dtype=torch.float64)
    """
    low, high = torch.as_tensor(ranges.low), torch.as_tensor(ranges.high)
    by_ratio = torch.as_tensor(ranges.by_ratio)
    ratio = torch.where(by_ratio, high / torch.where(by_ratio, low, 1.0), 1.0)
    return torch.where(by_ratio, low * ratio**z, low + (high - low) * z)
