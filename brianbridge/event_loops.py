"""Compiled loops over the spikes of `brianbridge.events.Events`.

`Events` imports them when they are needed: what only reads files need not wait for numba.
"""

from __future__ import annotations

import threading
from collections import Counter

import numpy as np

from brianbridge.compiled import compiled

__all__ = [
    "differing_cells",
    "order_by_sample",
    "places_of_samples",
    "spikes_of_each",
    "summed_counts",
    "whole_pairs",
]

_compiled = compiled(nogil=True, error_model="numpy")
#: Largest number of samples whose spikes are counted one by one, to sort them.
_MOST_SAMPLES = 10_000_000
_of_thread = threading.local()


def places_of_samples(sample: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return the places of the spikes of samples `low` to ``high - 1``."""
    return _places(_whole(sample), low, high)


def order_by_sample(sample: np.ndarray, step: np.ndarray, node: np.ndarray) -> np.ndarray | None:
    """Return the order that brings spikes by sample, then step, then node.

    Returns
    -------
    numpy.ndarray of int64, shape (spikes,) or None
        None if the spikes of some sample are not in order of step and node.

    Examples
    --------
    >>> step, node = np.array([0, 0, 1]), np.array([5, 6, 2])
    >>> order_by_sample(np.array([1, 0, 1]), step, node)
    array([1, 0, 2])
    """
    samples = int(sample.max(initial=0)) + 1
    if sample.min(initial=0) < 0 or samples > _MOST_SAMPLES:
        return None
    order = np.empty(len(sample), np.int64)
    whole = (_whole(sample), _whole(step), _whole(node))
    return order if _by_sample(*whole, samples, order) else None


def summed_counts(
    sample: np.ndarray, node: np.ndarray, value: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Return summed spike values, float64, of the shape ``(samples, neurons)``.

    Raises
    ------
    IndexError
        If a spike is of another sample or neuron.
    """
    found = np.zeros(shape)
    _count(found, _whole(sample), _whole(node), np.ascontiguousarray(value))
    return found


def spikes_of_each(index: np.ndarray, size: int) -> np.ndarray:
    """Return the number of spikes of each of `size` neurons or samples, int64.

    Raises
    ------
    IndexError
        If a spike is of another one.

    Examples
    --------
    >>> spikes_of_each(np.array([2, 0, 2]), 4)
    array([1, 0, 2, 0])
    """
    found = np.zeros(size, np.int64)
    _tally(_whole(index), found)
    return found


def whole_pairs(x: np.ndarray, y: np.ndarray, most: int) -> Counter[tuple[float, float]] | None:
    """Return how often each pair of counts occurs, if all are whole numbers.

    Parameters
    ----------
    x, y : numpy.ndarray of float64, shape (n,)
        The counts.
    most : int
        Largest number of different values.

    Returns
    -------
    Counter or None
        Number of pairs by ``(value of x, value of y)``; None if a value is not whole, or the values
        span too many numbers.

    Raises
    ------
    ValueError
        If there are not as many counts in both.

    Examples
    --------
    >>> whole_pairs(np.array([1.0, 0, 1]), np.array([1.0, 2, 1]), 100)
    Counter({(1.0, 1.0): 2, (0.0, 2.0): 1})
    """
    if x.shape != y.shape:
        raise ValueError(f"counts of {x.size} and {y.size} neurons cannot be compared")
    if not x.size:
        return Counter()
    low = min(x.min(), y.min())
    with np.errstate(over="ignore"):
        span = max(x.max(), y.max()) - low + 1
    if not span <= most or low % 1:
        return None
    table = np.zeros((int(span), int(span)), np.int64)
    if not _tabulate(x, y, low, table):
        return None
    one, other = np.nonzero(table)
    pairs = zip((one + low).tolist(), (other + low).tolist(), strict=True)
    return Counter(dict(zip(pairs, table[one, other].tolist(), strict=True)))


def differing_cells(
    one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...], coarse: int, since: np.ndarray,
    neurons: int, steps: int,
) -> int:  # fmt: skip
    """Return the number of cells (step, sample, neuron) with different spike values.

    Parameters
    ----------
    one : tuple of numpy.ndarray
        Sample, neuron, step and value of each spike, with at most one spike in a cell.
    other : tuple of numpy.ndarray
        The same of a run of which `coarse` steps make one; their values are summed.
    coarse : int
        Number of these steps.
    since : numpy.ndarray of int64, shape (samples,)
        Lowered to the first step in which a sample differs.
    neurons, steps : int
        Number of neurons, and of steps of `one`.

    Raises
    ------
    IndexError
        If a spike is of another sample, neuron or step.
    """
    columns = (
        *(_whole(column) for column in one[:3]), np.ascontiguousarray(one[3]),
        *(_whole(column) for column in other[:3]), np.ascontiguousarray(other[3]),
    )  # fmt: skip
    cells = steps * len(since) * neurons
    sums = vars(_of_thread).pop("zeros", np.empty(0))
    # The loop leaves zeros: fresh memory takes longer than the loop.
    sums = sums if len(sums) >= cells else np.zeros(cells)
    found = int(_differ(*columns, coarse, since, neurons, steps, sums))
    _of_thread.zeros = sums
    return found


def _whole(column: np.ndarray) -> np.ndarray:
    """Return whole numbers of one of two types, as loops are compiled for each type."""
    kind = np.int32 if column.dtype.itemsize < 8 and column.dtype != np.uint32 else np.int64
    return np.ascontiguousarray(column, kind)


@_compiled
def _places(sample: np.ndarray, low: int, high: int) -> np.ndarray:
    found = np.empty(sample.size + 1, np.int64)
    number = 0
    for k in range(sample.size):
        # Without a branch: a spike of another sample is overwritten by the next one.
        found[number] = k
        number += (sample[k] >= low) & (sample[k] < high)
    return found[:number]


@_compiled
def _by_sample(
    sample: np.ndarray, step: np.ndarray, node: np.ndarray, samples: int, order: np.ndarray
) -> bool:
    place = np.zeros(samples + 1, np.int64)
    last_step, last_node = np.full(samples, -1), np.full(samples, -1)
    for k in range(sample.size):
        at = sample[k]
        if step[k] < last_step[at] or (step[k] == last_step[at] and node[k] < last_node[at]):
            return False
        last_step[at], last_node[at] = step[k], node[k]
        place[at + 1] += 1
    for at in range(samples):
        place[at + 1] += place[at]
    for k in range(sample.size):
        order[place[sample[k]]] = k
        place[sample[k]] += 1
    return True


@_compiled
def _count(counts: np.ndarray, sample: np.ndarray, node: np.ndarray, value: np.ndarray) -> None:
    samples, neurons = counts.shape
    for k in range(sample.size):
        if not (0 <= sample[k] < samples and 0 <= node[k] < neurons):
            raise IndexError("a spike of an unknown sample or neuron")
        counts[sample[k], node[k]] += value[k]


@_compiled
def _tally(index: np.ndarray, found: np.ndarray) -> None:
    last, times = 0, 0  # many spikes in a row are of one sample
    for each in index:
        if each != last:
            if not 0 <= each < found.size:
                raise IndexError("a spike of an unknown sample or neuron")
            if times:
                found[last] += times
            last, times = each, 0
        times += 1
    if times:
        if not 0 <= last < found.size:
            raise IndexError("a spike of an unknown sample or neuron")
        found[last] += times


@_compiled
def _tabulate(x: np.ndarray, y: np.ndarray, low: float, table: np.ndarray) -> bool:
    for k in range(x.size):
        one, other = int(x[k] - low), int(y[k] - low)
        if one != x[k] - low or other != y[k] - low:
            return False
        table[one, other] += 1
    return True


@_compiled
def _cell(sample: int, node: int, step: int, samples: int, neurons: int, steps: int) -> int:
    if not (0 <= sample < samples and 0 <= node < neurons and 0 <= step < steps):
        raise IndexError("a spike of an unknown sample, neuron or step")
    return (np.int64(step) * samples + sample) * neurons + node  # type: ignore[return-value]


@_compiled
def _in_order(step: np.ndarray) -> bool:
    falls = 0
    for k in range(1, step.size):
        falls += step[k] < step[k - 1]  # without a branch
    return falls == 0


@_compiled
def _differ(
    sample: np.ndarray, node: np.ndarray, step: np.ndarray, value: np.ndarray,
    sample2: np.ndarray, node2: np.ndarray, step2: np.ndarray, value2: np.ndarray,
    coarse: int, since: np.ndarray, neurons: int, steps: int, sums: np.ndarray,
) -> int:  # fmt: skip
    # In order of their steps, spikes are compared step by step, and one step fits into a cache.
    stepwise = _in_order(step) and _in_order(step2)
    span = 1 if stepwise else steps
    found, samples, low, low2 = 0, since.size, 0, 0
    if (step.size > 0 and step[0] < 0) or (step2.size > 0 and step2[0] < 0):
        raise IndexError("a spike of an unknown step")
    for first in range(0, steps, span):
        high, high2 = low, low2
        while high2 < step2.size and step2[high2] < (first + span) * coarse:
            k = high2
            at = 0 if stepwise else step2[k] // coarse
            sums[_cell(sample2[k], node2[k], at, samples, neurons, span)] += value2[k]
            high2 += 1
        while high < step.size and step[high] < first + span:
            k = high
            cell = _cell(sample[k], node[k], step[k] - first, samples, neurons, span)
            if sums[cell] != value[k]:
                found += 1
                since[sample[k]] = min(since[sample[k]], step[k])
            sums[cell] = 0  # what is left is in the other run alone
            high += 1
        for k in range(low2, high2):
            at = 0 if stepwise else step2[k] // coarse
            cell = _cell(sample2[k], node2[k], at, samples, neurons, span)
            if sums[cell] != 0:
                found += 1
                since[sample2[k]] = min(since[sample2[k]], first + at)
                sums[cell] = 0
        low, low2 = high, high2
    if low < step.size or low2 < step2.size:
        raise IndexError("a spike of an unknown step")
    return found
