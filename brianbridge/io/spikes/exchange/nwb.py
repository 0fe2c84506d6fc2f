"""Spikes as the units of a file of Neurodata Without Borders (NWB).

Each neuron is a unit, with the columns `population` and `neuron`; each sample is a trial. Time goes
on from one sample to the next: step k of sample s is at ``(s*steps + k)*dt``. Values other than 1
and moments of crossing are ragged columns beside `spike_times`. The description of the run is in
the notes of the file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import h5py
import numpy as np

from brianbridge.errors import InputError
from brianbridge.events import Events
from brianbridge.io.atomic import atomic_descriptor
from brianbridge.io.hdf5 import member, opened
from brianbridge.io.hdf5_out import hdf5_into
from brianbridge.io.spikes.exchange.stream import Run, SpikeStream
from brianbridge.io.spikes.layout import as_steps
from brianbridge.io.spikes.population import check_stored
from brianbridge.io.text_heaps import TextHeaps
from brianbridge.preferences import how_to_raise, memory_budget

__all__ = ["read_nwb", "write_nwb"]

_AT_ONCE = 1 << 20  # spikes that are sorted by neuron at once
_BUFFER = 1 << 20  # values that pynwb takes at once
_ROW_BYTES = 200  # memory of a unit or a trial that is written
_SPIKE_BYTES = 64  # memory of a spike that is read
_RAGGED = ("spike_times", "spike_value", "t_crossing")  # columns of one value for each spike


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
    needed = _ROW_BYTES * float(run.samples + sum(map(run.neurons, run.shapes)))
    if needed > memory_budget():
        raise InputError(
            f"'{path}' has a row for each neuron and each of {run.samples} samples; "
            f"{how_to_raise(needed)}"
        )
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

    The file is read as HDF5: pynwb would make classes of the descriptions that it contains, and
    follow its links.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    dt : float, optional
        Step in seconds; that of the run if not given.

    Raises
    ------
    InputError
        If the file is damaged, or was not written by `write_nwb`.
    """
    with opened(path, "NWB file") as file:
        run, columns, places = _described(file)
    if dt is not None and dt != run.dt:
        raise InputError(f"'{path}' states its time step, {run.dt} s: drop dt={dt}")

    def pieces(only: str | None = None) -> Iterator[tuple[str, Events]]:
        for name in run.shapes if only is None else [only]:
            with opened(path, "NWB file") as file:
                events = _events(member(file, "units", h5py.Group), run, places[name], columns)
            yield name, events

    return SpikeStream(run, pieces, "t_crossing" in columns)


def _pynwb() -> Any:
    try:
        import pynwb
    except ImportError:
        raise InputError(
            "NWB files need pynwb: install it by pip install 'brianbridge[recordings]'"
        ) from None
    return pynwb


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
    """Return an iterator from which pynwb reads a column of `count` values."""
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


def _described(file: h5py.File) -> tuple[Run, frozenset[str], dict[str, np.ndarray]]:
    """Return the run, the ragged columns, and which units are those of each population."""
    heaps = TextHeaps(file, "convert the spikes again")
    if "general" not in file or "units" not in file:
        raise _of_others()
    # A dataset in the place of the group would be read, value by value, in search of the name.
    general = member(file, "general", h5py.Group)
    if "notes" not in general:
        raise _of_others()
    notes = _texts(member(general, "notes", h5py.Dataset), heaps)
    if notes.shape or not str(notes).startswith('{"brianbridge"'):
        raise _of_others()
    run = Run.from_json(str(notes))
    units = member(file, "units", h5py.Group)
    population = member(units, "population", h5py.Dataset)
    # Told by the run before the names are read: there may be millions of them.
    if (population.size or 0) > sum(map(run.neurons, run.shapes)):
        raise InputError(
            f"it has units of shape {population.shape}, not one for each neuron of the run"
        )
    names = _texts(population, heaps)
    columns = frozenset(_RAGGED) & set(units)
    places = {name: np.flatnonzero(names == name) for name in run.shapes}
    if sum(map(len, places.values())) != names.size:
        raise InputError("it has units of no population of the run")
    return run, columns, places


def _of_others() -> InputError:
    return InputError("it does not describe a run: give a file that write_spikes has written")


def _texts(dataset: h5py.Dataset, heaps: TextHeaps) -> np.ndarray:
    if h5py.check_string_dtype(dataset.dtype) is None or dataset.shape is None:
        raise InputError(f"'{dataset.name}' holds {dataset.dtype}; expected text")
    if dataset.dtype.hasobject:
        heaps.check(dataset)
    else:
        check_stored(Path(dataset.file.filename), dataset)
        if (needed := 4.0 * dataset.nbytes) > memory_budget():  # as Python's text
            raise InputError(f"'{dataset.name}' has {dataset.nbytes} bytes; {how_to_raise(needed)}")
    return np.asarray(dataset.asstr(errors="replace")[()], object)


def _events(units: h5py.Group, run: Run, rows: np.ndarray, columns: Collection[str]) -> Events:
    """Return the spikes of one population, in order of sample, step and neuron."""
    if not len(rows):
        nothing = np.zeros(0, np.int64)
        return Events(nothing, nothing, nothing, np.zeros(0), run.dt)
    found = {name: _ragged(units, name, rows) for name in columns}
    counts = np.diff(_ends(units, "spike_times"), prepend=0)[rows]
    node = np.repeat(_numbers(units, "neuron", "iu")[:].astype(np.int64)[rows], counts)
    times = found["spike_times"]
    sample, step = np.divmod(as_steps(times, run.dt), run.steps)
    value = found.get("spike_value", np.ones(len(node))).astype(np.float64)
    crossing = found.get("t_crossing")
    if crossing is not None:
        crossing = crossing - sample * run.steps * run.dt
        crossing = None if np.isnan(crossing).all() else crossing
    return Events(sample, node, step, value, run.dt, crossing).sorted()


def _ragged(units: h5py.Group, name: str, rows: np.ndarray) -> np.ndarray:
    """Return a column of the spikes of some units, which are neighbours."""
    ends, values = _ends(units, name), _numbers(units, name)
    low, high = int(ends[rows[0] - 1]) if rows[0] else 0, int(ends[rows[-1]])
    if rows[-1] - rows[0] + 1 != len(rows) or ends[-1] != len(values):
        raise InputError(f"'{values.name}' has not the spikes of neuron after neuron")
    if (needed := _SPIKE_BYTES * (high - low)) > memory_budget():
        raise InputError(f"a population has {high - low} spikes; {how_to_raise(needed)}")
    return np.asarray(values[low:high])


def _ends(units: h5py.Group, name: str) -> np.ndarray:
    """Return where the values of each unit end, which never goes back."""
    ends = _numbers(units, f"{name}_index", "iu")[:].astype(np.int64)
    if (np.diff(ends, prepend=0) < 0).any() or ends.shape != _numbers(units, "neuron", "iu").shape:
        raise InputError(f"'{units.name}/{name}_index' does not grow from neuron to neuron")
    return ends


def _numbers(units: h5py.Group, name: str, kinds: str = "iuf") -> h5py.Dataset:
    """Return a column of numbers that the file stores."""
    column = member(units, name, h5py.Dataset)
    if column.dtype.kind not in kinds or column.ndim != 1:
        raise InputError(f"'{column.name}' is no column of numbers")
    check_stored(Path(column.file.filename), column)
    return column
