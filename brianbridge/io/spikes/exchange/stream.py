"""Spikes that are read piece by piece, from a recording or a spike file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.events import Events
from brianbridge.io.json_text import parse_json
from brianbridge.io.spikes.checks import as_int16, check_range
from brianbridge.io.spikes.reader import SpikeFile
from brianbridge.io.spikes.writer import SpikeFileWriter
from brianbridge.preferences import how_to_raise, memory_budget
from brianbridge.recording import Recording

__all__ = ["Run", "SpikeStream", "stream_of_file", "stream_of_recording"]

#: Steps and neurons are counted with 64 bits.
_LARGEST = 2**62


@dataclass(frozen=True)
class Run:
    """Describe the run that spikes are of.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        Shape of each population.
    dt : float
        Length of a step, in seconds.
    steps, samples : int
        Steps of one presentation, and number of presentations.
    provenance : mapping of str to JSON values
        The origin of the spikes.

    Examples
    --------
    >>> Run.from_json(Run({"out": (2,)}, 1e-3, 50, 1).to_json()).shapes
    {'out': (2,)}
    """

    shapes: Mapping[str, tuple[int, ...]]
    dt: float
    steps: int
    samples: int
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the description as JSON in ASCII, on one line."""
        return json.dumps({"brianbridge": 1, **vars(self)})

    @classmethod
    def from_json(cls, text: str | bytes) -> Run:
        """Read what `to_json` made.

        Raises
        ------
        InputError
            If it is something else.
        """
        entry = parse_json(text, "the description of the run")
        try:
            shapes = {str(name): tuple(map(index, s)) for name, s in entry["shapes"].items()}
            steps, samples = index(entry["steps"]), index(entry["samples"])
            run = cls(shapes, float(entry["dt"]), steps, samples, dict(entry["provenance"]))
            if not (0 < run.dt < math.inf and steps > 0 and samples >= 0 and shapes):
                raise ValueError(f"{samples} samples of {steps} steps of {run.dt} s")
            if max(steps * max(samples, 1), *map(run.neurons, shapes)) > _LARGEST:
                raise ValueError("more steps or neurons than can be counted")
            if any(number < 1 for shape in shapes.values() for number in shape):
                raise ValueError(f"shapes {shapes!s:.80}")
            return run
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"the description of the run is damaged: {error!r}") from None

    def neurons(self, name: str) -> int:
        """Return the number of neurons of a population."""
        return math.prod(self.shapes[name])


@dataclass(frozen=True)
class SpikeStream:
    """Hold the description of a run, and read its spikes piece by piece.

    Parameters
    ----------
    run : Run
        The run.
    pieces : callable
        Returns an iterator of the name of a population and some of its spikes. It can be called
        more than once, and with the name of a population for its spikes only.
    has_crossing : bool
        Whether the time at which the threshold was crossed is known of any spike.
    """

    run: Run
    pieces: Callable[..., Iterator[tuple[str, Events]]]
    has_crossing: bool

    def checked(self, path: Path) -> SpikeStream:
        """Return the same spikes; those that the run cannot have are refused when they are read."""

        def pieces(*only: str) -> Iterator[tuple[str, Events]]:
            for name, events in self.pieces(*only):
                try:
                    check_range(name, "sample", events.sample, self.run.samples)
                    check_range(name, "neuron", events.node, self.run.neurons(name))
                    check_range(name, "step", events.step, self.run.steps)
                    as_int16(name, events.value)
                    if events.t_crossing is not None and np.isinf(events.t_crossing).any():
                        raise InputError(f"population '{name}' crosses a threshold at no time")
                except InputError as error:
                    raise InputError(f"'{path}' is damaged: {error}") from None
                yield name, events

        return SpikeStream(self.run, pieces, self.has_crossing)

    def recording(self) -> Recording:
        """Read all spikes; the output is the summed spikes of the last population.

        Raises
        ------
        InputError
            If the output needs more than ``prefs.brianbridge.memory``.
        """
        needed = 8.0 * self.run.samples * self.run.neurons(list(self.run.shapes)[-1])
        if needed > memory_budget():
            raise InputError(
                f"the counts of {self.run.samples} samples need {needed / 1e6:.4g} MB; "
                f"{how_to_raise(needed)}"
            )
        held: dict[str, list[Events]] = {name: [_none(self.run.dt)] for name in self.run.shapes}
        for name, events in self.pieces():
            held[name].append(events)
        joined = {name: _joined(events) for name, events in held.items()}
        last = list(self.run.shapes)[-1]
        output = joined[last].counts(self.run.samples, self.run.neurons(last))
        run = self.run
        return Recording(run.dt, run.steps, run.samples, run.shapes, joined, output)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write all spikes to a spike file in the SONATA layout."""
        run = self.run
        with SpikeFileWriter(path, run.shapes, run.dt, run.steps, run.provenance) as writer:
            for name, events in self.pieces():
                writer.append(self._part({name: events}), goes_on=True)
            writer.append(self._part({}))

    def _part(self, events: Mapping[str, Events]) -> Recording:
        run = self.run
        every = {name: _none(run.dt) for name in run.shapes} | dict(events)
        nothing = np.zeros((run.samples, 0))
        return Recording(run.dt, run.steps, run.samples, run.shapes, every, nothing)


def stream_of_recording(recording: Recording, provenance: Mapping[str, Any] = {}) -> SpikeStream:
    """Return the spikes of a recording as a stream."""
    r = recording
    run = Run(dict(r.shapes), r.dt, r.steps, r.samples, dict(provenance))

    def pieces(only: str | None = None) -> Iterator[tuple[str, Events]]:
        for name in r.shapes if only is None else [only]:
            yield name, r.events(name).sorted()

    crossing = any(r.events(name).t_crossing is not None for name in r.shapes)
    return SpikeStream(run, pieces, crossing)


def stream_of_file(file: SpikeFile, dt: float | None = None) -> SpikeStream:
    """Return the spikes of a spike file as a stream.

    Parameters
    ----------
    file : SpikeFile
        The file. Of files of other programs, numbers of neurons and steps are as large as the
        spikes need.
    dt : float, optional
        Step in seconds, for files that do not state it.

    Raises
    ------
    InputError
        If no step is known, or populations differ in their steps.
    """
    described = {}
    for name, population in file.populations.items():
        shape, steps = population.shape, population.steps
        if shape is None or steps is None or dt is not None:
            neurons, steps = 1, 1
            for events in population.events_in_blocks(dt):
                neurons = max(neurons, int(events.node.max()) + 1)
                steps = max(steps, int(events.step.max()) + 1)
            shape = shape or (neurons,)
        described[name] = shape, population.dt if dt is None else dt, steps
    if not described:
        raise InputError(f"'{file.path}' has no populations")
    steps = max(entry[2] for entry in described.values())
    length = next(iter(described.values()))[1]
    if any(entry[1] != length for entry in described.values()) or length is None:
        raise InputError(f"the populations of '{file.path}' differ in their steps: give dt")
    shapes = {name: entry[0] for name, entry in described.items()}
    run = Run(shapes, length, steps, file.samples, file.provenance)

    def pieces(only: str | None = None) -> Iterator[tuple[str, Events]]:
        for name in shapes if only is None else [only]:
            for events in file.populations[name].events_in_blocks(dt):
                yield name, events

    crossing = any(population.has_crossing for population in file.populations.values())
    return SpikeStream(run, pieces, crossing)


def _none(dt: float) -> Events:
    nothing = np.zeros(0, np.int64)
    return Events(nothing, nothing, nothing, np.zeros(0), dt)


def _joined(parts: list[Events]) -> Events:
    """Join spikes of one population."""
    crossing = None
    if any(part.t_crossing is not None for part in parts):
        crossing = np.concatenate(
            [np.full(len(p), np.nan) if p.t_crossing is None else p.t_crossing for p in parts]
        )
    sample, node, step, value = (
        np.concatenate([getattr(part, column) for part in parts])
        for column in ("sample", "node", "step", "value")
    )
    return Events(sample, node, step, value, parts[0].dt, crossing)
