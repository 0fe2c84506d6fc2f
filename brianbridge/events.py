"""The spikes of one population as flat arrays, one entry for each spike.

Flat arrays take memory only for spikes, as in a spike file. A dense raster is made on request.

Time is counted in steps of `dt` from the start of the presentation. As in Brian2, the time of a
spike is the *start* of the step in which the neuron fired.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brianbridge.readable import counted, milliseconds

__all__ = ["Events"]


@dataclass(frozen=True)
class Events:
    """Hold the spikes of one population.

    Parameters
    ----------
    sample : numpy.ndarray of int, shape (events,)
        Number of the sample that was presented.
    node : numpy.ndarray of int, shape (events,)
        Flat index of the neuron within its population.
    step : numpy.ndarray of int, shape (events,)
        Time step, counted from the start of the presentation.
    value : numpy.ndarray, shape (events,)
        The spike value: 1; -1 or +1 (ternary); 1..s_max (multi-threshold).
    dt : float
        Length of a step, in seconds.
    t_crossing : numpy.ndarray of float64, shape (events,), optional
        Time at which the threshold was crossed, in seconds from the start of the presentation; NaN
        where it is unknown. It lies within the step: ``time <= t_crossing <= time + dt``.

    Examples
    --------
    >>> raster = np.zeros((3, 1, 2)); raster[2, 0, 1] = -1
    >>> Events.from_raster(raster, dt=1e-3)
    Events: 1 spike, dt = 1 ms
    """

    sample: np.ndarray
    node: np.ndarray
    step: np.ndarray
    value: np.ndarray
    dt: float
    t_crossing: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.step)

    def __repr__(self) -> str:
        crossings = "" if self.t_crossing is None else ", with times of crossing"
        return f"Events: {counted(len(self), 'spike')}, dt = {milliseconds(self.dt)}{crossings}"

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, in bytes."""
        arrays = (self.sample, self.node, self.step, self.value, self.t_crossing)
        return sum(array.nbytes for array in arrays if array is not None)

    @property
    def columns(self) -> tuple[np.ndarray, ...]:
        """Sample, node, step and value of each spike."""
        return self.sample, self.node, self.step, self.value

    @property
    def time(self) -> np.ndarray:
        """Start of each spike's step, in seconds from the start of the presentation."""
        return self.step * self.dt

    @classmethod
    def from_raster(cls, raster: np.ndarray, dt: float) -> Events:
        """Return the events of a dense raster of spike values ``(steps, samples, neurons)``.

        Examples
        --------
        >>> raster = np.zeros((3, 1, 2)); raster[2, 0, 1] = -1
        >>> Events.from_raster(raster, dt=1e-3).value
        array([-1.])
        """
        cell = np.flatnonzero(raster)  # several times faster than `nonzero` of three axes
        step, sample, node = (i.astype(np.int32) for i in np.unravel_index(cell, raster.shape))
        value = raster.reshape(-1)[cell]
        # Most spike values are 1, for which one byte is enough.
        small = np.int8 if (value == 1).all() else np.float64
        return cls(sample, node, step, value.astype(small), dt)

    def of_samples(self, low: int, high: int) -> Events:
        """Return the events of samples `low` to ``high - 1``, numbered from 0."""
        if low == 0 and (not len(self) or (self.sample.min() >= 0 and self.sample.max() < high)):
            return self
        from brianbridge.event_loops import places_of_samples

        kept = places_of_samples(self.sample, low, high)
        columns = (self.sample[kept] - low, self.node[kept], self.step[kept], self.value[kept])
        crossing = None if self.t_crossing is None else self.t_crossing[kept]
        return Events(*columns, self.dt, crossing)

    def to_raster(self, steps: int, samples: int, neurons: int, coarse: int = 1) -> np.ndarray:
        """Return the dense raster ``(steps, samples, neurons)``, float64.

        With ``coarse > 1`` the spike values of that many steps are summed. This gives the raster of
        a run at ``dt/coarse`` on the grid of ``dt``.
        """
        cell = self.cells(samples, neurons, coarse)
        return self._summed(cell, steps * samples * neurons).reshape(steps, samples, neurons)

    def cells(self, samples: int, neurons: int, coarse: int = 1) -> np.ndarray:
        """Return the flat index of each event in a raster ``(steps, samples, neurons)``."""
        step = self.step.astype(np.int64) // coarse
        return (step * samples + self.sample) * neurons + self.node

    def counts(self, samples: int, neurons: int) -> np.ndarray:
        """Return the summed spike values, float64, ``(samples, neurons)``."""
        from brianbridge.event_loops import summed_counts

        return summed_counts(self.sample, self.node, self.value, (samples, neurons))

    def _summed(self, cell: np.ndarray, cells: int) -> np.ndarray:
        """Return the summed spike values of each cell, float64."""
        flat = np.bincount(cell, self.value, minlength=cells)
        return flat.astype(float, copy=False)  # bincount gives integers if there are no events

    def first_steps(self, samples: int, neurons: int, steps: int) -> np.ndarray:
        """Return the step of each neuron's first spike, float64; `steps` if there is none.

        Examples
        --------
        >>> raster = np.zeros((4, 1, 2)); raster[2:, 0, 0] = 1
        >>> Events.from_raster(raster, dt=1e-3).first_steps(samples=1, neurons=2, steps=4)
        array([[2., 4.]])
        """
        first = np.full(samples * neurons, float(steps))
        np.minimum.at(first, self.sample.astype(np.int64) * neurons + self.node, self.step)
        return first.reshape(samples, neurons)

    def sorted(self) -> Events:
        """Return the events in order of sample, then step, then node."""
        order = self._order()
        if (order[1:] > order[:-1]).all():
            return self
        crossing = None if self.t_crossing is None else self.t_crossing[order]
        return Events(
            self.sample[order], self.node[order], self.step[order], self.value[order], self.dt,
            crossing,
        )  # fmt: skip

    def _order(self) -> np.ndarray:
        """Return the indices that sort by sample, then step, then node."""
        from brianbridge.event_loops import order_by_sample

        # The spikes of a run come in order of their steps.
        order = order_by_sample(self.sample, self.step, self.node)
        if order is not None:
            return order
        columns = [c.astype(np.int64) for c in (self.sample, self.step, self.node)]
        if not len(self) or min(c.min() for c in columns) < 0:
            return np.lexsort(columns[::-1])
        sizes = [int(c.max()) + 1 for c in columns]
        if sizes[0] * sizes[1] * sizes[2] >= 2**63:
            return np.lexsort(columns[::-1])
        # One key of all three sorts several times faster.
        key = (columns[0] * sizes[1] + columns[1]) * sizes[2] + columns[2]
        return np.argsort(key, kind="stable")
