"""Spikes as NIRData, the data structures of the package `nir` beside its graphs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.events import Events
from brianbridge.io.spikes.layout import as_steps
from brianbridge.recording import Recording

__all__ = ["from_nir_data", "to_nir_data"]

_SPIKES = "spikes"


def to_nir_data(recording: Recording) -> Any:
    """Return the spikes of a recording as data of a NIR graph.

    Parameters
    ----------
    recording : Recording
        The spikes.

    Returns
    -------
    nir.data_ir.NIRGraphData
        A node for each population, whose ``spikes`` are `EventData`, or `ValuedEventData` if any
        value is not 1. The time of a spike is the start of its step. Moments of crossing have no
        place there.

    Raises
    ------
    InputError
        If the package nir, 1.0.8 or later, is not installed.
    """
    data_ir = _data_ir()
    nodes = {}
    for name, shape in recording.shapes.items():
        events = recording.events(name).sorted()
        counts = np.bincount(events.sample, minlength=recording.samples)
        place = np.arange(len(events)) - np.repeat(np.cumsum(counts) - counts, counts)
        size = (recording.samples, int(counts.max(initial=0)))
        columns = {
            "idx": np.full(size, -1),
            "time": np.full(size, np.inf),
            "value": np.zeros(size),
        }
        values = {"idx": events.node, "time": events.time, "value": events.value}
        for column, filled in columns.items():
            filled[events.sample, place] = values[column]
        kind = data_ir.ValuedEventData
        if (events.value == 1).all():
            kind = data_ir.EventData
            del columns["value"]
        entry = kind(n_neurons=math.prod(shape), t_max=recording.steps * recording.dt, **columns)
        nodes[name] = data_ir.NIRNodeData({_SPIKES: entry})
    return data_ir.NIRGraphData(nodes)


def from_nir_data(
    data: Any, dt: float, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> Recording:
    """Return the spikes of the data of a NIR graph.

    Parameters
    ----------
    data : nir.data_ir.NIRGraphData
        Nodes with ``spikes``, as events or on a grid of time. Nodes within subgraphs are not read.
    dt : float
        Step in seconds, as events do not state it.
    shapes : mapping of str to tuple of int, optional
        Shape of each population; flat if not given.

    Returns
    -------
    Recording
        The spikes; the output is the summed spikes of the last node.

    Raises
    ------
    InputError
        If no node has spikes, or their grid has another step than `dt`.
    """
    data_ir = _data_ir()
    found: dict[str, tuple[Events, int, float, int]] = {}
    for name, node in data.nodes.items():
        entry = getattr(node, "observables", {}).get(_SPIKES)
        if isinstance(entry, data_ir.TimeGriddedData):
            if not math.isclose(entry.dt, dt, rel_tol=1e-9):
                raise InputError(f"node '{name}' has steps of {entry.dt} s: give dt={entry.dt}")
            raster = np.asarray(entry.data, np.float64).transpose(1, 0, 2)
            events = Events.from_raster(raster, dt)
        elif isinstance(entry, data_ir.EventData):
            events = _events(entry, dt)
        else:
            continue
        found[name] = events, entry.n_neurons, entry.t_max, entry.n_samples
    if not found:
        raise InputError("no node has 'spikes': give data whose nodes have that observable")
    steps = max(round(t_max / dt) for _, _, t_max, _ in found.values())
    samples = max(number for *_, number in found.values())
    flat = {name: (neurons,) for name, (_, neurons, _, _) in found.items()}
    every = {name: events for name, (events, *_) in found.items()}
    last = list(found)[-1]
    output = every[last].counts(samples, flat[last][0])
    named = flat if shapes is None else {name: shapes.get(name, flat[name]) for name in flat}
    return Recording(dt, steps, samples, named, every, output)


def _data_ir() -> Any:
    try:
        import nir.data_ir
    except ImportError:
        raise InputError(
            "NIRData needs nir 1.0.8: install it by pip install 'nir>=1.0.8'"
        ) from None
    return nir.data_ir


def _events(entry: Any, dt: float) -> Events:
    """Return the spikes of one node."""
    sample, place = np.nonzero(np.asarray(entry.idx) != -1)
    value = np.asarray(getattr(entry, "value", np.ones(np.shape(entry.idx))), np.float64)
    return Events(
        sample, np.asarray(entry.idx)[sample, place].astype(np.int64),
        as_steps(np.asarray(entry.time)[sample, place], dt), value[sample, place], dt,
    ).sorted()  # fmt: skip
