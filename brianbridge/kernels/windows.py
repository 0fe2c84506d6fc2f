"""Add the kernels of a convolution spike by spike, in rows of neighbouring numbers.

All that one spike adds to a row of the target is one row of numbers: for each pixel that it
reaches, one number for each channel. So the target is summed with its channels last, and with
margins that take what falls outside the image. No pixel needs a check, and explicit vectors
(`brianbridge.kernels.vectors`) do the additions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.kernels.memory import aligned, scratch
from brianbridge.kernels.vectors import LANES, add, load, multiply, spread, store

__all__ = ["KernelRows"]

_compiled = compiled(nogil=True, error_model="numpy")
_inline = compiled(nogil=True, error_model="numpy", inline="always")
#: Channels are padded to a multiple of a line of the cache, if there are so many.
_LINE = 8

Shape = tuple[int, ...]


@dataclass(frozen=True)
class _Axis:
    """Say where the taps of a kernel fall along one axis, for each position of the source.

    Parameters
    ----------
    first : numpy.ndarray of int, shape (size,)
        The first target position that a source position reaches, counted with the margin.
    kind : numpy.ndarray of int, shape (size,)
        Positions of one kind reach the same places, counted from their first one.
    taps : list of list of (int, int)
        For each kind: the taps and their places.
    span, margin, length : int
        Number of places, size of the margin before the target, and size of the target with both
        margins.
    """

    first: np.ndarray
    kind: np.ndarray
    taps: list[list[tuple[int, int]]]
    span: int
    margin: int
    length: int

    @classmethod
    def of(
        cls, size: int, out: int, taps: int, stride: int, padding: int, dilation: int,
        transposed: bool,
    ) -> _Axis:  # fmt: skip
        kinds: dict[tuple[tuple[int, int], ...], int] = {}
        first, kind = np.zeros((2, size), np.int64)
        for at in range(size):
            reached = {}
            for tap in range(taps):
                far = at + padding - tap * dilation
                if transposed:
                    reached[tap] = at * stride - padding + tap * dilation
                elif far % stride == 0:
                    reached[tap] = far // stride
            first[at] = min(reached.values(), default=0)
            places = tuple((tap, place - int(first[at])) for tap, place in reached.items())
            kind[at] = kinds.setdefault(places, len(kinds))
        span = 1 + max((place for places in kinds for _, place in places), default=0)
        margin = max(0, -int(first.min()))
        length = margin + max(out, int(first.max()) + span)
        return cls(first + margin, kind, [list(places) for places in kinds], span, margin, length)


class KernelRows:
    """Hold the kernels of a convolution, or of its transpose, in rows.

    Each target neuron adds up its input in the order of the spikes.

    Parameters
    ----------
    kernels : numpy.ndarray, shape (in, height, width, out/groups)
        The weights, by source channel.
    image, out : tuple of int
        Shapes ``(channels, height, width)`` of source and target.
    stride, padding, dilation : (int, int)
        As in torch.
    groups : int
        Number of groups of channels.
    transposed : bool
        Whether kernels are spread over the target.
    dtype : numpy.dtype
        Type of the target.

    Examples
    --------
    >>> kernels = np.ones((1, 3, 3, 1))
    >>> rows = KernelRows(kernels, (1, 2, 2), (1, 2, 2), (1, 1), (1, 1), (1, 1), 1, False, "f8")
    >>> target = np.zeros((1, 4))
    >>> none, all_open = np.empty(0), np.empty(0, bool)
    >>> rows.add(target, np.array([0, 1]), np.array([3], np.int32), none, all_open); target
    array([[1., 1., 1., 1.]])
    """

    def __init__(
        self, kernels: np.ndarray, image: Shape, out: Shape, stride: Shape, padding: Shape,
        dilation: Shape, groups: int, transposed: bool, dtype: Any,
    ) -> None:  # fmt: skip
        y, x = (
            _Axis.of(
                image[i], out[i], kernels.shape[i], stride[i - 1], padding[i - 1], dilation[i - 1],
                transposed,
            )
            for i in (1, 2)
        )  # fmt: skip
        channels = kernels.shape[3]
        wide = channels if channels < _LINE else -(-channels // _LINE) * _LINE
        row = -(-x.span * wide // LANES) * LANES
        shape = image[0], len(y.taps), len(x.taps), y.span, row
        table = aligned(math.prod(shape), dtype).reshape(shape)
        for i, high in enumerate(y.taps):
            for j, broad in enumerate(x.taps):
                for tap_y, at_y in high:
                    for tap_x, at_x in broad:
                        part = slice(at_x * wide, at_x * wide + channels)
                        table[:, i, j, at_y, part] = kernels[:, tap_y, tap_x]
        self._table, self._dtype = table.reshape(-1), np.dtype(dtype)
        line = x.length * wide
        self._first = (y.first[:, None] * line + x.first * wide).ravel()
        self._kind = ((y.kind[:, None] * len(x.taps) + x.kind) * (y.span * row)).ravel()
        plane = y.length * line
        #: Spikes: channels of a group, numbers of a channel's kernels, rows and numbers in a row.
        self._spike = (image[0] // groups, table[0].size, y.span, row, line, plane)
        #: The target: groups, channels, height, width, and the sums of its first pixel.
        self._place = (groups, channels, out[1], out[2], y.margin * line + x.margin * wide)
        self._pitch = (line, wide, plane)
        self._room = groups * plane + LANES

    def add(
        self, target: np.ndarray, start: np.ndarray, node: np.ndarray, value: np.ndarray,
        mask: np.ndarray,
    ) -> None:  # fmt: skip
        """Add the kernels of every neuron that fired.

        Parameters
        ----------
        target : numpy.ndarray, shape (samples, targets)
            Sums, to which is added in place.
        start : numpy.ndarray of int64, shape (samples + 1,)
            Where the spikes of each sample begin.
        node : numpy.ndarray of int32, shape (spikes,)
            The neurons that fired.
        value : numpy.ndarray, shape (spikes,) or (0,)
            Spike values; all are 1 if there are none.
        mask : numpy.ndarray of bool, shape (samples*targets,) or (0,)
            Neurons that receive; all if empty.
        """
        _add(
            target, self._table, self._first, self._kind, self._spike, self._place, self._pitch,
            start, node, value.astype(self._dtype, copy=False), mask,
            scratch(self._room, self._dtype),
        )  # fmt: skip


@_compiled
def _add(
    target: np.ndarray, table: np.ndarray, first: np.ndarray, kind: np.ndarray, spike: Shape,
    place: Shape, pitch: Shape, start: np.ndarray, node: np.ndarray, value: np.ndarray,
    mask: np.ndarray, total: np.ndarray,
) -> None:  # fmt: skip
    each, kernel, rows, row, line, plane = spike
    pixels = first.size
    for b in range(target.shape[0]):
        if start[b] == start[b + 1]:
            continue
        total[:] = 0
        for k in range(start[b], start[b + 1]):
            channel, pixel = divmod(node[k], pixels)
            at = channel // each * plane + first[pixel]
            source = channel * kernel + kind[pixel]
            if value.size > 0:
                scale = spread(value[k])
                for _ in range(rows):
                    for j in range(0, row, LANES):
                        weighted = multiply(scale, load(table, source + j))
                        store(total, at + j, add(load(total, at + j), weighted))
                    at += line
                    source += row
            else:
                for _ in range(rows):
                    for j in range(0, row, LANES):
                        store(total, at + j, add(load(total, at + j), load(table, source + j)))
                    at += line
                    source += row
        _write(target[b], total, place, pitch, mask, b * target.shape[1])


@_inline
def _write(
    target: np.ndarray, total: np.ndarray, place: Shape, pitch: Shape, mask: np.ndarray, low: int
) -> None:
    """Add the sums of a sample, with channels last, to a target with channels first."""
    groups, channels, height, width, corner = place
    line, wide, plane = pitch
    for group in range(groups):
        # What neighbouring channels read lies in the same lines of the cache.
        for several in range(0, channels, 8):
            for y in range(height):
                for c in range(several, min(several + 8, channels)):
                    # Unsigned indices need no check for negative ones.
                    at = np.uint64(group * plane + corner + y * line + c)
                    first = np.uint64(((group * channels + c) * height + y) * width)
                    if mask.size == 0:
                        for j in range(first, first + np.uint64(width)):
                            target[j] += total[at]
                            at += np.uint64(wide)
                    else:
                        for j in range(first, first + np.uint64(width)):
                            if mask[np.uint64(low) + j]:
                                target[j] += total[at]
                            at += np.uint64(wide)
