"""Measure how the time of a simulation grows with samples, neurons and steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from brianbridge.bench.contestants import CONTESTANTS
from brianbridge.datasets import Dataset
from brianbridge.encoding import Bernoulli, EncodedInput
from brianbridge.network import Dense, SpikingNetwork

__all__ = ["Report", "encoded", "scaling_of", "seconds_of_batched"]

Report = Callable[[str], None]
Points = list[dict[str, Any]]


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
    """Return the seconds of the batched path over samples, width and steps.

    Parameters
    ----------
    network : SpikingNetwork
        The network; the networks of other widths and steps have the same neurons.
    data : Dataset
        The samples.
    report : callable
        Called with one line for each point.
    """
    return {
        "samples": _over_samples(network, data, report),
        "width": _over_width(network, data, report),
        "steps": _over_steps(network, data, report),
    }


def _over_samples(network: SpikingNetwork, data: Dataset, report: Report) -> Points:
    points = []
    for number in (1_000, 3_000, 10_000, 30_000, 60_000):
        seconds = seconds_of_batched(network, encoded(network, data, number))
        points.append({"samples": number, "seconds": seconds})
        report(f"{number:6} samples: {seconds:.2f} s")
    return points


def _two_layers(network: SpikingNetwork, data: Dataset, width: int, steps: int) -> SpikingNetwork:
    """Return a network of two dense layers of the same neurons, with random weights."""
    hidden, output = network.populations[0].neuron, network.output.neuron
    encoding = Bernoulli(steps, network.dt, gain=0.2, seed=1)
    return SpikingNetwork.sequential(
        data.shape,
        [Dense(width, hidden), Dense(network.output.size, output)],
        encoding=encoding,
        readout=network.readout,
        seed=1,
    )


def _over_width(network: SpikingNetwork, data: Dataset, report: Report) -> Points:
    points = []
    for width in (100, 400, 1_600, 6_400):
        larger = _two_layers(network, data, width, network.steps)
        seconds = seconds_of_batched(larger, encoded(larger, data, 1_000))
        points.append({"width": width, "seconds": seconds})
        report(f"{width:6} hidden neurons, 1,000 samples: {seconds:.2f} s")
    return points


def _over_steps(network: SpikingNetwork, data: Dataset, report: Report) -> Points:
    points = []
    for steps in (1, 10, 100):
        larger = _two_layers(network, data, network.populations[0].size, steps)
        seconds = seconds_of_batched(larger, encoded(larger, data, 1_000))
        points.append({"steps": steps, "seconds": seconds})
        report(f"{steps:6} steps, 1,000 samples: {seconds:.2f} s")
    return points
