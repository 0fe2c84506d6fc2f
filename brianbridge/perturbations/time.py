"""Perturbations of time and numbers: what the simulator does, not what the network is."""

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
    """Resolve time finer: Brian2's step is the twin's divided by a whole number.

    Input currents stay what they are, input spikes fall on the start of their coarse step.

    Parameters
    ----------
    divisor : int
        From 1 on.
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
    """Spread the input spikes of a coarse step over it, which takes a finer dt.

    Parameters
    ----------
    kind : {"uniform", "poisson"}
        ``uniform``: each spike falls on any of the fine steps with the same chance, and the number
        of spikes is kept. ``poisson``: Brian2 draws them anew at the rates of encoding 'poisson',
        and only rates are kept.
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
    """Let things happen in Brian2's default order within a step.

    A weight then arrives after the threshold was looked at, and a hard reset in the same step
    takes it away: input is lost (methods of this project, docs/design.md).
    """

    name: ClassVar[str] = "brian_schedule"
    keeps: ClassVar[str] = "equations and weights; not the order of events within a step"
    stage: ClassVar[Stage] = Stage.TIME

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Change the order."""
        return replace(condition, schedule="default")


@dataclass(frozen=True)
class SinglePrecision(Perturbation):
    """Hold state and weights in float32."""

    name: ClassVar[str] = "single_precision"
    keeps: ClassVar[str] = "everything to seven digits"
    stage: ClassVar[Stage] = Stage.TIME

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Change the type."""
        return replace(condition, dtype=np.float32)
