"""The unit of work of a verification: one condition, one shard of the samples.

A verification is a table of conditions times shards. Each cell is a `Task` that any process can do
by itself, and its result a `Piece`; pieces of consecutive shards add up to what a rung did. Shards
are the same wherever they run, and so are the batches, random numbers and rounding within: the
verdict does not depend on how many processes there are, or which of them did what.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from brianbridge.datasets import Dataset
from brianbridge.ladder.twin_run import TwinRun, block_size
from brianbridge.measures.decision import Decision
from brianbridge.measures.first_spikes import FirstSpikeComparison
from brianbridge.measures.latency import decision_latency
from brianbridge.measures.sample_summary import SampleSummary
from brianbridge.measures.spike_comparison import SpikeComparison
from brianbridge.measures.spike_counts import SpikeCounts, count_spikes, input_spikes_by_step
from brianbridge.measures.spike_train_distances import SpikeTrainDistances
from brianbridge.network import SpikingNetwork
from brianbridge.neurons.quantities import plain
from brianbridge.perturbations import Perturbation, perturbed
from brianbridge.perturbations.condition import Condition
from brianbridge.recording import Recording

__all__ = ["SHARD", "Piece", "Shards", "Task", "run_task"]

#: Samples of a shard: enough that to start a simulation costs little beside it.
SHARD = 2_500
#: Spikes of so many samples, at most, are kept to be compared as trains.
TRAINS = 20


@dataclass(frozen=True)
class Task:
    """Name a cell of the table.

    Parameters
    ----------
    perturbations : tuple of Perturbation
        The condition.
    seed : int
        Of its random numbers.
    shard : int
        Which samples.
    """

    perturbations: tuple[Perturbation, ...]
    seed: int
    shard: int

    @property
    def key(self) -> str:
        """A text that is the same for the same cell, in whatever order perturbations are."""
        changes = sorted((p.name, plain(p.to_dict())) for p in self.perturbations)
        return json.dumps([changes, int(self.seed), self.shard])


@dataclass(frozen=True, eq=False)
class Piece:
    """Hold what a simulation of some samples gave; those of consecutive samples add.

    Parameters
    ----------
    prediction : numpy.ndarray of int, shape (samples,)
        The class of each.
    activity : mapping of str to SpikeCounts
        What each neuron did, by population.
    outputs : SampleSummary
        What the output of each sample says.
    comparison : SpikeComparison, optional
        With the twin; None of the twin itself.
    latency : numpy.ndarray of int, shape (samples,), optional
        Steps until the running prediction is the last one; of readout ``counts``.
    decision, first_spikes : optional
        Of readout ``first_spike``.
    distances : SpikeTrainDistances, optional
        From the spike trains of the twin, of the first samples.
    seconds : float
        What it took.
    """

    prediction: np.ndarray
    activity: Mapping[str, SpikeCounts]
    outputs: SampleSummary
    comparison: SpikeComparison | None = None
    latency: np.ndarray | None = None
    decision: Decision | None = None
    first_spikes: FirstSpikeComparison | None = None
    distances: SpikeTrainDistances | None = None
    seconds: float = 0.0

    def __add__(self, other: Piece) -> Piece:
        """Return the piece of the samples of both, those of `other` last."""
        return Piece(
            np.concatenate([self.prediction, other.prediction]),
            {name: a + other.activity[name] for name, a in self.activity.items()},
            self.outputs + other.outputs,
            _both(self.comparison, other.comparison),
            None
            if self.latency is None or other.latency is None
            else np.concatenate([self.latency, other.latency]),
            _both(self.decision, other.decision),
            _both(self.first_spikes, other.first_spikes),
            _both(self.distances, other.distances),
            self.seconds + other.seconds,
        )


def _both(one, other):  # type: ignore[no-untyped-def]
    """Return the sum of two numbers that may be missing; of one alone if the other is."""
    if one is None or other is None:
        return other if one is None else one
    return one + other


class Shards:
    """Hand out samples shard by shard, with what the twin did on them.

    Parameters
    ----------
    network : SpikingNetwork
        The network, as it was trained.
    data : Dataset
        All samples.
    size : int
        Samples of a shard.
    """

    def __init__(self, network: SpikingNetwork, data: Dataset, size: int = SHARD) -> None:
        self.network, self.data, self.size = network, data, size
        #: Whose twin runs are compared with: the network, but see `beside`.
        self.reference = network
        self._runs: dict[int, tuple[TwinRun, Piece]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what the twin did: a process that is sent the samples runs it itself."""
        return {**vars(self), "_runs": {}}

    def __len__(self) -> int:
        return -(-len(self.data) // self.size)

    def bounds(self, shard: int) -> tuple[int, int]:
        """Return the first sample of a shard, and the first one after it."""
        return shard * self.size, min((shard + 1) * self.size, len(self.data))

    def beside(self, network: SpikingNetwork) -> Shards:
        """Return the shards of a changed network, compared with the twin of the one it was."""
        found = copy(self)
        found.network = network
        return found

    def twin(self, shard: int) -> tuple[TwinRun, Piece]:
        """Return what the twin did on a shard, and its own piece; it runs once."""
        if shard not in self._runs:
            self._runs[shard] = self.run_twin(shard)
        return self._runs[shard]

    def run_twin(self, shard: int) -> tuple[TwinRun, Piece]:
        """Run the twin on a shard."""
        watch = self.watch(shard, None)
        low, high = self.bounds(shard)
        share = 1 / len(self)
        return TwinRun(self.reference, self.data.x[low:high], watch, first=low, share=share), (
            watch.piece
        )

    def watch(self, shard: int, twin: TwinRun | None) -> _Watch:
        """Return what adds up the chunks of a run of a shard."""
        low, high = self.bounds(shard)
        labels, inputs = self.data.y[low:high], None
        if self.network.readout == "first_spike":
            inputs = input_spikes_by_step(self.network, self.data.x[low:high], np.arange(low, high))
        return _Watch(self.network, labels, inputs, twin, max(0, TRAINS - low))


class _Watch:
    """Add up the chunks of a run as they come; nothing of them is kept.

    How many samples a chunk has depends on threads and memory, and sums of numbers with fractions
    on how they are grouped. So chunks are cut and joined to blocks of a size of the network's own.
    """

    def __init__(
        self,
        network: SpikingNetwork,
        labels: np.ndarray,
        inputs: np.ndarray | None,
        twin: TwinRun | None,
        trains: int,
    ) -> None:
        self._network, self._labels, self._inputs = network, labels, inputs
        self._twin, self._trains, self._samples = twin, trains, 0
        self._block, self._waiting = block_size(network), list[Recording]()
        #: Of the blocks so far; None before the first.
        self._sum: Piece | None = None

    def __call__(self, chunk: Recording) -> None:
        self._waiting.append(chunk)
        here = sum(part.samples for part in self._waiting)
        last = self._samples + here == len(self._labels)
        if here < self._block and not last:
            return
        whole = Recording.concatenate(self._waiting)
        low = 0
        while here - low >= self._block or (last and low < here):
            high = min(low + self._block, here)
            self._add(whole.of_samples(low, high))
            low = high
        self._waiting = [whole.of_samples(low, here)] if low < here else []

    def _add(self, chunk: Recording) -> None:
        low, self._samples = self._samples, self._samples + chunk.samples
        here = slice(low, self._samples)
        output = self._network.output.name
        decision = first = comparison = distances = latency = None
        if self._network.readout == "first_spike":
            inputs = None if self._inputs is None else self._inputs[here]
            decision = Decision.of(chunk, output, self._labels[here], inputs)
        if self._network.readout == "counts":
            latency = decision_latency(chunk, output)
        if self._twin is not None:
            part = self._twin.part(low, self._samples)
            comparison = SpikeComparison.of(part, chunk)
            if decision is not None:
                first = FirstSpikeComparison.of(part, chunk, output)
            if low < self._trains:
                distances = SpikeTrainDistances.of(part, chunk, self._trains - low)
        activity = count_spikes(chunk)
        outputs = SampleSummary.of(chunk, output)
        found = Piece(
            chunk.prediction, activity, outputs, comparison, latency, decision, first, distances
        )
        self._sum = _both(self._sum, found)

    @property
    def piece(self) -> Piece:
        """What was added up."""
        assert self._sum is not None, "no chunk came"
        assert not self._waiting, "chunks are missing"
        return self._sum


def run_task(
    shards: Shards,
    task: Task,
    twin: TwinRun,
    *,
    threads: int | None = None,
    on_chunk: Sequence[Callable[[Recording], None]] = (),
) -> Piece:
    """Simulate a shard in Brian2 and compare it with the twin.

    Parameters
    ----------
    shards : Shards
        The samples and their twin.
    task : Task
        What is to be done.
    twin : TwinRun
        What the twin did on that shard.
    threads : int, optional
        Of the simulation; one for each core if not given. They change nothing but the time.
    on_chunk : sequence of callable
        Shown every recording beside.
    """
    started = time.perf_counter()
    low, high = shards.bounds(task.shard)
    watch = shards.watch(task.shard, twin)
    condition = perturbed(Condition(shards.network), task.perturbations, task.seed)

    def show(chunk: Recording) -> None:
        watch(chunk)
        for see in on_chunk:
            see(chunk)

    # Rounding of the numerical libraries depends on how many threads they have.
    with threadpool_limits(limits=1, user_api="blas"):
        condition.simulate(
            shards.data.x[low:high],
            index=np.arange(low, high),
            record=("spikes", "t_crossing") if on_chunk else ("spikes",),
            seed=task.seed,
            threads=threads,
            on_chunk=show,
            keep=False,
        )
    return replace(watch.piece, seconds=time.perf_counter() - started)
