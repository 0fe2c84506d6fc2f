"""The condition of a simulation: the network, and how Brian2 treats time and numbers.

A perturbation takes a condition and returns a changed one; `Condition.simulate` runs it in Brian2.
Changes of the network itself (weights, neurons, delays) are already part of `Condition.network`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from brianbridge.encoding import EncodedInput
from brianbridge.network import Schedule, SpikingNetwork
from brianbridge.recording import Recording

if TYPE_CHECKING:
    from brianbridge.simulation.input_timing import Timing

__all__ = ["Condition"]


@dataclass(frozen=True)
class Condition:
    """Hold one simulation condition.

    Parameters
    ----------
    network : SpikingNetwork
        Network to simulate.
    divisor : int
        Number of Brian2's steps in one step of the twin.
    schedule : {"canonical", "default"}, optional
        Order of events within a step; the network's own if not given.
    dtype : type
        Type of state variables and weights: `numpy.float64` or `numpy.float32`.
    timing : {"start", "uniform"}
        Where the input spikes of a coarse step fall: at its start, or on a random fine step.
    poisson : bool
        Whether Brian2 draws the input spikes itself.
    """

    network: SpikingNetwork
    divisor: int = 1
    schedule: Schedule | None = None
    dtype: type[np.floating[Any]] = np.float64
    timing: Timing = "start"
    poisson: bool = False

    @property
    def dt(self) -> float:
        """Brian2's step, in seconds."""
        return self.network.dt / self.divisor

    def simulate(
        self,
        x: np.ndarray | EncodedInput,
        *,
        index: np.ndarray | None = None,
        record: Sequence[str] = ("spikes",),
        seed: int = 0,
        threads: int | None = None,
        on_chunk: Callable[[Recording], None] | None = None,
        keep: bool = True,
    ) -> Recording:
        """Run the condition in Brian2.

        The arguments are those of `brianbridge.simulate`; `threads` is that of its `Backend`.
        """
        from brianbridge.simulation.backend import Backend
        from brianbridge.simulation.simulate import simulate

        return simulate(
            self.network,
            x,
            dt=self.dt,
            record=record,
            index=index,
            schedule=self.schedule,
            poisson=self.poisson,
            timing=self.timing,
            seed=seed,
            backend=Backend(dtype=self.dtype, threads=threads),
            on_chunk=on_chunk,
            keep=keep,
        )
