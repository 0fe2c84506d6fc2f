"""Spike trains as data: make frames, one for each step, of the spikes of a sample.

Spike trains are the most natural data of a Brian2 user: times and indices, a `SpikeMonitor`, or the
`Recording` of another network. `spike_frames` makes an array of them that a network with encoding
`Frames` takes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from brianbridge.encoding import Encoding, Frames, Sources
from brianbridge.errors import InputError
from brianbridge.network.delays import step_of
from brianbridge.neurons.quantity_text import unit_of
from brianbridge.readable import in_ms
from brianbridge.recording import Recording

if TYPE_CHECKING:
    from brianbridge.network.network import SpikingNetwork

__all__ = ["are_spike_trains", "check_pairs", "frames_of", "spike_frames"]


def spike_frames(
    network: SpikingNetwork, trains: Any, population: str | None = None
) -> npt.NDArray[Any]:
    """Return spike trains as an array of samples of a network with encoding `Frames`.

    A spike at time t belongs to the step in which Brian2's `SpikeGeneratorGroup` would emit it.

    Parameters
    ----------
    network : SpikingNetwork
        The network whose input emits the spikes.
    trains : Recording, pair, monitor or group, or list of them
        What each sample is made of: a `Recording` with one or more samples; a pair
        ``(indices, times)``, with times in Brian2's units; a `SpikeMonitor`; a
        `SpikeGeneratorGroup`, whose own spikes are meant. A list has one entry for each sample.
    population : str, optional
        The population of a recording; may be left out if only one has as many neurons as the
        input.

    Returns
    -------
    numpy.ndarray of int8, or float64 if spikes have values, shape (samples, *input_shape)

    Raises
    ------
    InputError
        If the network has another encoding, or a spike does not fit its neurons or steps.

    Examples
    --------
    >>> from brian2 import ms
    >>> from brianbridge.network import Dense, SpikingNetwork
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential(
    ...     (4, 3), [Dense(2, neuron_model("lif"))], encoding=Frames(steps=4, dt=1*ms))
    >>> x = spike_frames(net, [([0, 2], [0, 3]*ms), ([1], [2]*ms)])
    >>> x.shape, x[0].tolist()
    ((2, 4, 3), [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]])
    """
    encoding, shape = network.encoding, network.input_shape
    if isinstance(encoding, Sources) and len(encoding.with_data) == 1:
        encoding = encoding.with_data[0].encoding
    return frames_of(encoding, shape, trains, population)


def frames_of(
    encoding: Encoding, shape: Sequence[int], trains: Any, population: str | None = None
) -> npt.NDArray[Any]:
    """Return spike trains as samples of a shape for an encoding; see `spike_frames`."""
    if not isinstance(encoding, Frames):
        raise InputError(
            f"the samples are spike trains, but this network has encoding '{encoding.kind}'; read "
            f"or build it with encoding=bb.Frames(steps={encoding.steps}, dt={in_ms(encoding.dt)})"
        )
    if not are_spike_trains(trains):
        raise InputError(
            f"{type(trains).__name__} holds no spike trains; give a Recording, (indices, times), a "
            "SpikeMonitor, or a list of them, with times in seconds or ms"
        )
    neurons = math.prod(shape[1:])
    entries = trains if isinstance(trains, list) else [trains]
    parts = [_frames(encoding, neurons, one, population, k) for k, one in enumerate(entries)]
    return np.concatenate(parts).reshape(-1, *shape)


def are_spike_trains(given: Any) -> bool:
    """Return whether samples are spike trains, rather than an array.

    Examples
    --------
    >>> from brian2 import ms
    >>> are_spike_trains(([0, 1], [3, 5]*ms)), are_spike_trains(([0, 1], [3, 5]))
    (True, False)
    """
    if isinstance(given, list):
        return bool(given) and all(_is_one(entry) for entry in given)
    return _is_one(given)


def check_pairs(encoding: Encoding, shape: Sequence[int], given: Any) -> None:
    """Refuse pairs that are meant as spike trains, but have times without a unit, or first.

    Parameters
    ----------
    encoding, shape
        Encoding of a network, and shape of its samples.
    given : object
        Samples that are no spike trains; see `are_spike_trains`.
    """
    entries = given if isinstance(given, list) else [given]
    if not entries or not all(isinstance(one, tuple) and len(one) == 2 for one in entries):
        return
    for first, second in entries:
        if unit_of(first) == "second":
            raise InputError(
                "the samples have (times, indices) as spike trains; give (indices, times), such as "
                "([0, 3], [1, 2]*ms)"
            )
        flat = np.ndim(first) == np.ndim(second) == 1
        if flat and isinstance(encoding, Frames) and (2, len(first)) != tuple(shape):
            raise InputError(
                "the samples have pairs of numbers without a unit; of spike trains (indices, "
                "times), times need one, such as ([0, 3], [1, 2]*ms)"
            )


def _is_one(given: Any) -> bool:
    return isinstance(given, Recording) or _indices_and_times(given) is not None


def _indices_and_times(given: Any) -> tuple[Any, Any] | None:
    """Return the indices and times of a pair, a generator or a monitor; None of anything else."""
    if isinstance(given, tuple) and len(given) == 2:
        found = given
    elif hasattr(given, "spike_time") and hasattr(given, "neuron_index"):
        found = (given.neuron_index[:], given.spike_time[:])
    elif hasattr(given, "record_variables") and hasattr(given, "i"):
        found = (given.i[:], given.t[:])
    else:
        return None
    return found if unit_of(found[1]) == "second" else None


def _frames(
    encoding: Frames, neurons: int, train: Any, population: str | None, number: int
) -> npt.NDArray[Any]:
    """Return the frames of one entry, ``(samples, steps, neurons)``."""
    steps, dt = encoding.steps, encoding.dt
    if isinstance(train, Recording):
        events = train.events(_population(train, population, neurons))
        sample, samples = events.sample, train.samples
        index, time, value = events.node, events.time, events.value
    else:
        found = _indices_and_times(train)
        assert found is not None
        index, time = np.asarray(found[0]), np.asarray(found[1], float)
        samples, sample, value = 1, np.zeros(len(time), np.int64), np.ones(len(time), np.int8)
    what = f"spike trains, entry {number}"
    if index.shape != time.shape or time.ndim != 1:
        raise InputError(
            f"{what}: there are {index.shape} indices and {time.shape} times; give one of each for "
            "every spike"
        )
    step = step_of(time, dt)
    _check_range(f"{what}: neuron", index, neurons, "give the indices of input neurons")
    length = f"a presentation has {steps} steps of {dt * 1e3:g} ms"
    remedy = f"{length}; leave out the spikes outside it, or give it more steps"
    _check_range(f"{what}: step", step, steps, remedy)
    cells = (sample.astype(np.int64) * steps + step) * neurons + index
    order = np.sort(cells)
    if (again := np.flatnonzero(order[1:] == order[:-1])).size:
        cell = order[again[0]]
        raise InputError(
            f"{what}: neuron {cell % neurons} fires more than once within step "
            f"{cell // neurons % steps}; give a shorter dt, or drop a spike"
        )
    frames = np.zeros((samples, steps, neurons), np.int8 if (value == 1).all() else np.float64)
    frames.reshape(-1)[cells] = value
    return frames


def _population(recording: Recording, chosen: str | None, neurons: int) -> str:
    """Return the population of a recording whose spikes are meant."""
    if chosen is not None:
        return chosen
    fitting = [name for name, shape in recording.shapes.items() if math.prod(shape) == neurons]
    if len(fitting) != 1:
        which = " and ".join(f"'{name}'" for name in fitting) or "none"
        raise InputError(
            f"the input has {neurons} neurons, as {which} of the recording's populations; make the "
            "samples by bb.encodings.spike_frames(network, recording, population=...)"
        )
    return fitting[0]


def _check_range(what: str, values: npt.NDArray[Any], limit: int, remedy: str) -> None:
    outside = np.asarray(values)[(np.asarray(values) < 0) | (np.asarray(values) >= limit)]
    if outside.size:
        raise InputError(f"{what} {outside[0]} is not within 0 to {limit - 1}; {remedy}")
