"""Compare Brian2 with the twin of the same condition, on the first samples of a run.

A rung compares Brian2 under a condition with the twin without it: what differs is the network's
answer to the condition. Here both have the condition, and no spike may differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from brianbridge.errors import InputError
from brianbridge.ladder.twin_run import block_size
from brianbridge.measures.spike_comparison import spike_differences
from brianbridge.perturbations.condition import Condition
from brianbridge.recording import Recording
from brianbridge.simulation.memory import check_sample_fits
from brianbridge.twin.network import NetworkTwin, to_torch

__all__ = ["BridgeCheck", "BridgeChecker"]

#: Largest number of (step, neuron) cells that are checked, over all samples, and of steps.
_CELLS, _STEPS = 200_000_000, 20_000


@dataclass(frozen=True)
class BridgeCheck:
    """Numbers of spikes that differ between Brian2 and the twin of its condition; checks add up.

    Parameters
    ----------
    samples : int
        Number of samples compared.
    cells, spikes : int
        Number of (step, sample, neuron) cells, in Brian2's steps, and of Brian2's spikes in them.
    mismatches : int
        Number of cells that differ.
    """

    samples: int
    cells: int
    spikes: int
    mismatches: int

    def __add__(self, other: BridgeCheck) -> BridgeCheck:
        """Return the numbers of both."""
        return BridgeCheck(
            self.samples + other.samples,
            self.cells + other.cells,
            self.spikes + other.spikes,
            self.mismatches + other.mismatches,
        )


class BridgeChecker:
    """Run the twin of a condition on the first samples of a run, chunk by chunk.

    Parameters
    ----------
    condition : Condition
        The condition.
    x : numpy.ndarray, shape (samples, *input_shape)
        The first samples of the run.
    first : int
        Number of the first sample in its data set.
    seed : int
        Seed of the run.
    """

    def __init__(self, condition: Condition, x: np.ndarray, first: int, seed: int) -> None:
        self._condition, self._first, self._seed = condition, first, seed
        network = condition.network
        steps = network.steps * condition.divisor
        cells = steps * sum(population.size for population in network.firing)
        self._x = x[: max(1, _CELLS // max(cells, 1))] if steps <= _STEPS else x[:0]
        self._done = 0
        self._twin = self._twin_of_condition() if len(self._x) else None
        #: The numbers so far; None if nothing was compared.
        self.found: BridgeCheck | None = None

    def _twin_of_condition(self) -> NetworkTwin | None:
        try:
            network = self._condition.unfolded(self._seed)
            check_sample_fits(network, dense=True)
            single = self._condition.dtype is np.float32
            return to_torch(network, dtype=torch.float32 if single else torch.float64)
        except InputError:  # such as input spikes that Brian2 draws itself
            return None

    def __call__(self, chunk: Recording) -> None:
        """Take the next chunk of the run."""
        low, high = self._done, min(self._done + chunk.samples, len(self._x))
        if self._twin is None or low >= high:
            return
        self._done = high
        size = block_size(self._twin.network)
        for first in range(low, high, size):
            last = min(first + size, high)
            found = chunk.of_samples(first - low, last - low)
            numbers = self._first + np.arange(first, last)
            own = self._twin.record_batch(self._x[first:last], numbers, seed=self._seed)
            neurons = sum(int(np.prod(shape)) for shape in found.shapes.values())
            check = BridgeCheck(
                samples=found.samples,
                cells=found.steps * found.samples * neurons,
                spikes=sum(len(found.events(name).value) for name in found.shapes),
                mismatches=spike_differences(own, found)[0],
            )
            self.found = check if self.found is None else self.found + check
