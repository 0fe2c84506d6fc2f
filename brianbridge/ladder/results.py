"""The results of one run on some samples, collected chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from brianbridge.ladder.bridge_check import BridgeCheck
from brianbridge.ladder.twin_run import TwinRun, block_size
from brianbridge.measures.decision import Decision
from brianbridge.measures.first_spikes import FirstSpikeComparison
from brianbridge.measures.latency import decision_latency
from brianbridge.measures.over_time import EarlyHits
from brianbridge.measures.sample_summary import SampleSummary
from brianbridge.measures.spike_comparison import SpikeComparison
from brianbridge.measures.spike_counts import SpikeCounts, add_spike_counts
from brianbridge.measures.spike_train_distances import SpikeTrainDistances
from brianbridge.network import READOUTS, SpikingNetwork
from brianbridge.recording import Recording
from brianbridge.tree_sum import TreeSum

__all__ = ["ResultCollector", "RunResult"]


@dataclass(frozen=True, eq=False)
class RunResult:
    """Hold the results of one run on some samples; results of consecutive samples add up.

    Parameters
    ----------
    prediction : numpy.ndarray of int, shape (samples,)
        Predicted class of each sample.
    activity : mapping of str to SpikeCounts
        Spike counts of each neuron, by population.
    outputs : SampleSummary
        Spikes of each sample, and whether its prediction is silent or tied.
    comparison : SpikeComparison, optional
        Comparison with the twin's spikes; None for the twin itself.
    latency : numpy.ndarray of int, shape (samples,), optional
        Step after which the running prediction no longer changes; for readout ``counts``.
    decision, first_spikes : optional
        Decision times, and their comparison with the twin's; for readout ``first_spike``.
    distances : SpikeTrainDistances, optional
        Distances from the twin's spike trains, for the first samples.
    bridge : BridgeCheck, optional
        Comparison with the twin of the run's condition, for the first samples.
    early : EarlyHits, optional
        Whether samples are right if their presentation ends earlier; None if nobody knows.
    seconds : float
        Time that the run took.
    """

    prediction: np.ndarray
    activity: Mapping[str, SpikeCounts]
    outputs: SampleSummary
    comparison: SpikeComparison | None = None
    latency: np.ndarray | None = None
    decision: Decision | None = None
    first_spikes: FirstSpikeComparison | None = None
    distances: SpikeTrainDistances | None = None
    bridge: BridgeCheck | None = None
    early: EarlyHits | None = None
    seconds: float = 0.0

    def __add__(self, other: RunResult) -> RunResult:
        """Return the results of the samples of both, with those of `other` last."""
        return RunResult(
            np.concatenate([self.prediction, other.prediction]),
            {name: a + other.activity[name] for name, a in self.activity.items()},
            self.outputs + other.outputs,
            _sum(self.comparison, other.comparison),
            None
            if self.latency is None or other.latency is None
            else np.concatenate([self.latency, other.latency]),
            _sum(self.decision, other.decision),
            _sum(self.first_spikes, other.first_spikes),
            _sum(self.distances, other.distances),
            _sum(self.bridge, other.bridge),
            _sum(self.early, other.early),
            self.seconds + other.seconds,
        )


def _sum(one, other):  # type: ignore[no-untyped-def]
    """Return the sum of two values, either of which may be missing."""
    if one is None or other is None:
        return other if one is None else one
    return one + other


class ResultCollector:
    """Add up the chunks of a run as they come, without keeping them.

    The number of samples in a chunk depends on threads and memory, and the sum of fractions depends
    on how they are grouped. Chunks are therefore cut and joined into blocks whose size depends on
    the network alone.

    Parameters
    ----------
    network : SpikingNetwork
        The network that runs.
    labels : numpy.ndarray of int, shape (samples,)
        Labels of all samples of the run.
    inputs : numpy.ndarray, optional
        Input spikes by step and sample; for readout ``first_spike``.
    twin : TwinRun, optional
        The twin's run on the same samples; None while the twin itself runs.
    trains : int
        Number of samples, counted from the first, whose spike trains are compared.
    ran : SpikingNetwork, optional
        The network under the condition of the run, if that is another one.
    """

    def __init__(
        self,
        network: SpikingNetwork,
        labels: np.ndarray,
        inputs: np.ndarray | None,
        twin: TwinRun | None,
        trains: int,
        ran: SpikingNetwork | None = None,
    ) -> None:
        self._ran = ran or network
        self._network, self._labels, self._inputs = network, labels, inputs
        self._twin, self._trains = twin, trains
        self._block, self._waiting = block_size(network), list[Recording]()
        self._samples = 0
        self._sum = TreeSum()

    def __call__(self, chunk: Recording) -> None:
        """Take the next chunk of the run."""
        self._waiting.append(chunk)
        here = sum(recording.samples for recording in self._waiting)
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

    def _add(self, block: Recording) -> None:
        """Add the results of a block."""
        low, self._samples = self._samples, self._samples + block.samples
        here = slice(low, self._samples)
        output = self._network.output.name
        decision = first = comparison = distances = latency = None
        readout = READOUTS[self._network.readout]
        if readout.first_spike_decides:
            inputs = None if self._inputs is None else self._inputs[here]
            decision = Decision.of(block, output, self._labels[here], inputs)
        if readout.counts_spikes:
            latency = decision_latency(block, output)
        if self._twin is not None:
            twin = self._twin.part(low, self._samples)
            comparison = SpikeComparison.of(twin, block)
            if decision is not None:
                first = FirstSpikeComparison.of(twin, block, output)
            if low < self._trains:
                distances = SpikeTrainDistances.of(twin, block, self._trains - low)
        activity, outputs = add_spike_counts({}, block), SampleSummary.of(block, output)
        found = RunResult(
            block.prediction, activity, outputs, comparison, latency, decision, first, distances,
            early=EarlyHits.of(block, self._ran, self._labels[here]),
        )  # fmt: skip
        self._sum.add(found)

    @property
    def result(self) -> RunResult:
        """The result over all samples, once all chunks have come."""
        result: RunResult | None = self._sum.result
        assert result is not None, "no chunk came"
        assert not self._waiting, "chunks are missing"
        return result
