"""Keep spikes of value 1 as bits: one for each cell (step, sample, neuron) of a raster."""

from __future__ import annotations

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.kernels.vectors import lowest, ones
from brianbridge.recording import Events

__all__ = ["as_bits", "from_bits"]

_compiled = compiled(nogil=True, error_model="numpy")
Shape = tuple[int, int, int]


def as_bits(events: Events, cells: Shape) -> np.ndarray:
    """Return one bit for each cell of a raster, uint8, in whole words of four bytes.

    Parameters
    ----------
    events : Events
        Spikes of value 1.
    cells : (int, int, int)
        Numbers of steps, samples and neurons.
    """
    steps, samples, neurons = cells
    found = np.zeros(-(-steps * samples * neurons // 32) * 4, np.uint8)
    _set(found, events.sample, events.node, events.step, samples, neurons)
    return found


def from_bits(bits: np.ndarray, cells: Shape, dt: float) -> Events:
    """Return the spikes of `as_bits`, in the order of their cells.

    Examples
    --------
    >>> raster = np.zeros((2, 1, 3)); raster[1, 0, 2] = 1
    >>> from_bits(as_bits(Events.from_raster(raster, 1e-3), (2, 1, 3)), (2, 1, 3), 1e-3).node
    array([2], dtype=int32)
    """
    _, samples, neurons = cells
    words = bits.view("<u4")
    sample, node, step = np.empty((3, _number(words)), np.int32)
    _list(words, samples, neurons, sample, node, step)
    return Events(sample, node, step, np.ones(len(node), np.int8), dt)


@_compiled
def _set(
    bits: np.ndarray, sample: np.ndarray, node: np.ndarray, step: np.ndarray, samples: int,
    neurons: int,
) -> None:  # fmt: skip
    for k in range(sample.size):
        cell = (np.int64(step[k]) * samples + sample[k]) * neurons + node[k]
        bits[cell >> 3] |= np.uint8(1 << (cell & 7))


@_compiled
def _number(words: np.ndarray) -> int:
    found = 0
    for word in words:
        found += ones(word)
    return found


@_compiled
def _list(
    words: np.ndarray, samples: int, neurons: int, sample: np.ndarray, node: np.ndarray,
    step: np.ndarray,
) -> None:  # fmt: skip
    k, first, at, now = 0, 0, 0, 0
    for number in range(words.size):
        word = words[number]
        while word:
            cell = number * 32 + lowest(word)
            word &= word - np.uint32(1)
            while cell - first >= neurons:
                first += neurons
                at += 1
                if at == samples:
                    at = 0
                    now += 1
            sample[k], node[k], step[k] = at, cell - first, now
            k += 1
