"""The recording of a run of a spiking network: spikes, traces and the decoded output.

The twin and both paths through Brian2 return a `Recording`, so that two runs can be compared value
by value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.events import Events
from brianbridge.packed_events import PackedEvents
from brianbridge.readable import columns, counted, milliseconds, shape_text

__all__ = ["Events", "NotRecordedError", "Recording"]


class NotRecordedError(InputError, KeyError):
    """Report that a population was not recorded; also a `KeyError`, as mappings raise."""

    __str__ = Exception.__str__  # KeyError would put the text in quotes


def _not_recorded(name: str, known: Iterable[str]) -> NotRecordedError:
    hint = did_you_mean(str(name), known)
    return NotRecordedError(f"no population '{name!s:.80}' was recorded. {hint}")


class _PerPopulation(Mapping[str, np.ndarray]):
    """Map names of populations to arrays, which are computed on access."""

    def __init__(self, names: Sequence[str], compute: Callable[[str], np.ndarray]) -> None:
        self._names, self._compute = tuple(names), compute

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise _not_recorded(name, self._names)
        return self._compute(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Recording:
    """Hold the spikes, traces and output of a batch of samples.

    Parameters
    ----------
    dt : float
        Length of a step, in seconds.
    steps : int
        Number of steps of one presentation.
    samples : int
        Number of samples.
    shapes : mapping of str to tuple of int
        Shape of each recorded population.
    all_events : mapping of str to Events
        The spikes of each population.
    output : numpy.ndarray, shape (samples, classes)
        The decoded output (spike counts or free potentials of the last population).
    traces : mapping of str to mapping of str to numpy.ndarray
        ``traces[population][variable]`` has shape ``(steps, samples, *shape)``: the value at the
        end of each step, after the reset.

    Examples
    --------
    >>> spikes = np.zeros((5, 1, 2)); spikes[2, 0, 1] = 1
    >>> recording = Recording(
    ...     dt=1e-3, steps=5, samples=1, shapes={"output": (2,)},
    ...     all_events={"output": Events.from_raster(spikes, dt=1e-3)}, output=np.zeros((1, 2)))
    >>> recording
    Recording of 1 sample, 5 steps of 1 ms
    output  2 neurons  1 spike
    >>> recording.events("outptu")
    Traceback (most recent call last):
    brianbridge.recording.NotRecordedError: no population 'outptu' was recorded. Did you mean 'output'?
    """  # noqa: E501

    dt: float
    steps: int
    samples: int
    shapes: Mapping[str, tuple[int, ...]]
    all_events: Mapping[str, Events]
    output: np.ndarray
    traces: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)

    def __repr__(self) -> str:
        steps = f"{counted(self.steps, 'step')} of {milliseconds(self.dt)}"
        rows = [
            (
                name,
                f"{shape_text(shape)} neurons",
                counted(self._number(name), "spike"),
                ", ".join(self.traces.get(name, ())),
            )
            for name, shape in self.shapes.items()
        ]
        return f"Recording of {counted(self.samples, 'sample')}, {steps}\n{columns(rows)}".rstrip()

    def events(self, name: str) -> Events:
        """Return the spikes of population `name` as flat arrays.

        Raises
        ------
        InputError
            If it was not recorded.
        """
        if name not in self.all_events:
            raise _not_recorded(name, self.all_events)
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
        """The class with the largest output, shape ``(samples,)``; the first one in a tie."""
        return self.output.argmax(axis=1)

    def raster(self, name: str, coarse: int = 1) -> np.ndarray:
        """Return the dense raster of `name`, ``(steps/coarse, samples, neurons)``, neurons flat."""
        events, neurons = self.events(name), int(np.prod(self.shapes[name]))
        return events.to_raster(self.steps // coarse, self.samples, neurons, coarse)

    def _raster(self, name: str) -> np.ndarray:
        return self.raster(name).reshape(self.steps, self.samples, *self.shapes[name])

    def _counts(self, name: str) -> np.ndarray:
        shape = self.shapes[name]
        neurons, events = int(np.prod(shape)), self.all_events
        if isinstance(events, PackedEvents) and name in events:
            counts = events.counts(name, neurons)
        else:
            counts = self.events(name).counts(self.samples, neurons)
        return counts.reshape(self.samples, *shape)

    def spikes_per_sample(self) -> dict[str, float]:
        """Return the mean number of spikes in a sample, by population."""
        return {name: self._number(name) / self.samples for name in self.shapes}

    def _number(self, name: str) -> int:
        """Return the number of spikes of a population."""
        events = self.all_events
        if isinstance(events, PackedEvents) and name in events:
            return events.number(name)
        return len(self.events(name))

    def packed(self) -> Recording:
        """Return the recording with its spikes in few bytes each; see `PackedEvents`."""
        if isinstance(self.all_events, PackedEvents):
            return self
        return replace(self, all_events=PackedEvents([(self.samples, self.all_events)]))

    def of_samples(self, low: int, high: int) -> Recording:
        """Return the recording of samples `low` to ``high - 1``."""
        if low == 0 and high >= self.samples:
            return self
        output, events = self.output[low:high], self.all_events
        if isinstance(events, PackedEvents):
            chosen: Mapping[str, Events] = events.of_samples(low, high)
        else:
            chosen = {name: each.of_samples(low, high) for name, each in events.items()}
        return replace(
            self,
            samples=len(output),
            all_events=chosen,
            output=output,
            traces={
                name: {v: trace[:, low:high] for v, trace in variables.items()}
                for name, variables in self.traces.items()
            },
        )

    def without_events(self) -> Recording:
        """Return the recording with only its output."""
        return replace(self, shapes={}, all_events={}, traces={})

    @classmethod
    def concatenate(cls, parts: Sequence[Recording]) -> Recording:
        """Join the recordings of consecutive batches of samples.

        Raises
        ------
        InputError
            If there are none.
        """
        if not parts:
            raise InputError("there are no recordings to join; give at least one")
        first = parts[0]
        if len(parts) == 1:
            return first
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

        traces: dict[str, dict[str, Any]] = {
            name: {v: np.concatenate([p.traces[name][v] for p in parts], axis=1) for v in variables}
            for name, variables in first.traces.items()
        }
        packed = [part.all_events for part in parts if isinstance(part.all_events, PackedEvents)]
        return cls(
            dt=first.dt,
            steps=first.steps,
            samples=int(starts[-1]),
            shapes=first.shapes,
            all_events=PackedEvents.joined(packed)
            if len(packed) == len(parts)
            else {name: joined(name) for name in first.shapes},
            output=np.concatenate([p.output for p in parts]),
            traces=traces,
        )
