"""Time and numbers: the step, the input's timing, the schedule and the floating-point type."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from brianbridge.encoding import Poisson
from brianbridge.errors import InputError
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.condition import Condition

__all__ = ["BrianSchedule", "FinerDt", "InputTiming", "SinglePrecision"]


@dataclass(frozen=True)
class FinerDt(Perturbation):
    """Simulate with a finer time step: the twin's step divided by a whole number.

    Input currents stay the same. Input spikes arrive at the start of their coarse step.

    Parameters
    ----------
    divisor : int
        Number of Brian2's steps in one step of the twin, at least 1.
    """

    name: ClassVar[str] = "finer_dt"
    keeps: ClassVar[str] = "equations, weights and input; the solution between spikes"
    stage: ClassVar[Stage] = Stage.TIME

    divisor: int = 10

    def __post_init__(self) -> None:
        if not isinstance(self.divisor, int) or self.divisor < 1:
            raise self.refuse("divisor", "give a whole number of at least 1")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Divide the step."""
        return replace(condition, divisor=condition.divisor * self.divisor)


@dataclass(frozen=True)
class InputTiming(Perturbation):
    """Spread the input spikes of a coarse step over its fine steps; this needs a finer dt.

    Parameters
    ----------
    kind : {"uniform", "poisson"}
        ``uniform``: each spike falls on one of the fine steps with equal probability, and the
        number of spikes is kept. ``poisson``: Brian2 draws new spikes at the rates of encoding
        'poisson', and only the rates are kept.
    """

    name: ClassVar[str] = "input_timing"
    keeps: ClassVar[str] = "number (uniform) or mean rate (poisson) of input spikes"
    stage: ClassVar[Stage] = Stage.TIME
    random: ClassVar[bool] = True

    kind: Literal["uniform", "poisson"] = "uniform"

    def __post_init__(self) -> None:
        if self.kind not in ("uniform", "poisson"):
            raise self.refuse("kind", "give 'uniform' or 'poisson'")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Spread the spikes, or let Brian2 draw them."""
        network = condition.network
        if not any(network.delivers_spikes(p) for p in network.projections if p.source == "input"):
            raise InputError(
                f"perturbation '{self.name}': the input is a constant current and has no spikes; "
                "leave it out"
            )
        if self.kind == "poisson":
            if not isinstance(network.encoding, Poisson):
                raise InputError(
                    f"perturbation '{self.name}': kind = 'poisson' draws at the rates of encoding "
                    f"'poisson', but the network's is '{network.encoding.kind}'; give 'uniform'"
                )
            return replace(condition, poisson=True)
        return replace(condition, timing="uniform")


@dataclass(frozen=True)
class BrianSchedule(Perturbation):
    """Use Brian2's default order of events within a step.

    Spikes then arrive after the threshold is tested. A reset to a value in the same step overwrites
    them, so that input is lost (docs/design.md says why this is not the order of the twin).
    """

    name: ClassVar[str] = "brian_schedule"
    keeps: ClassVar[str] = "equations and weights; not the order of events within a step"
    stage: ClassVar[Stage] = Stage.TIME

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Change the schedule."""
        return replace(condition, schedule="default")


@dataclass(frozen=True)
class SinglePrecision(Perturbation):
    """Store state variables and weights as float32."""

    name: ClassVar[str] = "single_precision"
    keeps: ClassVar[str] = "everything to seven digits"
    stage: ClassVar[Stage] = Stage.TIME

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Change the type."""
        return replace(condition, dtype=np.float32)
