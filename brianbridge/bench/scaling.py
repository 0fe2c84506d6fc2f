"""Measure how time and memory of a simulation grow with samples, steps and neurons.

Time is counted for each *operation*: a spike that arrives through a synapse, or the update of a
neuron in a step. If an operation takes as long in a large simulation as in a small one, nothing in
it grows faster than the work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from brianbridge.bench.contestants import CONTESTANTS
from brianbridge.bench.fresh_process import in_fresh_process
from brianbridge.bench.memory import added_peak_mb
from brianbridge.datasets import Dataset
from brianbridge.encoding import Bernoulli, EncodedInput
from brianbridge.measures import operations_of
from brianbridge.network import Dense, Population, Projection, Sparse, SpikingNetwork
from brianbridge.simulation.simulate import simulate

__all__ = ["Report", "bytes_per_spike", "encoded", "scaling_of", "seconds_of_batched"]

Report = Callable[[str], None]
Points = list[dict[str, Any]]

#: Samples of which operations are counted, and samples at most in one simulation over steps.
_COUNTED, _MOST = 20, 5_000
#: Synapses onto each neuron, whatever the number of neurons.
_FAN_IN = 100


def encoded(network: SpikingNetwork, data: Dataset, samples: int) -> EncodedInput:
    """Return the encoded input of a network; samples are repeated if there are too few."""
    index = np.arange(samples)
    return network.encoding.encode(data.x[index % len(data)], index)


def seconds_of_batched(
    network: SpikingNetwork, given: EncodedInput, dt: float | None = None
) -> float:
    """Return the time of the batched path, in seconds."""
    contestant, _ = CONTESTANTS["batched"]
    return contestant(network, given, dt or network.dt).seconds


def scaling_of(network: SpikingNetwork, data: Dataset, report: Report) -> dict[str, Points]:
    """Return seconds and nanoseconds an operation of the batched path over three sizes.

    Parameters
    ----------
    network : SpikingNetwork
        The network; those of other sizes have the same neurons.
    data : Dataset
        The samples.
    report : callable
        Called with one line for each point.

    Returns
    -------
    dict of str to list of dict
        For ``samples`` of the network itself, for ``steps`` of two dense layers, and for
        ``neurons`` with a fixed number of synapses each: the size, ``seconds`` and
        ``ns_per_operation``.
    """
    return {
        "samples": [
            _point("samples", n, network, encoded(network, data, n), report)
            for n in (500, 5_000, 50_000)
        ],
        "steps": [_over_steps(network, data, steps, report) for steps in (10, 40, 160, 640, 1_000)],
        "neurons": [_over_neurons(network, n, report) for n in (100, 1_000, 10_000)],
    }


def _point(
    over: str, size: int, network: SpikingNetwork, given: EncodedInput, report: Report
) -> dict[str, Any]:
    seconds = seconds_of_batched(network, given)
    few = given.part(0, _COUNTED)
    counted = operations_of(network, simulate(network, few), few)
    nanoseconds = 1e9 * seconds / given.samples / (counted.synops + counted.updates)
    report(f"{size:6} {over}: {seconds:6.2f} s, {nanoseconds:.3f} ns an operation")
    return {
        over: size, "measured_samples": given.samples, "seconds": seconds,
        "ns_per_operation": nanoseconds,
    }  # fmt: skip


def _over_steps(
    network: SpikingNetwork, data: Dataset, steps: int, report: Report
) -> dict[str, Any]:
    hidden, output = network.populations[0].neuron, network.output.neuron
    larger = SpikingNetwork.sequential(
        data.shape,
        [Dense(400, hidden), Dense(network.output.size, output)],
        encoding=Bernoulli(steps, network.dt, gain=0.2, seed=1),
        readout=network.readout,
        seed=1,
    )
    # As much work in all, so that starting a simulation counts as much in all.
    samples = min(_MOST, 500_000 // steps)
    return _point("steps", steps, larger, encoded(larger, data, samples), report)


def _over_neurons(network: SpikingNetwork, neurons: int, report: Report) -> dict[str, Any]:
    draw, name = np.random.default_rng(1), network.populations[0].name
    fan_in = min(_FAN_IN, neurons)
    source = np.concatenate([draw.permutation(neurons)[:fan_in] for _ in range(neurons)])
    wires = Sparse(source, np.repeat(np.arange(neurons), fan_in))
    larger = SpikingNetwork(
        (neurons,), Bernoulli(network.steps, network.dt, gain=0.1, seed=1),
        (Population(name, (neurons,), network.populations[0].neuron),),
        (Projection("input", name, draw.normal(0, 1, len(source)), None, wires),),
    )  # fmt: skip
    samples = 1_000_000 // neurons
    given = larger.encoding.encode(np.ones((samples, neurons)), np.arange(samples))
    return _point("neurons", neurons, larger, given, report)


def bytes_per_spike(network: SpikingNetwork, data: Dataset, samples: int) -> float:
    """Return by how many bytes the peak memory of a simulation grows with each spike it keeps.

    It is the difference between a simulation that keeps its spikes and one that does not, each in a
    fresh process.
    """
    kept, spikes = in_fresh_process(_peak_and_spikes, network, data.x, samples, True)
    dropped, _ = in_fresh_process(_peak_and_spikes, network, data.x, samples, False)
    return 1e6 * (kept - dropped) / max(1, spikes)


def _peak_and_spikes(
    network: SpikingNetwork, x: np.ndarray, samples: int, keep: bool
) -> tuple[float, int]:
    """Return the peak memory of a simulation above what the process held, in MB, and its spikes."""
    given = x[np.arange(samples) % len(x)]
    simulate(network, given[:2])
    results: list[Any] = []
    peak = added_peak_mb(lambda: results.append(simulate(network, given, keep=keep)))
    per_sample = results[0].spikes_per_sample()
    return peak or 0.0, round(samples * sum(per_sample.values()))
