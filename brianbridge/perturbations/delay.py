"""Transmission delays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network import INPUT, Projection, SpikingNetwork
from brianbridge.neurons.quantities import seconds
from brianbridge.perturbations.base import Perturbation, Stage
from brianbridge.perturbations.changes import spike_projections
from brianbridge.perturbations.condition import Condition

__all__ = ["Delay"]


@dataclass(frozen=True)
class Delay(Perturbation):
    """Delay spikes: all by the same time, or by a random time for each weight.

    Parameters
    ----------
    time : str or Quantity
        Time that is added to the delay of each projection; a multiple of the twin's step.
    spread : str or Quantity
        Half-width of the distribution of delays. Each weight draws its delay uniformly from
        the times between ``time - spread`` and ``time + spread`` that are whole steps of the twin
        away from `time`. A weight of a convolution kernel has one delay, wherever it is used.
    projections : tuple of str
        Names of the delayed projections; all that carry spikes of neurons if empty.
    """

    name: ClassVar[str] = "delay"
    keeps: ClassVar[str] = "all spikes except those that would arrive after the end"
    stage: ClassVar[Stage] = Stage.TRANSMISSION
    random: ClassVar[bool] = True

    time: Any = "1 ms"
    spread: Any = "0 ms"
    projections: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "projections", tuple(self.projections))
        time, spread = (
            seconds(value, f"perturbation '{self.name}': {option}", zero=True)
            for option, value in (("time", self.time), ("spread", self.spread))
        )
        if spread > time:
            raise self.refuse("spread", f"give at most time = {self.time!r}: no spike can be early")

    def apply(self, condition: Condition, rng: np.random.Generator) -> Condition:
        """Add the delays; weights with different delays become separate projections."""
        network, dt = condition.network, condition.network.dt
        spread = seconds(self.spread, "spread", zero=True)
        reach = int(spread / dt + 1e-9)  # in whole steps; the rest of a step is dropped
        if spread and not reach:
            raise self.refuse("spread", f"give a step of the twin, {dt * 1e3:g} ms, or more")
        chosen = self._chosen(network)
        changed: list[Projection] = []
        for projection in network.projections:
            if projection.name not in chosen:
                changed.append(projection)
                continue
            steps = rng.integers(-reach, reach, projection.weight.shape, endpoint=True)
            changed += self._delayed(projection, steps, reach, dt)
        return replace(condition, network=replace(network, projections=tuple(changed)))

    def _chosen(self, network: SpikingNetwork) -> set[str]:
        chosen = spike_projections(network, self, self.projections)
        if not self.projections:
            chosen -= {p.name for p in network.projections if p.source == INPUT}
            if not chosen:
                raise InputError(
                    f"perturbation '{self.name}': only the input sends spikes; name its projections"
                )
        return chosen

    def _delayed(
        self, projection: Projection, steps: np.ndarray, reach: int, dt: float
    ) -> list[Projection]:
        """Return one projection for each delay that occurs; the first one has the bias."""
        time = seconds(self.time, "time", zero=True)
        weight = projection.weight
        return [
            replace(
                projection,
                weight=np.where(steps == step, weight, 0).astype(weight.dtype),
                bias=projection.bias if number == 0 else None,
                delay=projection.delay + time + float(step) * dt,
                label=f"{projection.label}d{step + reach}" if reach else projection.label,
            )
            for number, step in enumerate(np.unique(steps))
        ]
