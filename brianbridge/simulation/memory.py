"""How many samples are simulated at once, limited by memory and the size of CPU caches."""

from __future__ import annotations

import math

from brianbridge.encoding.blocks import steps_of_block
from brianbridge.errors import InputError
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.preferences import how_to_raise, memory_budget

__all__ = ["check_sample_fits", "fitting_batch", "part_of_block"]

#: Numbers per neuron besides its variables (temporary values, an index), and bytes of its flags.
_NUMBERS, _FLAGS = 5, 16
#: Bytes of CPU cache for the state of a chunk, and the number of neurons that a chunk has at least.
_CACHE = 12e6
_LEAST_NEURONS = 100_000
#: Samples of a chunk, if memory allows: Python takes some 0.3 ms for a step, whatever their number.
_LEAST_SAMPLES = 12


def fitting_batch(
    network: SpikingNetwork,
    *,
    synapse_bytes: int = 0,
    traced: int = 0,
    chunks: int = 1,
    by_blocks: bool = False,
) -> int:
    """Return how many samples fit ``prefs.brianbridge.memory``, at least one.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    synapse_bytes : int
        Bytes of a synapse per sample; 0 if all samples share the weights.
    traced : int
        Number of values of state variables that are recorded in a step of the twin.
    chunks : int
        Number of chunks in memory at the same time; one sample must fit the whole budget.
    by_blocks : bool
        As in `check_sample_fits`.

    Raises
    ------
    InputError
        If not even one sample fits.
    """
    in_memory = _in_memory(network, synapse_bytes, traced, chunks, by_blocks)
    return int(max(1, min(in_memory, _cached(network))))


def part_of_block(
    network: SpikingNetwork, block: int, samples: int, threads: int, *, traced: int = 0
) -> int | None:
    """Return how many samples to simulate at once, if their spikes are compared block by block.

    Chunks that make up a block need not be cut and joined.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    block : int
        Number of samples of a block.
    samples : int
        Number of all samples.
    threads : int
        Number of threads that share them; each gets at least four chunks.
    traced : int
        As in `fitting_batch`.

    Returns
    -------
    int or None
        The block divided by a whole number; None if there is no such part of about the size of
        `fitting_batch`.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> layers = [Dense(2, neuron_model("if"))]
    >>> net = SpikingNetwork.sequential((4,), layers, encoding=Current(5))
    >>> [part_of_block(net, block, samples=1000, threads=2) for block in (100, 500, 499)]
    [100, 125, None]
    """
    most = min(2 * _cached(network), samples // (4 * threads))
    if most < 1:
        return None
    parts = -(-block // most)
    size = next((block // k for k in range(parts, 2 * parts + 1) if block % k == 0), None)
    if size is None or size > _in_memory(network, 0, traced, threads, by_blocks=True):
        return None
    return size


def check_sample_fits(
    network: SpikingNetwork, *, traced: int = 0, dense: bool = False, by_blocks: bool = False
) -> int:
    """Return the bytes of one sample: its state, input and traces, without synapses.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    traced : int
        Number of values of state variables that are recorded in a step of the twin.
    dense : bool
        Whether spikes are recorded as a raster, as in the twin. A simulation records them one by
        one, and nobody knows how many there will be.
    by_blocks : bool
        Whether samples are encoded by blocks of steps, if the encoding can.

    Raises
    ------
    InputError
        If they exceed ``prefs.brianbridge.memory``; raised before anything is allocated.

    Examples
    --------
    >>> from brianbridge.encoding import Poisson
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> layers = [Dense(2, neuron_model("lif"))]
    >>> net = SpikingNetwork.sequential((1000,), layers, encoding=Poisson(10**7))
    >>> check_sample_fits(net, traced=200)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    brianbridge.errors.InputError: one sample of the network takes about 3.6e+04 MB, ...
    """
    inputs = math.prod(network.shape_of(INPUT))
    neurons = sum(p.size for p in network.populations)
    spikes = any(network.delivers_spikes(p) for p in network.projections if p.source == INPUT)
    # Encoded samples, and the recorded spikes and traces of a presentation.
    steps = network.steps
    if by_blocks and network.encoding.by_blocks:
        steps = min(steps, steps_of_block(inputs))
    encoded = 2 * inputs * steps * spikes + 16 * inputs
    recorded = network.steps * (2 * dense * neurons + 8 * traced)
    sample = _state(network) + encoded + recorded
    _check(sample)
    return sample


def _in_memory(
    network: SpikingNetwork, synapse_bytes: int, traced: int, chunks: int, by_blocks: bool
) -> float:
    """Return how many samples of each of several chunks the memory has room for."""
    sample = check_sample_fits(network, traced=traced, by_blocks=by_blocks)
    # A guess at the spikes; one sample is simulated whatever they take.
    sample += 2 * network.steps * sum(p.size for p in network.populations)
    if synapse_bytes:
        sample += synapse_bytes * _synapses(network)
    return memory_budget() / chunks // sample


def _cached(network: SpikingNetwork) -> int:
    """Return how many samples run well in the caches."""
    neurons = sum(p.size for p in network.populations)
    return int(max(_CACHE // _state(network), _LEAST_NEURONS // neurons + 1, _LEAST_SAMPLES))


def _state(network: SpikingNetwork) -> int:
    """Return the bytes of the state of one sample."""
    return sum(
        p.size * (8 * (len(p.neuron.settable_variables) + _NUMBERS) + _FLAGS)
        for p in network.populations
    )


def _synapses(network: SpikingNetwork) -> int:
    """Return the number of synapses that deliver spikes."""
    return sum(
        p.number_of_synapses(network.shape_of(p.source), network.shape_of(p.target))
        for p in network.projections
        if network.delivers_spikes(p)
    )


def _check(sample: int) -> None:
    budget = memory_budget()
    if sample > budget:
        raise InputError(
            f"one sample of the network takes about {sample / 1e6:.3g} MB, and "
            f"prefs.brianbridge.memory allows {budget / 1e6:.3g} MB; use fewer steps, or raise "
            f"it: {how_to_raise(sample)}"
        )
