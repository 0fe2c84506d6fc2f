"""What a run of a spiking network leaves behind: spikes, traces and the decoded output.

The torch twin and every path through Brian2 return the same `Recording`, so that two of them
can be compared cell by cell. Spikes are kept as flat event arrays (sparse, as they will be on
disk); the dense raster is made when somebody asks for it.

Time is counted in steps of `dt` from the start of the presentation. As in Brian2, a spike is
stamped with the *start* of the step in which it happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

__all__ = ["Events", "Recording"]


@dataclass(frozen=True)
class Events:
    """Hold the spikes of one population as flat arrays, one entry a spike.

    Parameters
    ----------
    sample : numpy.ndarray of int, shape (events,)
        Which sample of the batch was presented.
    node : numpy.ndarray of int, shape (events,)
        Flat index of the neuron within its population.
    step : numpy.ndarray of int, shape (events,)
        Time step, counted from the start of the presentation.
    value : numpy.ndarray, shape (events,)
        The spike value: 1; -1 or +1 (ternary); 1..s_max (multi-threshold).
    dt : float
        Length of a step, in seconds.
    t_crossing : numpy.ndarray of float64, shape (events,), optional
        When the threshold was crossed, in seconds from the start of the presentation; NaN where
        that is not known. It lies within the step, ``time <= t_crossing <= time + dt``.
    """

    sample: np.ndarray
    node: np.ndarray
    step: np.ndarray
    value: np.ndarray
    dt: float
    t_crossing: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.step)

    @property
    def nbytes(self) -> int:
        """Memory that the arrays take."""
        arrays = (self.sample, self.node, self.step, self.value, self.t_crossing)
        return sum(array.nbytes for array in arrays if array is not None)

    @property
    def time(self) -> np.ndarray:
        """Start of each spike's step, in seconds from the start of the presentation."""
        return self.step * self.dt

    @classmethod
    def from_raster(cls, raster: np.ndarray, dt: float) -> Events:
        """Read events from a dense raster of spike values ``(steps, samples, neurons)``.

        Examples
        --------
        >>> raster = np.zeros((3, 1, 2)); raster[2, 0, 1] = -1
        >>> Events.from_raster(raster, dt=1e-3).value
        array([-1.])
        """
        cell = np.flatnonzero(raster)  # several times faster than `nonzero` of three axes
        step, sample, node = (i.astype(np.int32) for i in np.unravel_index(cell, raster.shape))
        value = raster.reshape(-1)[cell]
        # Most spikes are 1, which needs no eight bytes.
        small = np.int8 if (value == 1).all() else np.float64
        return cls(sample, node, step, value.astype(small), dt)

    def of_samples(self, low: int, high: int) -> Events:
        """Return the events of samples `low` up to `high`, numbered from 0."""
        kept = (self.sample >= low) & (self.sample < high)
        columns = (self.sample[kept] - low, self.node[kept], self.step[kept], self.value[kept])
        crossing = None if self.t_crossing is None else self.t_crossing[kept]
        return Events(*columns, self.dt, crossing)

    def to_raster(self, steps: int, samples: int, neurons: int, coarse: int = 1) -> np.ndarray:
        """Return the dense raster ``(steps, samples, neurons)``, float64.

        With ``coarse > 1`` the spike values of that many steps are summed into one: the raster
        of a run at ``dt/coarse`` seen on the grid of ``dt``.
        """
        cell = self.cells(samples, neurons, coarse)
        return self._summed(cell, steps * samples * neurons).reshape(steps, samples, neurons)

    def cells(self, samples: int, neurons: int, coarse: int = 1) -> np.ndarray:
        """Return the flat index of each event in a raster ``(steps, samples, neurons)``."""
        step = self.step.astype(np.int64) // coarse
        return (step * samples + self.sample) * neurons + self.node

    def counts(self, samples: int, neurons: int) -> np.ndarray:
        """Return the summed spike values, float64, ``(samples, neurons)``."""
        cell = self.sample.astype(np.int64) * neurons + self.node
        return self._summed(cell, samples * neurons).reshape(samples, neurons)

    def _summed(self, cell: np.ndarray, cells: int) -> np.ndarray:
        """Return the summed spike values of each cell, float64."""
        flat = np.bincount(cell, self.value, minlength=cells)
        return flat.astype(float, copy=False)  # without any event it is of integers

    def first_steps(self, samples: int, neurons: int, steps: int) -> np.ndarray:
        """Return the step of each neuron's first spike, float64 `steps` where there is none.

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
        """Return the same events in order of sample, then step, then node."""
        order = self._order()
        crossing = None if self.t_crossing is None else self.t_crossing[order]
        return Events(
            self.sample[order], self.node[order], self.step[order], self.value[order], self.dt,
            crossing,
        )  # fmt: skip

    def _order(self) -> np.ndarray:
        """Return the indices that sort by sample, then step, then node."""
        columns = [c.astype(np.int64) for c in (self.sample, self.step, self.node)]
        if not len(self) or min(c.min() for c in columns) < 0:
            return np.lexsort(columns[::-1])
        sizes = [int(c.max()) + 1 for c in columns]
        if sizes[0] * sizes[1] * sizes[2] >= 2**63:
            return np.lexsort(columns[::-1])
        # One key of all three sorts several times faster.
        key = (columns[0] * sizes[1] + columns[1]) * sizes[2] + columns[2]
        return np.argsort(key, kind="stable")


class _PerPopulation(Mapping[str, np.ndarray]):
    """Map population names to arrays that are computed on access."""

    def __init__(self, names: Sequence[str], compute: Callable[[str], np.ndarray]) -> None:
        self._names, self._compute = tuple(names), compute

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(f"no population '{name}' was recorded; there are {self._names}")
        return self._compute(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Recording:
    """Hold what was recorded while a batch of samples was presented.

    Parameters
    ----------
    dt : float
        Length of a step, in seconds.
    steps : int
        Steps of one presentation.
    samples : int
        Samples presented.
    shapes : mapping of str to tuple of int
        Shape of each recorded population.
    all_events : mapping of str to Events
        The spikes of each population.
    output : numpy.ndarray, shape (samples, classes)
        The decoded output (spike counts or free potentials of the last population).
    traces : mapping of str to mapping of str to numpy.ndarray
        ``traces[population][variable]`` has shape ``(steps, samples, *shape)``: the value at the
        end of each step, after the reset.
    """

    dt: float
    steps: int
    samples: int
    shapes: Mapping[str, tuple[int, ...]]
    all_events: Mapping[str, Events]
    output: np.ndarray
    traces: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)

    def events(self, name: str) -> Events:
        """Return the spikes of population `name` as flat arrays."""
        if name not in self.all_events:
            raise KeyError(f"no population '{name}' was recorded; there are {list(self.shapes)}")
        return self.all_events[name]

    @property
    def spikes(self) -> Mapping[str, np.ndarray]:
        """Spike values per population, dense: ``(steps, samples, *shape)``."""
        return _PerPopulation(tuple(self.shapes), self._raster)

    @property
    def counts(self) -> Mapping[str, np.ndarray]:
        """Summed spike values per population: ``(samples, *shape)``."""
        return _PerPopulation(tuple(self.shapes), self._counts)

    @property
    def prediction(self) -> np.ndarray:
        """The class with the largest output, shape ``(samples,)``; the first one wins a tie."""
        return self.output.argmax(axis=1)

    def raster(self, name: str, coarse: int = 1) -> np.ndarray:
        """Return the dense raster of `name`, ``(steps/coarse, samples, neurons)``, shape flat."""
        neurons = int(np.prod(self.shapes[name]))
        return self.events(name).to_raster(self.steps // coarse, self.samples, neurons, coarse)

    def _raster(self, name: str) -> np.ndarray:
        return self.raster(name).reshape(self.steps, self.samples, *self.shapes[name])

    def _counts(self, name: str) -> np.ndarray:
        shape = self.shapes[name]
        counts = self.events(name).counts(self.samples, int(np.prod(shape)))
        return counts.reshape(self.samples, *shape)

    def spikes_per_sample(self) -> dict[str, float]:
        """Return the mean number of spikes (events) a sample, by population."""
        return {name: len(self.events(name)) / self.samples for name in self.shapes}

    def of_samples(self, low: int, high: int) -> Recording:
        """Return the recording of samples `low` up to `high`."""
        output = self.output[low:high]
        return replace(
            self,
            samples=len(output),
            all_events={n: events.of_samples(low, high) for n, events in self.all_events.items()},
            output=output,
            traces={
                name: {v: trace[:, low:high] for v, trace in variables.items()}
                for name, variables in self.traces.items()
            },
        )

    def without_events(self) -> Recording:
        """Return the recording with nothing but its output."""
        return replace(self, shapes={}, all_events={}, traces={})

    @classmethod
    def concatenate(cls, parts: Sequence[Recording]) -> Recording:
        """Join recordings of consecutive batches of samples into one."""
        first = parts[0]
        starts = np.cumsum([0] + [p.samples for p in parts])

        def joined(name: str) -> Events:
            events = [p.events(name) for p in parts]
            crossing = [e.t_crossing for e in events if e.t_crossing is not None]
            return Events(
                sample=np.concatenate(
                    [e.sample + np.int32(s) for e, s in zip(events, starts, strict=False)]
                ),
                node=np.concatenate([e.node for e in events]),
                step=np.concatenate([e.step for e in events]),
                value=np.concatenate([e.value for e in events]),
                dt=first.dt,
                t_crossing=np.concatenate(crossing) if crossing else None,
            )

        if len(parts) == 1:
            return first
        traces: dict[str, dict[str, Any]] = {
            name: {v: np.concatenate([p.traces[name][v] for p in parts], axis=1) for v in variables}
            for name, variables in first.traces.items()
        }
        return cls(
            dt=first.dt,
            steps=first.steps,
            samples=int(starts[-1]),
            shapes=first.shapes,
            all_events={name: joined(name) for name in first.shapes},
            output=np.concatenate([p.output for p in parts]),
            traces=traces,
        )
