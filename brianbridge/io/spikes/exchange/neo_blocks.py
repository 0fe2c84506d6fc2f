"""Spikes as blocks of Neo, for Elephant and all others that read them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.events import Events
from brianbridge.io.spikes.exchange.stream import Run, SpikeStream, stream_of_recording
from brianbridge.io.spikes.layout import as_steps
from brianbridge.recording import Recording

__all__ = ["from_neo", "to_neo"]

_KEY = "brianbridge"


def to_neo(recording: Recording) -> Any:
    """Return the spikes of a recording as a block of Neo.

    Parameters
    ----------
    recording : Recording
        The spikes, as of `read_recording` or `simulate`.

    Returns
    -------
    neo.Block
        It has a segment for each sample, and a spike train for each neuron, also for those that did
        not fire, with the annotations ``population`` and ``neuron``. The array annotations of a
        train are ``spike_value``, and ``t_crossing`` (in s) if it is known.

    Raises
    ------
    InputError
        If Neo is not installed.

    Examples
    --------
    >>> raster = np.zeros((3, 1, 2)); raster[2, 0, 1] = 1
    >>> recording = Recording(
    ...     dt=1e-3, steps=3, samples=1, shapes={"out": (2,)},
    ...     all_events={"out": Events.from_raster(raster, dt=1e-3)}, output=np.zeros((1, 2)))
    >>> to_neo(recording).segments[0].spiketrains[1].times.rescale("ms").magnitude.tolist()
    [2.0]
    """
    neo = _neo()
    run = stream_of_recording(recording).run
    block = neo.Block(name="brianbridge", **{_KEY: run.to_json()})
    block.segments.extend([neo.Segment(name=f"sample {s}", index=s) for s in range(run.samples)])
    for name in run.shapes:
        events, neurons = recording.events(name), run.neurons(name)
        cell = events.sample.astype(np.int64) * neurons + events.node
        order = np.lexsort((events.step, cell))
        ends = np.cumsum(np.bincount(cell, minlength=run.samples * neurons))
        for number, rows in enumerate(np.split(order, ends[:-1])):
            sample, neuron = divmod(number, neurons)
            block.segments[sample].spiketrains.append(_train(neo, events, rows, run, name, neuron))
    block.check_relationships()
    return block


def from_neo(block: Any) -> Recording:
    """Return the spikes of a block that `to_neo` made.

    Parameters
    ----------
    block : neo.Block
        The block, also after one of Neo's file formats that keeps annotations.

    Returns
    -------
    Recording
        The spikes; the output is the summed spikes of the last population.

    Raises
    ------
    InputError
        If the block does not describe a run.
    """
    text = getattr(block, "annotations", {}).get(_KEY)
    if not isinstance(text, str):
        raise InputError(f"the block has no annotation '{_KEY}': give a block that to_neo made")
    run = Run.from_json(text)
    found: dict[str, list[Events]] = {name: [] for name in run.shapes}
    for sample, segment in enumerate(block.segments):
        for train in segment.spiketrains:
            found[train.annotations["population"]].append(_events(train, sample, run))
    pieces = ((name, events) for name, every in found.items() for events in every)
    recording = SpikeStream(run, lambda: pieces, has_crossing=True).recording()
    events = {name: recording.events(name).sorted() for name in run.shapes}
    return replace(recording, all_events=events)


def _neo() -> Any:
    try:
        import neo
    except ImportError:
        raise InputError(
            "blocks of Neo need neo: install it by pip install 'brianbridge[recordings]'"
        ) from None
    return neo


def _train(
    neo: Any, events: Events, rows: np.ndarray, run: Run, population: str, neuron: int
) -> Any:
    """Return the spikes of one neuron in one sample."""
    values = {"spike_value": events.value[rows].astype(np.int16)}
    if events.t_crossing is not None:
        values["t_crossing"] = events.t_crossing[rows]
    return neo.SpikeTrain(
        events.step[rows] * run.dt, units="s", t_stop=run.steps * run.dt,
        name=f"{population}[{neuron}]", array_annotations=values,
        population=population, neuron=neuron,
    )  # fmt: skip


def _events(train: Any, sample: int, run: Run) -> Events:
    """Return the spikes of one train."""
    step = as_steps(train.times.rescale("s").magnitude, run.dt)
    values = train.array_annotations
    crossing = values.get("t_crossing")
    return Events(
        np.full(len(step), sample), np.full(len(step), int(train.annotations["neuron"])), step,
        np.asarray(values.get("spike_value", np.ones(len(step))), np.float64), run.dt,
        None if crossing is None else np.asarray(crossing),
    )  # fmt: skip
