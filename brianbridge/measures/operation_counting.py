"""Count the operations of a presentation: spikes times the fan-out of each neuron.

See `brianbridge.measures.operations` for what is counted, and by which convention.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.measures.fan_out import ann_macs, fan_out
from brianbridge.measures.operations import (
    Operations,
    PopulationOperations,
    ProjectionOperations,
)
from brianbridge.measures.spike_counts import SpikeCounts, count_input_spikes, count_spikes
from brianbridge.network import INPUT, Projection, SpikingNetwork
from brianbridge.recording import Recording

__all__ = ["count_operations", "operations_of"]


def operations_of(
    network: SpikingNetwork, recording: Recording, x: Any = None, index: Any = None
) -> Operations:
    """Count the operations in a recording of the twin or of Brian2.

    Parameters
    ----------
    network : SpikingNetwork
        Network that was recorded.
    recording : Recording
        Recorded spikes. With a finer step there are more steps, and so more updates.
    x : array, shape (samples, *input_shape), or EncodedInput, optional
        Samples that were presented. They are needed if the input spikes, because recordings do not
        contain input spikes.
    index : array of int, shape (samples,), optional
        Number of each sample in its data set; counted from 0 if not given.

    Returns
    -------
    Operations
        Operations of one presentation, averaged over samples.

    Raises
    ------
    InputError
        If spikes are missing, or the samples are not as many as in the recording.

    Examples
    --------
    >>> from brianbridge.encoding import Latency
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> from brianbridge.simulation.simulate import simulate
    >>> net = SpikingNetwork.sequential((3,), [Dense(2, neuron_model("if"))], encoding=Latency(5))
    >>> x = np.array([[1.0, 0.5, 0.0]])  # two inputs fire, and reach two neurons each
    >>> operations_of(net, simulate(net, x), x).synops
    4.0
    """
    counts = count_spikes(recording)
    if x is not None:
        counts |= count_input_spikes(network, x, index)
    return count_operations(network, counts, recording.samples, recording.steps)


def count_operations(
    network: SpikingNetwork, counts: Mapping[str, SpikeCounts], samples: int, steps: int
) -> Operations:
    """Count the operations of a presentation from spike counts.

    Parameters
    ----------
    network : SpikingNetwork
        Network that was run.
    counts : mapping of str to SpikeCounts
        Spike counts of each population that fires, and of the input if it spikes; from
        `count_spikes` and `count_input_spikes`.
    samples : int
        Number of samples that were presented.
    steps : int
        Number of steps in one presentation.

    Raises
    ------
    InputError
        If the counts of a population that fires are missing, or are of other samples.
    """
    _check(network, counts, samples)
    return Operations(
        samples,
        steps,
        tuple(
            _of_population(network, name, counts.get(name), steps)
            for name in (*_spiking_input(network), *(p.name for p in network.populations))
        ),
        tuple(_of_projection(network, p, counts) for p in network.projections),
    )


def _of_population(
    network: SpikingNetwork, name: str, counts: SpikeCounts | None, steps: int
) -> PopulationOperations:
    neurons = int(np.prod(network.shape_of(name)))
    updates = 0 if name == INPUT else neurons * steps
    if counts is None:
        # The population is read by its potential.
        return PopulationOperations(name, neurons, 0.0, 0.0, 0.0, updates)
    return PopulationOperations(
        name,
        neurons,
        int(counts.events.sum()) / counts.samples,
        float(counts.mass.sum()) / counts.samples,
        counts.negative / counts.samples,
        updates,
    )


def _of_projection(
    network: SpikingNetwork, projection: Projection, counts: Mapping[str, SpikeCounts]
) -> ProjectionOperations:
    ends = network.shape_of(projection.source), network.shape_of(projection.target)
    macs = ann_macs(projection, *ends)
    if projection.model is not None and not projection.model.follows_spikes:
        return ProjectionOperations(projection.name, 0.0, 0.0, False, 0, 0)
    if not network.delivers_spikes(projection):
        return ProjectionOperations(projection.name, 0.0, 0.0, False, macs, macs)
    sent, reached = counts[projection.source], fan_out(projection, *ends)
    return ProjectionOperations(
        projection.name,
        int(sent.events @ reached) / sent.samples,
        float(sent.mass @ reached) / sent.samples,
        sent.graded,
        0,
        macs,
    )


def _spiking_input(network: SpikingNetwork) -> list[str]:
    """Return the name of the input in a list, empty if the network receives no input spikes."""
    spiking = (p.source == INPUT and network.delivers_spikes(p) for p in network.projections)
    return [INPUT] if any(spiking) else []


def _check(network: SpikingNetwork, counts: Mapping[str, SpikeCounts], samples: int) -> None:
    """Raise an error if spike counts are missing, or not of these neurons and samples."""
    for name in (*_spiking_input(network), *(p.name for p in network.firing)):
        if name not in counts:
            remedy = (
                f"encoding '{network.encoding.kind}' makes them of the samples; give those as 'x'"
                if name == INPUT
                else "give a recording that has them"
            )
            raise InputError(f"operations: the spikes of '{name}' are missing; {remedy}")
        found, neurons = counts[name], int(np.prod(network.shape_of(name)))
        if found.samples != samples or found.events.shape != (neurons,):
            raise InputError(
                f"operations: the spikes of '{name}' are those of {found.events.size} neurons and "
                f"{found.samples} samples, but there are {neurons} neurons and {samples} samples; "
                "give the network, samples and recording of the same run"
            )
