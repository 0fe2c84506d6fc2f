"""Compiled loops over the spikes of `brianbridge.events.Events`.

`Events` imports them when they are needed: what only reads files need not wait for numba.
"""

from __future__ import annotations

import threading

import numpy as np

from brianbridge.compiled import compiled

__all__ = ["differing_cells", "places_of_samples", "summed_counts"]

_compiled = compiled(nogil=True, error_model="numpy")
_of_thread = threading.local()


def places_of_samples(sample: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return the places of the spikes of samples `low` to ``high - 1``."""
    return _places(_whole(sample), low, high)


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
def _count(counts: np.ndarray, sample: np.ndarray, node: np.ndarray, value: np.ndarray) -> None:
    samples, neurons = counts.shape
    for k in range(sample.size):
        if not (0 <= sample[k] < samples and 0 <= node[k] < neurons):
            raise IndexError("a spike of an unknown sample or neuron")
        counts[sample[k], node[k]] += value[k]


@_compiled
def _cell(sample: int, node: int, step: int, samples: int, neurons: int, steps: int) -> int:
    if not (0 <= sample < samples and 0 <= node < neurons and 0 <= step < steps):
        raise IndexError("a spike of an unknown sample, neuron or step")
    return (np.int64(step) * samples + sample) * neurons + node  # type: ignore[return-value]


@_compiled
def _differ(
    sample: np.ndarray, node: np.ndarray, step: np.ndarray, value: np.ndarray,
    sample2: np.ndarray, node2: np.ndarray, step2: np.ndarray, value2: np.ndarray,
    coarse: int, since: np.ndarray, neurons: int, steps: int, sums: np.ndarray,
) -> int:  # fmt: skip
    found, samples = 0, since.size
    for k in range(sample2.size):
        cell = _cell(sample2[k], node2[k], step2[k] // coarse, samples, neurons, steps)
        sums[cell] += value2[k]
    for k in range(sample.size):
        cell = _cell(sample[k], node[k], step[k], samples, neurons, steps)
        if sums[cell] != value[k]:
            found += 1
            since[sample[k]] = min(since[sample[k]], step[k])
        sums[cell] = 0  # what is left is in the other run alone
    for k in range(sample2.size):
        at = step2[k] // coarse
        cell = _cell(sample2[k], node2[k], at, samples, neurons, steps)
        if sums[cell] != 0:
            found += 1
            since[sample2[k]] = min(since[sample2[k]], at)
            sums[cell] = 0
    return found
