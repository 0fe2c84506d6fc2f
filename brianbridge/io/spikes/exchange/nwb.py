"""Spikes as the units of a file of Neurodata Without Borders (NWB).

Each neuron is a unit, with the columns `population` and `neuron`; each sample is a trial. Time goes
on from one sample to the next: step k of sample s is at ``(s*steps + k)*dt``. Values other than 1
and moments of crossing are ragged columns beside `spike_times`. The description of the run is in
the notes of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from brianbridge.errors import InputError
from brianbridge.events import Events
from brianbridge.io.atomic import atomic_descriptor
from brianbridge.io.hdf5_out import hdf5_into
from brianbridge.io.spikes.exchange.stream import Run, SpikeStream
from brianbridge.io.spikes.layout import as_steps

__all__ = ["read_nwb", "write_nwb"]

_AT_ONCE = 1 << 20  # spikes that are sorted by neuron at once
_BUFFER = 1 << 20  # values that pynwb takes at once


def write_nwb(stream: SpikeStream, path: Path) -> None:
    """Write spikes as units; memory is bounded by the number of neurons and one piece.

    Parameters
    ----------
    stream : SpikeStream
        The spikes. They are read once for each million spikes.
    path : pathlib.Path
        The file.

    Raises
    ------
    InputError
        If pynwb is not there, or the file cannot be written.
    """
    pynwb = _pynwb()
    run = stream.run
    file = pynwb.NWBFile(
        session_description="Spikes of a network, written by brianbridge",
        identifier=str(uuid4()),
        session_start_time=datetime.now(UTC),
        notes=run.to_json(),
    )
    for sample in range(run.samples):
        start = sample * run.steps * run.dt
        file.add_trial(start_time=start, stop_time=start + run.steps * run.dt)
    file.units = _units(stream)
    with atomic_descriptor(path) as descriptor, hdf5_into(descriptor) as (target, _):
        io = pynwb.NWBHDF5IO(file=target, mode="w")
        io.write(file)


def read_nwb(path: Path, dt: float | None = None) -> SpikeStream:
    """Read spikes that `write_nwb` wrote, one population at a time.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    dt : float, optional
        Step in seconds; that of the run if not given.

    Raises
    ------
    InputError
        If pynwb is not there, or the file was not written by `write_nwb`.
    """
    pynwb = _pynwb()
    if not path.is_file():
        raise InputError(f"there is no file '{path}'")
    with _opened(pynwb, path) as io:
        file = io.read()
        if not str(file.notes).startswith('{"brianbridge"') or file.units is None:
            raise InputError(
                f"'{path}' does not describe a run: give a file that write_spikes has written"
            )
        run = Run.from_json(file.notes)
        crossing = "t_crossing" in file.units.colnames
    if dt is not None and dt != run.dt:
        raise InputError(f"'{path}' states its time step, {run.dt} s: drop dt={dt}")

    def pieces(only: str | None = None) -> Iterator[tuple[str, Events]]:
        with _opened(pynwb, path) as io:
            units = io.read().units
            for name in run.shapes if only is None else [only]:
                yield name, _events(units, run, name)

    return SpikeStream(run, pieces, crossing)


def _pynwb() -> Any:
    try:
        import pynwb
    except ImportError:
        raise InputError(
            "NWB files need pynwb: install it by pip install 'brianbridge[recordings]'"
        ) from None
    return pynwb


def _opened(pynwb: Any, path: Path) -> Any:
    try:
        return pynwb.NWBHDF5IO(str(path), "r")
    except OSError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"'{path}' is damaged or not an NWB file: {reason}") from None


def _units(stream: SpikeStream) -> Any:
    """Return the table of units, whose ragged columns are computed while they are written."""
    from hdmf.common import VectorData, VectorIndex
    from pynwb.misc import Units

    run = stream.run
    counts = {name: np.zeros(run.neurons(name), np.int64) for name in run.shapes}
    graded = False
    for name, events in stream.pieces():
        counts[name] += np.bincount(events.node, minlength=len(counts[name]))
        graded = graded or bool((events.value != 1).any())
    ends = np.cumsum(np.concatenate(list(counts.values())))
    texts = {"spike_times": "times of spikes, in seconds"}
    if graded:
        texts["spike_value"] = "value of each spike"
    if stream.has_crossing:
        texts["t_crossing"] = "time at which the threshold was crossed, in seconds"
    columns: list[Any] = []
    for column, text in texts.items():
        values = _chunks(_by_neuron(stream, counts, column), int(ends[-1]))
        data = VectorData(name=column, description=text, data=values)
        # The index first: hdmf forgets an iterator when it comes to it.
        columns += [VectorIndex(name=f"{column}_index", data=ends, target=data), data]
    names = np.repeat(list(counts), [len(count) for count in counts.values()]).tolist()
    neurons = np.concatenate([np.arange(len(count)) for count in counts.values()])
    columns.append(VectorData(name="population", description="its population", data=names))
    columns.append(VectorData(name="neuron", description="its index there", data=neurons))
    return Units(
        name="units", description="the neurons of the network", columns=columns,
        colnames=[*texts, "population", "neuron"], id=np.arange(len(neurons)), resolution=run.dt,
    )  # fmt: skip


def _by_neuron(stream: SpikeStream, counts: dict[str, np.ndarray], column: str) -> Iterator[Any]:
    """Yield a column in order of population, neuron and time, piece by piece."""
    run = stream.run
    for name, count in counts.items():
        group = np.cumsum(count) // _AT_ONCE  # of neurons that are sorted together
        for number in np.unique(group):
            low, high = np.searchsorted(group, [number, number + 1])
            found = []
            for _, events in stream.pieces(name):
                rows = (events.node >= low) & (events.node < high)
                step = events.sample[rows] * run.steps + events.step[rows]
                found.append((events.node[rows], step, _values(events, column, run)[rows]))
            node, step, values = (np.concatenate(part) for part in zip(*found, strict=True))
            yield values[np.lexsort((step, node))]


def _values(events: Events, column: str, run: Run) -> np.ndarray:
    if column == "spike_value":
        return events.value.astype(np.int16)
    start = events.sample * run.steps
    if column == "spike_times":
        return (start + events.step) * run.dt
    if events.t_crossing is None:
        return np.full(len(events), np.nan)
    return start * run.dt + events.t_crossing


def _chunks(pieces: Iterator[np.ndarray], count: int) -> Any:
    """Return what pynwb reads a column of `count` values from, piece by piece."""
    from hdmf.data_utils import GenericDataChunkIterator

    held = [next(pieces, np.zeros(0))]
    if not count:
        return held[0]

    class Column(GenericDataChunkIterator):
        """Hand out the values in their order."""

        def _get_data(self, selection: tuple[slice, ...]) -> np.ndarray:
            wanted = selection[0].stop - selection[0].start
            while sum(map(len, held)) < wanted:
                held.append(next(pieces))
            joined: np.ndarray = np.concatenate(held)
            held[:] = [joined[wanted:]]
            return joined[:wanted]

        def __len__(self) -> int:
            return count

        def _get_maxshape(self) -> tuple[int, ...]:
            return (count,)

        def _get_dtype(self) -> np.dtype:
            return held[0].dtype

    size = min(_BUFFER, count)
    return Column(buffer_shape=(size,), chunk_shape=(min(size, 1 << 14),))


def _events(units: Any, run: Run, name: str) -> Events:
    """Return the spikes of one population, in order of sample, step and neuron."""
    rows = np.flatnonzero(np.asarray(units["population"].data[:]) == name)
    if not len(rows):
        nothing = np.zeros(0, np.int64)
        return Events(nothing, nothing, nothing, np.zeros(0), run.dt)
    ends = np.asarray(units["spike_times"].data[:], np.int64)
    starts = np.concatenate([[0], ends[:-1]])
    low, high = int(starts[rows[0]]), int(ends[rows[-1]])  # units of a population are neighbours
    times = units["spike_times"].target.data[low:high]
    neurons = np.asarray(units["neuron"].data[:])[rows]
    node = np.repeat(neurons, (ends - starts)[rows]).astype(np.int64)
    sample, step = np.divmod(as_steps(times, run.dt), run.steps)
    value, crossing = np.ones(len(node)), None
    if "spike_value" in units.colnames:
        value = units["spike_value"].target.data[low:high].astype(np.float64)
    if "t_crossing" in units.colnames:
        crossing = units["t_crossing"].target.data[low:high] - sample * run.steps * run.dt
        crossing = None if np.isnan(crossing).all() else crossing
    return Events(sample, node, step, value, run.dt, crossing).sorted()
