"""Spike counts of each neuron, summed over samples.

To count operations, nothing else about the spikes is needed. Counts of consecutive samples add, so
that a run can be counted chunk by chunk without keeping its spikes
(``simulate(..., on_chunk=..., keep=False)``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.encoding import EncodedInput
from brianbridge.errors import InputError
from brianbridge.event_loops import spikes_of_each
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.recording import Events, Recording

__all__ = [
    "SpikeCounts",
    "add_spike_counts",
    "count_input_spikes",
    "count_spikes",
    "input_spikes_by_step",
]

#: Largest number of events, or of cells of an input raster, that are counted at once.
_BLOCK = 10_000_000


@dataclass(frozen=True, eq=False)
class SpikeCounts:
    """Hold the spike counts of the neurons of one population, summed over samples.

    Parameters
    ----------
    samples : int
        Number of samples.
    events : numpy.ndarray of int64, shape (neurons,)
        Number of spikes of each neuron, whatever their value and sign.
    mass : numpy.ndarray of float64, shape (neurons,)
        Sum of the absolute spike values; a spike of -1 or 3 adds 1 or 3.
    negative : int
        Number of spikes with a value below 0.
    graded : bool
        Whether a spike has a value other than 1 and -1.
    """

    samples: int
    events: np.ndarray
    mass: np.ndarray
    negative: int = 0
    graded: bool = False

    def __add__(self, other: SpikeCounts) -> SpikeCounts:
        """Return the counts over the samples of both."""
        return SpikeCounts(
            self.samples + other.samples,
            self.events + other.events,
            self.mass + other.mass,
            self.negative + other.negative,
            self.graded or other.graded,
        )

    @classmethod
    def of_events(cls, events: Events, neurons: int, samples: int) -> SpikeCounts:
        """Count flat events.

        Examples
        --------
        >>> raster = np.array([[[-1.0, 0]], [[1, 3]]])  # 2 steps, 1 sample, 2 neurons
        >>> events = Events.from_raster(raster, dt=1e-3)
        >>> SpikeCounts.of_events(events, neurons=2, samples=1).mass
        array([2., 3.])
        """
        if events.value.dtype == np.int8 and (events.value == 1).all():
            number = spikes_of_each(events.node, neurons)
            return cls(samples, number, number.astype(float))
        found = cls(samples, np.zeros(neurons, np.int64), np.zeros(neurons))
        if (events.value % 1 != 0).any():
            events = events.sorted()  # sums of fractions depend on their order
        for low in range(0, len(events), _BLOCK):
            node, value = events.node[low : low + _BLOCK], events.value[low : low + _BLOCK]
            size = np.abs(value)
            found += cls(
                0,
                np.bincount(node, minlength=neurons),
                np.bincount(node, size, minlength=neurons),
                int(np.count_nonzero(value < 0)),
                bool((size != 1).any()),
            )
        return found

    @classmethod
    def of_raster(cls, raster: np.ndarray) -> SpikeCounts:
        """Count a dense raster of spike values, ``(steps, samples, *shape)``.

        Examples
        --------
        >>> SpikeCounts.of_raster(np.array([[[-1, 0]], [[1, 0]]])).events
        array([2, 0])
        """
        flat = raster.reshape(*raster.shape[:2], -1)
        size = np.abs(flat)
        return cls(
            flat.shape[1],
            np.count_nonzero(flat, axis=(0, 1)),
            size.sum(axis=(0, 1), dtype=np.float64),
            int(np.count_nonzero(flat < 0)),
            bool(((size != 0) & (size != 1)).any()),
        )


def count_spikes(recording: Recording) -> dict[str, SpikeCounts]:
    """Return the spike counts of every recorded population, by name."""
    return {
        name: SpikeCounts.of_events(recording.events(name), int(np.prod(shape)), recording.samples)
        for name, shape in recording.shapes.items()
    }


def add_spike_counts(
    before: Mapping[str, SpikeCounts], recording: Recording
) -> dict[str, SpikeCounts]:
    """Return spike counts by population, with those of a recording of further samples added.

    Start with an empty mapping.
    """
    found = count_spikes(recording)
    return {
        name: before[name] + counts if name in before else counts for name, counts in found.items()
    }


def count_input_spikes(
    network: SpikingNetwork, x: Any, index: Any = None
) -> dict[str, SpikeCounts]:
    """Return the spike counts of the input, under its name; nothing for a constant current.

    Parameters
    ----------
    network : SpikingNetwork
        Network whose encoding is applied, a block of samples at a time.
    x : array, shape (samples, *input_shape), or EncodedInput
        Samples that were presented, or their encoded form.
    index : array of int, shape (samples,), optional
        Number of each sample in its data set; counted from 0 if not given.

    Raises
    ------
    InputError
        If the samples do not fit the network.

    Examples
    --------
    >>> from brianbridge.encoding import Latency
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((3,), [Dense(2, neuron_model("if"))], encoding=Latency(5))
    >>> count_input_spikes(net, np.array([[1.0, 0.5, 0.0]]))["input"].events
    array([1, 1, 0])
    """
    if network.encoding.is_current:
        return {}
    neurons = int(np.prod(network.shape_of(INPUT)))
    found = SpikeCounts(0, np.zeros(neurons, np.int64), np.zeros(neurons))
    for raster in _input_rasters(network, x, index):
        found += SpikeCounts.of_raster(raster)
    return {INPUT: found}


def input_spikes_by_step(network: SpikingNetwork, x: Any, index: Any = None) -> np.ndarray | None:
    """Return the number of input spikes in each step of each sample; None for a constant current.

    Parameters
    ----------
    network, x, index
        As in `count_input_spikes`.

    Returns
    -------
    numpy.ndarray of int64, shape (samples, steps), or None

    Raises
    ------
    InputError
        If the samples do not fit the network.

    Examples
    --------
    >>> from brianbridge.encoding import Latency
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((3,), [Dense(2, neuron_model("if"))], encoding=Latency(5))
    >>> input_spikes_by_step(net, np.array([[1.0, 0.5, 0.5]]))
    array([[1, 0, 2, 0, 0]])
    """
    if network.encoding.is_current:
        return None
    blocks = [
        np.count_nonzero(raster.reshape(*raster.shape[:2], -1), axis=2).T
        for raster in _input_rasters(network, x, index)
    ]
    return np.concatenate(blocks)


def _input_rasters(network: SpikingNetwork, x: Any, index: Any = None) -> Iterator[np.ndarray]:
    """Yield the input spikes, ``(steps, samples, *input_shape)``, a block of samples at a time."""
    samples = x if isinstance(x, EncodedInput) else np.asarray(x, dtype=np.float64)
    number = samples.samples if isinstance(samples, EncodedInput) else len(samples)
    numbers = np.arange(number) if index is None else np.asarray(index)
    block = max(1, _BLOCK // (network.steps * int(np.prod(network.shape_of(INPUT)))))
    for low in range(0, number, block):
        encoded = (
            samples.part(low, low + block)
            if isinstance(samples, EncodedInput)
            else network.encoding.encode(samples[low : low + block], numbers[low : low + block])
        )
        if encoded.raster is None or encoded.raster.shape[2:] != network.shape_of(INPUT):
            given = "a current" if encoded.raster is None else f"shape {encoded.raster.shape[2:]}"
            raise InputError(
                f"the samples have {given}, but encoding '{network.encoding.kind}' of this "
                f"network gives spikes of shape {network.shape_of(INPUT)}; give the samples "
                "that were presented to it"
            )
        yield encoded.raster
