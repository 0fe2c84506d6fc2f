"""Choose spikes of a file by population, sample and time, and say what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.events import Events
from brianbridge.io.spikes.exchange.stream import SpikeStream
from brianbridge.recording import Recording

__all__ = ["Selection", "figures_of", "selected"]

_MOST = 5_000_000  # spikes in memory


@dataclass(frozen=True)
class Selection:
    """Name the spikes that are chosen; what is None chooses all.

    Parameters
    ----------
    population : str, optional
        The population.
    samples : tuple of int, optional
        The first sample, and the one after the last.
    time : tuple of float, optional
        Start and end of a time within each presentation, in seconds.
    """

    population: str | None = None
    samples: tuple[int, int] | None = None
    time: tuple[float, float] | None = None


def selected(stream: SpikeStream, selection: Selection) -> Recording:
    """Read the chosen spikes of a stream; samples and time begin at 0 again.

    Raises
    ------
    InputError
        If the choice is not in the file, or too large for memory.
    """
    run = stream.run
    if selection.population not in (None, *run.shapes):
        hint = did_you_mean(str(selection.population), run.shapes)
        raise InputError(f"there is no population '{selection.population}' in the file. {hint}")
    first, end = selection.samples or (0, run.samples)
    if not 0 <= first < end <= run.samples:
        raise InputError(
            f"samples {first}:{end} are not in the file, which has {run.samples}: give 0 to "
            f"{run.samples - 1}"
        )
    low, high = (round(t / run.dt) for t in selection.time or (0.0, run.steps * run.dt))
    if not 0 <= low < high <= run.steps:
        length = run.steps * run.dt * 1e3
        raise InputError(
            f"a time from {low * run.dt * 1e3:g} to {high * run.dt * 1e3:g} ms is not in a "
            f"presentation: give one of at least a step, within 0 to {length:g} ms"
        )
    names = [selection.population] if selection.population is not None else list(run.shapes)

    def chosen(only: str | None = None) -> Any:
        number = 0
        for name in names:
            for _, events in stream.pieces(name):
                rows = (events.sample >= first) & (events.sample < end)
                rows &= (events.step >= low) & (events.step < high)
                number += int(rows.sum())
                if number > _MOST:
                    raise InputError(
                        f"these are more than {_MOST:,} spikes: choose fewer by population, "
                        "samples and time"
                    )
                yield name, _rows(events, rows, first, low)

    shapes = {name: run.shapes[name] for name in names}
    part = replace(run, shapes=shapes, samples=end - first, steps=high - low)
    return SpikeStream(part, chosen, stream.has_crossing).recording()


def _rows(events: Events, rows: np.ndarray, first: int, low: int) -> Events:
    crossing = None if events.t_crossing is None else events.t_crossing[rows] - low * events.dt
    return Events(
        events.sample[rows] - first, events.node[rows], events.step[rows] - low,
        events.value[rows], events.dt, crossing,
    )  # fmt: skip


def figures_of(recording: Recording) -> dict[str, Mapping[str, Any]]:
    """Return figures of each population, as plain values.

    Returns
    -------
    dict of str to mapping
        ``spikes``; ``rate_hz``, the mean over all neurons, samples and time; ``silent``, the number
        of neurons without a spike.
    """
    found: dict[str, Mapping[str, Any]] = {}
    length = recording.steps * recording.dt * recording.samples
    for name, shape in recording.shapes.items():
        events, neurons = recording.events(name), int(np.prod(shape))
        found[name] = {
            "spikes": len(events),
            "rate_hz": len(events) / (neurons * length),
            "silent": neurons - len(np.unique(events.node)),
        }
    return found
