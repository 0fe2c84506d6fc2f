"""Draw which inputs fire, each with a probability of its own, from counters.

Whether an input fires is a function of the key, the number of the sample, the step and the input
(see `brianbridge.counters`). Batches, blocks and threads thus change nothing.

One number of 64 bits serves four neighbouring inputs, with 16 bits each. An input fires if its bits
are below its limit, ``floor(65536*probability)``. If they equal the limit, which is the case once
in 65,536 times, another number decides with the rest of the probability. So the probability is
that of 68 bits, and most draws cost a quarter of a number. Four inputs with probability 0 cost
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.counters import draw, uniform

__all__ = ["Chances"]

_compiled = compiled(nogil=True, error_model="numpy")
_inline = compiled(nogil=True, error_model="numpy", inline="always")
#: Number of values of 16 bits; the largest of them; the counter of the generator for equal bits.
_VALUES, _LARGEST, _REST = 2.0**16, 2.0**16 - 1, np.uint64(2**63)


@dataclass(frozen=True)
class Chances:
    """Hold the probabilities of inputs to fire, ready to draw from.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (rows, inputs)
        The probability of each input is ``gain*abs(value)``.
    gain : float
        Factor of all values.
    start : numpy.ndarray of int64, shape (rows + 1,)
        Where the quadruples of each row begin.
    quadruple : numpy.ndarray of uint32, shape (quadruples,)
        Four neighbouring inputs of which one may fire, as the number of the first, divided by 4.
    limit : numpy.ndarray of uint16, shape (4*quadruples,)
        The limits of all inputs of the quadruples.

    Examples
    --------
    >>> chances = Chances.of(np.array([[0.0, 0.5, 1.0]]))
    >>> raster = chances.raster(np.uint64(1), np.arange(1), np.arange(1), 0, 1000)
    >>> raster[:, 0, 0].any(), 450 < raster[:, 0, 1].sum() < 550, raster[:, 0, 2].all()
    (np.False_, np.True_, np.True_)
    """

    values: np.ndarray
    gain: float
    start: np.ndarray
    quadruple: np.ndarray
    limit: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, gain: float = 1.0) -> Chances:
        """Prepare probabilities ``gain*abs(values)``; an input with one above 1 always fires."""
        values = np.ascontiguousarray(values, np.float64)
        return cls(values, float(gain), *_prepared(values, float(gain)))

    def raster(
        self, key: np.uint64, numbers: np.ndarray, rows: np.ndarray, first: int, last: int
    ) -> np.ndarray:
        """Draw the spikes of some steps.

        Parameters
        ----------
        key : numpy.uint64
            Key of the random numbers.
        numbers : numpy.ndarray of int, shape (samples,)
            Number of each sample in its data set.
        rows : numpy.ndarray of int, shape (samples,)
            The row of probabilities of each sample.
        first, last : int
            The steps; `last` is exclusive.

        Returns
        -------
        numpy.ndarray of int8, shape (last - first, samples, inputs)
            1 where an input fires, else 0.
        """
        raster = np.zeros((last - first, len(numbers), self.values.shape[1]), np.int8)
        numbers, rows = np.asarray(numbers, np.int64), np.asarray(rows, np.int64)
        _fill(
            self.values, self.gain, self.start, self.quadruple, self.limit,
            key, numbers, rows, first, raster,
        )  # fmt: skip
        return raster

    def events(
        self, key: np.uint64, numbers: np.ndarray, rows: np.ndarray, step: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw the spikes of one step as a list: those of `raster`, in less time.

        Parameters
        ----------
        key, numbers, rows
            As in `raster`.
        step : int
            The step.

        Returns
        -------
        start : numpy.ndarray of int64, shape (samples + 1,)
            Where the spikes of each sample begin.
        node : numpy.ndarray of int32, shape (spikes,)
            Inputs that fire, ascending within a sample.
        """
        numbers, rows = np.asarray(numbers, np.int64), np.asarray(rows, np.int64)
        start, node = _listed(
            self.values, self.gain, self.start, self.quadruple, self.limit,
            key, numbers, rows, step,
        )  # fmt: skip
        return start, node


@_compiled
def _prepared(values: np.ndarray, gain: float) -> tuple[np.ndarray, ...]:
    """Return start, quadruple and limit; see `Chances`."""
    rows, inputs = values.shape
    quadruples = (inputs + 3) // 4
    start = np.zeros(rows + 1, np.int64)
    quadruple = np.empty(rows * quadruples, np.uint32)
    limit = np.empty(rows * quadruples, np.uint64)
    limits, possible = np.zeros(4 * quadruples, np.uint16), np.zeros(4 * quadruples, np.uint16)
    four_limits, any_possible = limits.view(np.uint64), possible.view(np.uint64)
    found = np.uint64(0)
    for r in range(rows):
        row = values[r]
        for i in range(inputs):
            probability = gain * abs(row[i])
            limits[i] = np.uint16(np.int32(min(probability * _VALUES, _LARGEST)))
            possible[i] = probability > 0
        # Without a branch: a quadruple that never fires is overwritten by the next one.
        for q in range(quadruples):
            quadruple[found] = q
            limit[found] = four_limits[q]
            found += np.uint64(any_possible[q] != 0)
        start[r + 1] = found
    return start, quadruple[:found].copy(), limit[:found].copy().view(np.uint16)


@_compiled
def _fill(
    values: np.ndarray, gain: float, start: np.ndarray, quadruple: np.ndarray, limit: np.ndarray,
    key: np.uint64, numbers: np.ndarray, rows: np.ndarray, first: int, raster: np.ndarray,
) -> None:  # fmt: skip
    """Write 1 into a raster of zeros, ``(steps, samples, inputs)``, where inputs fire."""
    steps, samples, inputs = raster.shape
    number, fires = np.empty((inputs + 3) // 4, np.uint64), np.empty(inputs + 3, np.int8)
    for s in range(steps):
        for b in range(samples):
            row, cells = rows[b], raster[s, b]
            low, high = start[row], start[row + 1]
            mine, limits = quadruple[low:high], limit[4 * low : 4 * high]
            of_step = draw(draw(key, numbers[b]), first + s)
            _draw(values[row], gain, mine, limits, of_step, number, fires)
            if mine.size == (inputs + 3) // 4:
                for i in range(inputs):
                    cells[i] = fires[i]
                continue
            # The last inputs of a row may be fewer than four. Indices without a sign need no check
            # for counting from the end.
            whole = mine.size - (inputs % 4 > 0 and mine.size > 0 and mine[-1] == inputs // 4)
            for k in range(whole):
                c, f = 4 * np.uint64(mine[k]), np.uint64(4 * k)
                for j in range(np.uint64(4)):
                    cells[c + j] = fires[f + j]
            for k in range(whole, mine.size):
                c, f = 4 * np.uint64(mine[k]), np.uint64(4 * k)
                for j in range(np.uint64(inputs % 4)):
                    cells[c + j] = fires[f + j]


@_compiled
def _listed(
    values: np.ndarray, gain: float, start: np.ndarray, quadruple: np.ndarray, limit: np.ndarray,
    key: np.uint64, numbers: np.ndarray, rows: np.ndarray, step: int,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Return start and node of the spikes of a step; see `Chances.events`."""
    samples, inputs = rows.size, values.shape[1]
    number, fires = np.empty((inputs + 3) // 4, np.uint64), np.empty(inputs + 3, np.int8)
    first = np.zeros(samples + 1, np.int64)
    most = 0
    for b in range(samples):
        most += start[rows[b] + 1] - start[rows[b]]
    node = np.empty(4 * most + 1, np.int32)
    found = np.uint64(0)
    for b in range(samples):
        row = rows[b]
        low, high = start[row], start[row + 1]
        mine, limits = quadruple[low:high], limit[4 * low : 4 * high]
        _draw(values[row], gain, mine, limits, draw(draw(key, numbers[b]), step), number, fires)
        # Without a branch: an input that does not fire is overwritten by the next one.
        for k in range(mine.size):
            i, f = 4 * np.uint64(mine[k]), np.uint64(4 * k)
            for j in range(np.uint64(4)):
                node[found] = i + j
                found += np.uint64(fires[f + j])
        first[b + 1] = found
    return first, node[:found].copy()


@_inline
def _draw(
    row: np.ndarray, gain: float, quadruple: np.ndarray, limits: np.ndarray, key: np.uint64,
    number: np.ndarray, fires: np.ndarray,
) -> None:  # fmt: skip
    """Write 1 where an input of the quadruples fires in one step, else 0."""
    bits = number.view(np.uint16)
    # Plain loops over arrays, which the compiler can vectorise.
    for k in range(quadruple.size):
        number[k] = draw(key, quadruple[k])
    for i in range(limits.size):
        fires[i] = bits[i] < limits[i]
    equal = False
    for i in range(limits.size):
        equal |= bits[i] == limits[i]
    if equal:
        _decide(row, gain, quadruple, limits, bits, key, fires)


@_compiled
def _decide(
    row: np.ndarray, gain: float, quadruple: np.ndarray, limits: np.ndarray, bits: np.ndarray,
    key: np.uint64, fires: np.ndarray,
) -> None:  # fmt: skip
    """Decide by another number where bits equal their limit."""
    rest = draw(key, _REST)
    for k in range(quadruple.size):
        i = 4 * np.int64(quadruple[k])
        for j in range(4):
            if i + j < row.size and bits[4 * k + j] == limits[4 * k + j]:
                left = gain * abs(row[i + j]) * _VALUES - limits[4 * k + j]
                fires[4 * k + j] = uniform(draw(rest, i + j)) < left
