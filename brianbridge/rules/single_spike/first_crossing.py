"""The time of a neuron's first spike, and its gradient with respect to the potential.

For integrate-and-fire neurons without leak that fire once, on inputs that fire once. Such a neuron
fires in the first step k with ``sum over i with t_i <= k of W_ji > theta``. There are two ways to
compute the same times:

by steps (`brianbridge.rules.single_spike.crossing_by_steps`)
    The weighted raster, summed over time; for any projection on any device.
by events (`brianbridge.rules.single_spike.crossing_by_events`)
    The inputs in order of their time, without a loop over the steps; for dense and convolutional
    projections on a CPU.

The gradient is that of S4NN (Kheradpisheh & Masquelier 2020, read in the authors' code). With
``delta_j = -dt_j/dV dL/dt_j`` the gradient of the potential at the crossing,

    dL/dW_ji = delta_j [t_i <= t_j],      dL/dt_i = -sum over j of delta_j W_ji [t_i <= t_j]

(an input that arrives one step later takes its weight away). The value of ``dt_j/dV`` is a choice:
see `TimeGradient`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

__all__ = ["FirstCrossing", "TimeGradient"]

#: A potential that rises by less than this value in the step of its crossing counts as constant.
_SMALL = 1e-6


class FirstCrossing(NamedTuple):
    """Times at which neurons first crossed their threshold, ``(batch, *shape)``.

    Parameters
    ----------
    times : Tensor
        Steps of the crossings, with the gradient; T for neurons that never fired.
    potential : Tensor
        Potentials at the crossings; those at the end for neurons that never fired.
    """

    times: Tensor
    potential: Tensor


@dataclass(frozen=True)
class TimeGradient:
    """How the time of a spike depends on the potential: the value of ``-dt/dV``.

    Parameters
    ----------
    slope : {"unit", "slope", "window"}
        1, as in S4NN; the reciprocal of the potential's rise in the step of the crossing; or 1
        where the potential is closer than `width` to the threshold, and 0 elsewhere.
    width : float
        Half-width of the window.
    silent : bool
        Whether neurons that never fired are treated as firing after the last step, as in the code
        of S4NN; otherwise they have no gradient.
    normalise : bool
        Whether to divide the gradients of a layer's potentials by their norm, sample by sample;
        the gradient of the batch is then the mean over its samples.
    """

    kinds: ClassVar[tuple[str, ...]] = ("unit", "slope", "window")

    slope: Literal["unit", "slope", "window"] = "unit"
    width: float = 0.5
    silent: bool = True
    normalise: bool = True

    def of_potential(
        self,
        gradient: Tensor,
        times: Tensor,
        potential: Tensor,
        rise: Tensor,
        theta: Tensor,
        T: int,
    ) -> Tensor:
        """Convert the gradient of the times to that of the potential, ``(batch, *shape)``."""
        fired = times < T
        match self.slope:
            case "slope":
                factor = torch.where(fired, 1 / rise.clamp(min=_SMALL), 1.0)
            case "window":
                near = (potential - theta).abs() < self.width
                factor = torch.where(fired, near.to(gradient.dtype), 1.0)
            case _:
                factor = torch.ones_like(gradient)
        if not self.silent:
            factor = factor * fired
        found = -gradient * factor
        if self.normalise:
            flat = found.flatten(1)
            norm = flat.norm(dim=1, keepdim=True)
            flat = torch.where(norm > 0, flat / norm, 0.0) / len(flat)
            found = flat.reshape(found.shape)
        return found
