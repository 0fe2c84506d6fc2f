"""The condition of a simulation: the network, and how Brian2 treats time and numbers.

A perturbation takes a condition and returns a changed one; `Condition.simulate` runs it in Brian2.
Changes of the network itself (weights, neurons, delays) are already part of `Condition.network`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from brianbridge.encoding import EncodedInput
from brianbridge.encoding.finer import Finer
from brianbridge.encoding.moments import Timing
from brianbridge.errors import InputError
from brianbridge.network import Schedule, SpikingNetwork
from brianbridge.recording import Recording

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

    def unfolded(self, seed: int = 0) -> SpikingNetwork:
        """Return a network whose own step and order of events are those of the condition.

        Its twin is the twin of the condition: see `brianbridge.to_torch`.

        Parameters
        ----------
        seed : int
            Seed of the times of input spikes; that of `simulate`.

        Raises
        ------
        InputError
            If Brian2 draws the input spikes itself.

        Examples
        --------
        >>> from brianbridge.encoding import Current
        >>> from brianbridge.network import Dense
        >>> from brianbridge.neurons.library import neuron_model
        >>> layers = [Dense(2, neuron_model("if"))]
        >>> net = SpikingNetwork.sequential((4,), layers, encoding=Current(5))
        >>> Condition(net, divisor=10).unfolded().steps
        50
        """
        if self.poisson:
            raise InputError(
                "with perturbation 'input_timing', kind = 'poisson', Brian2 draws the input spikes "
                "itself, and no twin can have the same; give kind = 'uniform'"
            )
        network = self.network
        if self.schedule is not None and self.schedule != network.schedule:
            network = replace(network, schedule=self.schedule)
        if self.divisor == 1:
            return network
        finer = Finer(
            encoding=network.encoding, divisor=self.divisor, timing=self.timing, seed=seed
        )
        return replace(network, encoding=finer)

    def simulate(
        self,
        x: np.ndarray | EncodedInput,
        *,
        index: np.ndarray | None = None,
        record: Sequence[str] = ("spikes",),
        seed: int = 0,
        threads: int | None = None,
        batch_size: int | None = None,
        on_chunk: Callable[[Recording], None] | None = None,
        keep: bool = True,
    ) -> Recording:
        """Run the condition in Brian2.

        The arguments are those of `brianbridge.simulate`; `threads` and `batch_size` are those of
        its `Backend`.
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
            backend=Backend(dtype=self.dtype, threads=threads, batch_size=batch_size),
            on_chunk=on_chunk,
            keep=keep,
        )
