"""Count the operations of a presentation: spikes by the real fan-out of each neuron.

See `brianbridge.measures.operation_counts` for what is counted, and by which convention.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.measures.activity import Activity, activity_of, activity_of_input
from brianbridge.measures.fan_out import ann_macs, fan_out
from brianbridge.measures.operation_counts import (
    Operations,
    PopulationOperations,
    ProjectionOperations,
)
from brianbridge.network import INPUT, Projection, SpikingNetwork
from brianbridge.recording import Recording

__all__ = ["count_operations", "operations_of"]


def operations_of(
    network: SpikingNetwork, recording: Recording, x: Any = None, index: Any = None
) -> Operations:
    """Count the operations of a recording, of the twin's or of Brian2's.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    recording : Recording
        Its spikes; at a finer `dt` it has more steps, and so more updates.
    x : array, shape (samples, *input_shape), or EncodedInput, optional
        The samples that were presented; needed where the input spikes, for those are not recorded.
    index : array of int, shape (samples,), optional
        Number of each sample in its data set; counted from 0 if not given.

    Raises
    ------
    InputError
        If spikes are missing, or samples and recording are not equally many.

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
    activities = activity_of(recording)
    if x is not None:
        activities |= activity_of_input(network, x, index)
    return count_operations(network, activities, recording.samples, recording.steps)


def count_operations(
    network: SpikingNetwork, activities: Mapping[str, Activity], samples: int, steps: int
) -> Operations:
    """Count the operations of a presentation from what the neurons did.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    activities : mapping of str to Activity
        By population, and of the input if it spikes; see `activity_of` and `activity_of_input`.
    samples : int
        Samples that were presented.
    steps : int
        Steps of one presentation.

    Raises
    ------
    InputError
        If the activity of a population that fires is missing, or is of other samples.
    """
    _check(network, activities, samples)
    return Operations(
        samples,
        steps,
        tuple(
            _of_population(network, name, activities.get(name), steps)
            for name in (*_spiking_input(network), *(p.name for p in network.populations))
        ),
        tuple(_of_projection(network, p, activities) for p in network.projections),
    )


def _of_population(
    network: SpikingNetwork, name: str, activity: Activity | None, steps: int
) -> PopulationOperations:
    neurons = int(np.prod(network.shape_of(name)))
    updates = 0 if name == INPUT else neurons * steps
    if activity is None:
        # It is read by its potential.
        return PopulationOperations(name, neurons, 0.0, 0.0, 0.0, updates)
    return PopulationOperations(
        name,
        neurons,
        int(activity.events.sum()) / activity.samples,
        float(activity.mass.sum()) / activity.samples,
        activity.negative / activity.samples,
        updates,
    )


def _of_projection(
    network: SpikingNetwork, projection: Projection, activities: Mapping[str, Activity]
) -> ProjectionOperations:
    ends = network.shape_of(projection.source), network.shape_of(projection.target)
    macs = ann_macs(projection, *ends)
    if not network.delivers_spikes(projection):
        return ProjectionOperations(projection.name, 0.0, 0.0, False, macs, macs)
    activity, reached = activities[projection.source], fan_out(projection, *ends)
    return ProjectionOperations(
        projection.name,
        int(activity.events @ reached) / activity.samples,
        float(activity.mass @ reached) / activity.samples,
        activity.graded,
        0,
        macs,
    )


def _spiking_input(network: SpikingNetwork) -> list[str]:
    """Return the name of the input if its spikes are delivered to someone."""
    spiking = (p.source == INPUT and network.delivers_spikes(p) for p in network.projections)
    return [INPUT] if any(spiking) else []


def _check(network: SpikingNetwork, activities: Mapping[str, Activity], samples: int) -> None:
    """Refuse activities that are missing, or not of these neurons and samples."""
    for name in (*_spiking_input(network), *(p.name for p in network.firing)):
        if name not in activities:
            remedy = (
                f"encoding '{network.encoding.kind}' makes them of the samples; give those as 'x'"
                if name == INPUT
                else "give a recording that has them"
            )
            raise InputError(f"operations: the spikes of '{name}' are missing; {remedy}")
        found, neurons = activities[name], int(np.prod(network.shape_of(name)))
        if found.samples != samples or found.events.shape != (neurons,):
            raise InputError(
                f"operations: the spikes of '{name}' are those of {found.events.size} neurons and "
                f"{found.samples} samples, but there are {neurons} neurons and {samples} samples; "
                "give the network, samples and recording of one and the same run"
            )
