"""How many samples are simulated at once: as many as memory allows and caches like.

Importing this module registers Brian2's preference ``brianbridge.memory``.
"""

from __future__ import annotations

import numpy as np
from brian2 import prefs
from brian2.core.preferences import BrianPreference

from ..errors import InputError
from ..network import INPUT, SpikingNetwork

__all__ = ["fitting_batch", "memory_budget"]

prefs.register_preferences(
    "brianbridge",
    "Preferences of brianbridge",
    memory=BrianPreference(
        default=256.0,
        docs="Memory, in megabytes, that one chunk of samples may take in a simulation; as much "
        "again keeps spikes of the twin while runs are compared with it.",
        validator=lambda value: isinstance(value, int | float) and value > 0,
    ),
)

#: Bytes of one neuron: a number for each variable and some in passing, an index, two flags.
_NUMBERS, _FLAGS = 5, 16
#: A chunk's state should stay in a cache of this size, if that leaves enough to do in a step.
_CACHE = 12e6
_LEAST_NEURONS = 100_000


def memory_budget() -> float:
    """Return ``prefs.brianbridge.memory``, in bytes."""
    return float(prefs["brianbridge.memory"]) * 1e6


def fitting_batch(
    network: SpikingNetwork, *, synapse_bytes: int = 0, traced: int = 0, chunks: int = 1
) -> int:
    """Return how many samples fit the budget ``prefs.brianbridge.memory``, at least one.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    synapse_bytes : int
        What each synapse takes in every sample; 0 where weights are held once.
    traced : int
        Variables that are recorded in every step.
    chunks : int
        How many chunks there are in memory at the same time, but for one sample.

    Raises
    ------
    InputError
        If not even one sample fits.
    """
    inputs = int(np.prod(network.shape_of(INPUT)))
    neurons = sum(p.size for p in network.populations)
    state = sum(
        p.size * (8 * (len(p.neuron.settable_variables) + _NUMBERS) + _FLAGS)
        for p in network.populations
    )
    # Encoded samples, and the spikes and traces of a presentation that wait to be handed on.
    waiting = network.steps * (2 * inputs + neurons * (2 + 8 * traced)) + 16 * inputs
    synapses = 0
    if synapse_bytes:
        for p in network.projections:
            ends = network.shape_of(p.source), network.shape_of(p.target)
            if network.delivers_spikes(p):
                synapses += p.number_of_synapses(*ends) * synapse_bytes
    sample = state + waiting + synapses
    budget = memory_budget()
    if sample > budget:
        raise InputError(
            f"one sample of the network takes about {sample / 1e6:.3g} MB, and "
            f"prefs.brianbridge.memory allows {budget / 1e6:.3g} MB; raise it"
        )
    cached = max(_CACHE // state, _LEAST_NEURONS // neurons + 1)
    return int(max(1, min(budget / chunks // sample, cached)))
