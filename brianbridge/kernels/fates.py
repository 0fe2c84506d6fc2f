"""Decide which spikes fail to arrive, each synapse independently.

Whether a spike arrives is a function of the projection's key, the number of the sample in its data
set, the step, and the neurons at either end (`brianbridge.counters`). It does not
depend on batches or threads, nor on whether a synapse belongs to a matrix, a kernel or a list. The
reference path loses the same spikes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.counters import draw, sample_keys
from brianbridge.network.connections import SynapseTable

__all__ = ["FATES", "arrives", "copies_of", "fate", "fates"]

_compiled = compiled(nogil=True, error_model="numpy")
_inline = compiled(nogil=True, error_model="numpy", inline="always")
#: Number of fates: they are drawn as whole numbers below this.
FATES = 2.0**53


@_inline
def arrives(key: Any, synapse: Any, limit: Any) -> Any:
    """Return whether a spike with this key arrives at a synapse: fates below `limit` do not."""
    return (draw(key, synapse) >> np.uint64(11)) >= limit


def fate(key: int, sample: int, step: int, source: int, target: int) -> float:
    """Return the fate of a spike: a number from 0 to 1; it fails if that is below `probability`.

    Parameters
    ----------
    key : int
        Key of the projection's `Failure`.
    sample : int
        Number of the sample in the data set.
    step : int
        Brian2's step in which the spike arrives, counted from 0 in each presentation.
    source, target : int
        The neurons at either end.

    Examples
    --------
    >>> fate(1, 2, 3, 4, 5) == fate(1, 2, 3, 4, 5) != fate(1, 2, 3, 5, 4)
    True
    """
    at = sample_keys(np.uint64(key), np.array([sample]), step)
    return float(fates(at, np.array([source]), np.array([target]))[0])


@_compiled
def fates(keys: np.ndarray, source: np.ndarray, synapse: np.ndarray) -> np.ndarray:
    """Return the `fate` of a spike at each of some synapses.

    Parameters
    ----------
    keys : numpy.ndarray of uint64
        Key of the sample and the step, for each synapse.
    source, synapse : numpy.ndarray of int
        Source neuron and number of each synapse. The number is that of the target neuron, plus the
        number of targets times the number of earlier synapses of the same pair.
    """
    found = np.empty(keys.size)
    for k in range(keys.size):
        bits = draw(draw(keys[k], source[k]), synapse[k])
        found[k] = np.float64(bits >> np.uint64(11)) / FATES
    return found


def copies_of(table: SynapseTable) -> np.ndarray:
    """Return, for each synapse, how many synapses of the same pair come before it."""
    same = (np.diff(table.source) == 0) & (np.diff(table.target) == 0)
    index = np.arange(len(table.source))
    begins = np.concatenate([[True], ~same])[: len(index)]
    return np.asarray(index - np.maximum.accumulate(np.where(begins, index, 0)), np.int64)
