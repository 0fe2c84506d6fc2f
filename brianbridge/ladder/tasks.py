"""The unit of work of a verification: one condition on one shard of the samples.

A verification is a table of conditions times shards. Each cell is a `Task` that any process can do
on its own, and its result is a `RunResult`. The results of all shards add up to that of a run.
Shards are the same wherever they run, and so are batches, random numbers and rounding within them.
The verdict therefore does not depend on the number of processes or on which of them did what.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from brianbridge.datasets import Dataset
from brianbridge.ladder.bridge_check import BridgeChecker
from brianbridge.ladder.results import ResultCollector, RunResult
from brianbridge.ladder.twin_run import TwinRun, block_size
from brianbridge.measures.over_time import recorded_for
from brianbridge.measures.spike_counts import input_spikes_by_step
from brianbridge.network import READOUTS, SpikingNetwork
from brianbridge.neurons.quantities import plain
from brianbridge.perturbations import Perturbation, perturbed
from brianbridge.perturbations.condition import Condition
from brianbridge.perturbations.time import FinerDt
from brianbridge.recording import Recording
from brianbridge.simulation.batched.workers import cores
from brianbridge.simulation.memory import part_of_block

__all__ = ["Shards", "Task", "run_task", "shard_size"]

#: Largest number of samples in a shard: enough to make the start of a simulation cheap.
_SAMPLES = 2_500
#: Neurons times steps that take about two seconds. Measured on eight networks, one takes 20 to 70
#: ns in a condition that is easy to simulate.
_NEURON_STEPS = 40_000_000
#: Number of samples, from the first, whose spike trains are compared, and that the twin of the
#: condition runs, too.
TRAINS = 20


@dataclass(frozen=True)
class Task:
    """Name one cell of the table of conditions and shards.

    Parameters
    ----------
    perturbations : tuple of Perturbation
        The condition.
    seed : int
        Seed of the random numbers of the condition.
    shard : int
        Number of the shard.
    """

    perturbations: tuple[Perturbation, ...]
    seed: int
    shard: int

    @property
    def key(self) -> str:
        """A text that identifies the task, whatever the order of the perturbations."""
        changes = sorted((p.name, plain(p.to_dict())) for p in self.perturbations)
        return json.dumps([changes, int(self.seed), self.shard])

    @property
    def finer(self) -> int:
        """How many steps the condition makes of one: about what a sample takes longer."""
        return math.prod(p.divisor for p in self.perturbations if isinstance(p, FinerDt))


def shard_size(network: SpikingNetwork, *, shared: bool = False) -> int:
    """Return the number of samples of a shard.

    A shard is one, two, four, ... blocks of the twin (`block_size`). The same samples therefore run
    together, and numbers are added up in the same order (`brianbridge.tree_sum`), whatever the
    size.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    shared : bool
        Whether workers share the shards. A run then takes about two seconds, and up to some ten in
        conditions that are harder to simulate.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> layers = [Dense(800, neuron_model("if")), Dense(10, neuron_model("if"))]
    >>> network = SpikingNetwork.sequential((784,), layers, encoding=Current(100))
    >>> shard_size(network), shard_size(network, shared=True)
    (1968, 492)
    """
    block = block_size(network)
    cells = max(1, network.steps * sum(population.size for population in network.firing))
    wanted = min(_SAMPLES, _NEURON_STEPS // cells) if shared else _SAMPLES
    return block << (max(wanted // block, 1).bit_length() - 1)


class Shards:
    """Cut samples into shards, and run the twin on each shard once.

    Parameters
    ----------
    network : SpikingNetwork
        The trained network.
    data : Dataset
        All samples.
    size : int, optional
        Number of samples in a shard; `shard_size` of the network if not given.
    seed : int
        Seed of the random numbers of the twin's neurons.
    """

    def __init__(
        self, network: SpikingNetwork, data: Dataset, size: int | None = None, seed: int = 0
    ) -> None:
        self.network, self.data, self.seed = network, data, seed
        self.size = shard_size(network) if size is None else size
        self._samples, self._first = len(data), 0  # of all data, and of those that are here
        #: The network whose twin is the reference; `beside` does not change it.
        self.reference = network
        self._runs: dict[int, tuple[TwinRun, RunResult]] = {}

    def __len__(self) -> int:
        return -(-self._samples // self.size)

    def part(self, shard: int) -> Dataset:
        """Return the samples of a shard."""
        low, high = self.bounds(shard)
        return self.data.subset(range(low - self._first, high - self._first))

    def without_samples(self) -> Shards:
        """Return the shards for another process, which gets the samples one by one (`part`)."""
        found = copy(self)
        found.data, found._runs = None, {}  # type: ignore[assignment]
        return found

    def with_part(self, shard: int, part: Dataset) -> Shards:
        """Return the shards with the samples of one of them alone, in another process."""
        found = copy(self)
        found.data, found._first, found._runs = part, self.bounds(shard)[0], {}
        return found

    def bounds(self, shard: int) -> tuple[int, int]:
        """Return the number of the first sample of a shard, and of the first one after it."""
        return shard * self.size, min((shard + 1) * self.size, self._samples)

    def number(self, shard: int) -> int:
        """Return the number of samples of a shard."""
        low, high = self.bounds(shard)
        return high - low

    def beside(self, network: SpikingNetwork) -> Shards:
        """Return the shards of a changed network, to be compared with the original's twin."""
        found = copy(self)
        found.network = network
        return found

    def twin(
        self,
        shard: int,
        on_done: Callable[[int], object] = lambda samples: None,
        threads: int | None = None,
    ) -> tuple[TwinRun, RunResult]:
        """Return the twin's run on a shard and its result; the twin runs once."""
        if shard not in self._runs:
            self._runs[shard] = self.run_twin(shard, on_done, threads or cores())
        return self._runs[shard]

    def run_twin(
        self, shard: int, on_done: Callable[[int], object] = lambda samples: None, threads: int = 1
    ) -> tuple[TwinRun, RunResult]:
        """Run the twin on a shard; `on_done` is called with numbers of samples that are done."""
        collect = self.collector(shard, None, self.reference)

        def show(block: Recording) -> None:
            collect(block)
            on_done(block.samples)

        x, low, share = self.samples(shard)[0], self.bounds(shard)[0], 1 / len(self)
        run = TwinRun(
            self.reference, x, show, first=low, share=share, seed=self.seed,
            record=recorded_for(self.reference), threads=threads,
        )  # fmt: skip
        return run, collect.result

    def samples(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs and labels of a shard, without copying them."""
        low, high = self.bounds(shard)
        here = slice(low - self._first, high - self._first)
        return self.data.x[here], self.data.y[here]

    def collector(
        self, shard: int, twin: TwinRun | None, ran: SpikingNetwork | None = None
    ) -> ResultCollector:
        """Return an object that adds up the chunks of a run of a network on a shard."""
        low, high = self.bounds(shard)
        x, labels = self.samples(shard)
        inputs = None
        if READOUTS[self.network.readout].first_spike_decides:
            inputs = input_spikes_by_step(self.network, x, np.arange(low, high))
        return ResultCollector(self.network, labels, inputs, twin, max(0, TRAINS - low), ran)


def run_task(
    shards: Shards,
    task: Task,
    twin: TwinRun,
    *,
    threads: int | None = None,
    on_chunk: Sequence[Callable[[Recording], None]] = (),
    on_done: Callable[[int], object] = lambda samples: None,
) -> RunResult:
    """Simulate a shard in Brian2 and compare it with the twin.

    Parameters
    ----------
    shards : Shards
        The network and its samples.
    task : Task
        The condition and the shard.
    twin : TwinRun
        The twin's run on that shard.
    threads : int, optional
        Threads of the simulation; one for each core if None. They only affect the time.
    on_chunk : sequence of callable
        Functions that are also called with each recording.
    on_done : callable
        Called with the number of samples of each recording.
    """
    started = time.perf_counter()
    low, high = shards.bounds(task.shard)
    condition = perturbed(Condition(shards.network), task.perturbations, task.seed)
    collect = shards.collector(task.shard, twin, condition.network)
    # Without a perturbation, all samples are compared with the same twin.
    first = max(0, TRAINS - low) if task.perturbations else 0
    x = shards.samples(task.shard)[0]
    check = BridgeChecker(condition, x[:first], low, task.seed)

    def show(chunk: Recording) -> None:
        collect(chunk)
        check(chunk)
        for function in on_chunk:
            function(chunk)
        on_done(chunk.samples)

    recorded = ("spikes", "t_crossing") if on_chunk else ("spikes",)
    # Rounding in numerical libraries depends on their number of threads.
    with threadpool_limits(limits=1, user_api="blas"):
        condition.simulate(
            x,
            index=np.arange(low, high),
            record=(*recorded, *recorded_for(condition.network)),
            seed=task.seed,
            threads=threads,
            batch_size=_chunk_size(condition, block_size(shards.network), len(x), threads),
            on_chunk=show,
            keep=False,
        )
    seconds = time.perf_counter() - started
    return replace(collect.result, bridge=check.found, seconds=seconds)


def _chunk_size(condition: Condition, block: int, samples: int, threads: int | None) -> int | None:
    """Return the number of samples to simulate at once; None for that of the simulation."""
    network = condition.network
    if network.modelled:  # the reference path has other limits
        return None
    traced = condition.divisor * network.output.size * len(recorded_for(network))
    return part_of_block(network, block, samples, threads or cores(), traced=traced)
