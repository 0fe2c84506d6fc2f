"""The spikes of a run as an HDF5 file in the SONATA layout, which other tools read.

::

    /                       magic = 0x0A7A, version = [0, 1]       as SONATA has it
                            complete     did the run reach its end?
                            written      how many samples, and spikes of each population
                            provenance   JSON: where the spikes come from
    /spikes/<population>    sorting = none, dt_ms, dt_s, steps, shape
        timestamps          float64, ms
        node_ids            uint64, flat index of the neuron in its population
        sample              uint32, which sample was presented
        spike_value         int16: 1; -1 or +1 (ternary); 1..s_max (multi-threshold)
        t_crossing          float64, ms; NaN where it is not known

A timestamp is ``step * dt_ms``: the *start* of the step in which the neuron fired, as in Brian2,
counted from the start of the presentation of **its own sample**. Time begins again at zero with
each sample, so a reader that knows only SONATA sees the presentations on top of one another, as
trials are shown. `t_crossing` is the moment within that step at which the threshold was crossed,
on the same clock. Spikes are in order of sample, step and neuron; as time restarts, that is
neither of SONATA's orders (by time, by neuron), and `sorting` says none.

While a run goes on, its spikes are in a hidden partial file beside the target. There, chunks are
not compressed: a compressed chunk that grows is moved and its old place used again, so that a kill
at that moment would cost spikes that were already on disk. Here they stay where they are, and
`written`, one attribute and so changed in one write, says how many are good. (What remains is
HDF5's index of the chunks: a kill within the microseconds in which it splits, once in half a
million spikes, may cost the file.) A run that ends well is compressed into the target.

SONATA: https://github.com/AllenInstitute/sonata, docs/SONATA_DEVELOPER_GUIDE.md, "Spike file".
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.io.atomic import atomic_path, writable_file
from brianbridge.recording import Events, Recording

__all__ = ["PopulationSpikes", "SpikeFile", "SpikeFileWriter", "describe", "read_spikes"]

MAGIC = 0x0A7A
SORTING = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="u1")
# Column -> type on disk, and what stands for the column in a file that has none (None: required).
COLUMNS: Mapping[str, tuple[str, float | None]] = {
    "timestamps": ("<f8", None),
    "node_ids": ("<u8", None),
    "sample": ("<u4", 0),
    "spike_value": ("<i2", 1),
    "t_crossing": ("<f8", np.nan),
}
CHUNK = 16_384  # events; 128 KiB of float64
RESIZABLE = {"shape": (0,), "maxshape": (None,), "chunks": (CHUNK,)}
# Level 4 takes twice as long and saves a tenth.
COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
# Other writers give times as reals; one that was meant to be k*dt must not fall into step k - 1.
STEP_TOLERANCE = 1e-6
MILLISECONDS = ("milliseconds", "ms", b"milliseconds", b"ms")


class SpikeFileWriter:
    """Write spikes to disk while a run goes on.

    Memory is bounded by one batch, and each batch is on disk when `append` returns. The target
    appears, complete, when the ``with`` block ends well. Until then, and if the run is killed or
    fails, an earlier file at `path` stays as it was, and the spikes are in the hidden file
    ``writer.partial``, which `read_spikes` opens and reports as not complete. The next run with
    the same `path` replaces it.

    Parameters
    ----------
    path : path-like
        The file to write.
    shapes : mapping of str to tuple of int
        Shape of each population.
    dt : float
        Length of a step, in seconds.
    steps : int
        Steps of one presentation.
    provenance : mapping of str to JSON values
        Where the spikes come from: versions, seed, network, dataset.
    compress : bool
        Whether to compress with gzip, which the wheels of libsonata (0.2.2), alone, cannot read.

    Raises
    ------
    InputError
        If the file cannot be written there, or the description of the run makes no sense.

    Examples
    --------
    >>> import tempfile
    >>> raster = np.zeros((3, 1, 2)); raster[2, 0, 1] = -1
    >>> recording = Recording(
    ...     dt=1e-3, steps=3, samples=1, shapes={"out": (2,)},
    ...     all_events={"out": Events.from_raster(raster, dt=1e-3)}, output=np.zeros((1, 2)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with SpikeFileWriter(f"{folder}/spikes.h5", {"out": (2,)}, 1e-3, 3) as spikes:
    ...         spikes.append(recording)
    ...         spikes.append(recording)
    ...     events = read_spikes(f"{folder}/spikes.h5").populations["out"].events()
    >>> events.sample, events.node, events.step, events.value
    (array([0, 1]), array([1, 1]), array([2, 2]), array([-1., -1.]))
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        shapes: Mapping[str, tuple[int, ...]],
        dt: float,
        steps: int,
        provenance: Mapping[str, Any] = {},
        compress: bool = True,
    ) -> None:
        self.path = writable_file(path)
        self.partial = self.path.with_name(f".{self.path.name}.part")
        self._shapes = {name: tuple(int(n) for n in shape) for name, shape in shapes.items()}
        self._dt, self._steps = float(dt), int(steps)
        self._provenance = _as_json(provenance)
        self._storage = COMPRESSION if compress else {}
        self._samples = 0
        self._counts = dict.fromkeys(self._shapes, 0)
        self._file: Any = None
        _check_run(self.path, self._shapes, self._dt, self._steps)

    def __enter__(self) -> SpikeFileWriter:
        # Removed, not truncated: should another run still write to it, that run keeps its file.
        self.partial.unlink(missing_ok=True)
        self._file = self._create(self.partial, complete=False, storage={})
        self._file.flush()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._file.close()
        if kind is None:
            self.partial.unlink(missing_ok=True)

    def append(self, recording: Recording, t_crossing: Mapping[str, np.ndarray] = {}) -> None:
        """Write the spikes of the next batch of samples.

        Samples are numbered on from those that were written before.

        Parameters
        ----------
        recording : Recording
            The batch; no reference to it is kept.
        t_crossing : mapping of str to numpy.ndarray of float64, shape (events,), optional
            By population, the moment at which each spike of ``recording.events(name)`` crossed
            the threshold, in seconds from the start of the presentation; NaN where not known.

        Raises
        ------
        InputError
            If the batch does not fit the run (other populations, `dt` or steps), or holds what
            the file cannot (a spike value that is no 16-bit integer, an index out of range).
        """
        self._check_fits(recording)
        batch = {n: self._columns(n, recording, t_crossing.get(n)) for n in self._shapes}
        for name, columns in batch.items():
            _extend(self._file["spikes"][name], self._counts[name], columns)
            self._counts[name] += len(columns["node_ids"])
        self._samples += recording.samples
        # First the spikes reach the disk, then the word that they are there.
        self._file.flush()
        self._file.attrs.modify("written", self._written())
        self._file.flush()

    def _create(self, path: Path, complete: bool, storage: Mapping[str, Any]) -> h5py.File:
        """Create a file with everything but the spikes."""
        # The earliest format has no "open for writing" mark, which a killed run would leave set.
        file = h5py.File(path, "w", libver="earliest")
        file.attrs.update(magic=np.uint32(MAGIC), version=np.array([0, 1], np.uint32))
        file.attrs.update(complete=complete, written=self._written(), provenance=self._provenance)
        for name, shape in self._shapes.items():
            group = file.create_group(f"spikes/{name}")
            group.attrs.create("sorting", 0, dtype=SORTING)
            # Both, as dt_ms/1e3 may differ from dt in the last bit.
            group.attrs.update(dt_ms=self._dt * 1e3, dt_s=self._dt, steps=self._steps)
            group.attrs["shape"] = np.array(shape, np.int64)
            for column, (dtype, absent) in COLUMNS.items():
                group.create_dataset(column, dtype=dtype, fillvalue=absent, **RESIZABLE, **storage)
            for column in ("timestamps", "t_crossing"):
                group[column].attrs["units"] = "milliseconds"
        return file

    def _finish(self) -> None:
        """Copy the partial file, compressed, to the target."""
        with (
            atomic_path(self.path) as temporary,
            self._create(temporary, complete=True, storage=self._storage) as target,
        ):
            for name, count in self._counts.items():
                source = self._file["spikes"][name]
                for start in range(0, count, 16 * CHUNK):
                    block = slice(start, min(start + 16 * CHUNK, count))
                    columns = {column: source[column][block] for column in COLUMNS}
                    _extend(target["spikes"][name], start, columns)

    def _written(self) -> np.ndarray:
        """Return the count of samples and spikes as one value, to be changed in one write."""
        dtype = [("samples", "<u8"), ("spikes", [(name, "<u8") for name in self._counts])]
        return np.array((self._samples, tuple(self._counts.values())), dtype)

    def _check_fits(self, recording: Recording) -> None:
        """Refuse a recording of another run."""
        if self._file is None:
            raise RuntimeError("append needs an open file: with SpikeFileWriter(...) as spikes:")
        shapes = {name: tuple(shape) for name, shape in recording.shapes.items()}
        ours = (self._shapes, self._dt, self._steps)
        theirs = (shapes, recording.dt, recording.steps)
        if ours != theirs:
            raise InputError(
                f"the recording does not belong in '{self.path}': its shapes, dt and steps are "
                f"{theirs}, the file was opened for {ours}"
            )

    def _columns(self, name: str, recording: Recording, crossing: Any) -> dict[str, np.ndarray]:
        """Return the columns of one population's batch, in the order of the file."""
        unsorted = recording.events(name)
        events = unsorted.sorted()
        _check_range(name, "node", events.node, math.prod(self._shapes[name]))
        _check_range(name, "step", events.step, self._steps)
        _check_range(name, "sample", events.sample, recording.samples)
        columns = {
            "timestamps": events.step * (self._dt * 1e3),
            "node_ids": events.node,
            "sample": events.sample + self._samples,
            "spike_value": _as_int16(name, events.value),
        }
        if crossing is not None:
            given, expected = np.shape(crossing), unsorted.value.shape
            if given != expected:
                raise InputError(f"t_crossing of '{name}' has shape {given}: expected {expected}")
            columns["t_crossing"] = replace(unsorted, value=crossing).sorted().value * 1e3
        return columns


@dataclass(frozen=True)
class PopulationSpikes:
    """Give the spikes of one population in a spike file; they are read when asked for.

    Parameters
    ----------
    path : pathlib.Path
        The spike file.
    name : str
        The population.
    spikes : int
        How many spikes there are.
    shape, dt, steps : tuple of int, float, int
        As in `SpikeFileWriter` (`dt` in seconds); None in the files of other programs.
    """

    path: Path
    name: str
    spikes: int
    shape: tuple[int, ...] | None
    dt: float | None
    steps: int | None

    def column(self, name: str) -> np.ndarray:
        """Read one column, shape ``(spikes,)``; times are in ms.

        Parameters
        ----------
        name : {"timestamps", "node_ids", "sample", "spike_value", "t_crossing"}
            In the files of other programs the last three are 0, 1 and NaN.

        Raises
        ------
        InputError
            If there is no such column, or its bytes are damaged.
        """
        if name not in COLUMNS:
            raise InputError(f"a spike file has no column '{name}'. {did_you_mean(name, COLUMNS)}")
        with _opened(self.path) as file:
            group = file["spikes"][self.name]
            if name in group:
                return group[name][: self.spikes]
        dtype, absent = COLUMNS[name]
        return np.full(self.spikes, absent, dtype)

    def events(self, dt: float | None = None) -> Events:
        """Read the spikes as flat arrays, in the order of the file.

        Parameters
        ----------
        dt : float, optional
            Step in seconds; each spike gets the step in which its timestamp lies. By default that
            of the run. To be given for the files of other programs, which do not say it.

        Raises
        ------
        InputError
            If no step is known, or bytes are damaged.
        """
        dt = self.dt if dt is None else dt
        if dt is None:
            raise InputError(f"'{self.path}' does not say its time step: give it, as in dt=1e-4")
        return Events(
            sample=self.column("sample").astype(np.int64),
            node=self.column("node_ids").astype(np.int64),
            step=np.floor(self.column("timestamps") / (dt * 1e3) + STEP_TOLERANCE).astype(np.int64),
            value=self.column("spike_value").astype(np.float64),
            dt=dt,
        )


@dataclass(frozen=True)
class SpikeFile:
    """Hold what a spike file says, without its spikes.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    complete : bool
        Whether the run reached its end. Files of other programs count as complete.
    samples : int
        Samples presented; 1 in the files of other programs.
    populations : mapping of str to PopulationSpikes
        The populations, in the order of the network.
    provenance : mapping of str to JSON values
        What the writer said of the run.
    """

    path: Path
    complete: bool
    samples: int
    populations: Mapping[str, PopulationSpikes]
    provenance: Mapping[str, Any]


def read_spikes(path: str | os.PathLike[str]) -> SpikeFile:
    """Open a spike file, whole or left behind by a killed run, of this or of another program.

    Parameters
    ----------
    path : path-like
        The file. Only its description is read; the spikes follow when they are asked for. Of a
        run that was killed there are the batches that were written whole.

    Raises
    ------
    InputError
        If there is no such file, or it is not a whole SONATA spike file.

    Examples
    --------
    >>> read_spikes("none.h5")
    Traceback (most recent call last):
    brianbridge.errors.InputError: there is no spike file 'none.h5'
    """
    path = Path(path)
    with _opened(path) as file:
        if np.atleast_1d(file.attrs.get("magic", 0)).tolist() != [MAGIC]:
            raise InputError(f"'{path}' is HDF5 but not SONATA: expected root magic=0x0A7A")
        spikes = file.get("spikes")
        if not isinstance(spikes, h5py.Group):
            raise InputError(f"'{path}' holds no spikes: expected a group /spikes")
        if "written" not in file.attrs:
            populations = {name: _population(path, spikes[name], None, True) for name in spikes}
            return SpikeFile(path, True, 1, populations, provenance={})
        complete, written = bool(file.attrs["complete"]), file.attrs["written"]
        counts = zip(written["spikes"].dtype.names, written["spikes"].tolist(), strict=True)
        populations = {name: _population(path, spikes[name], n, complete) for name, n in counts}
        provenance = json.loads(file.attrs["provenance"])
        return SpikeFile(path, complete, int(written["samples"]), populations, provenance)


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Summarise a spike file as plain values, ready for JSON.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    dict
        The keys ``path``, ``complete``, ``samples``, ``populations`` (by name: ``shape``,
        ``dt`` in s, ``steps`` and ``spikes``; None where the file does not say), ``provenance``.

    Raises
    ------
    InputError
        If there is no such file, or it is not a whole SONATA spike file.
    """
    file = read_spikes(path)
    return {
        "path": str(file.path),
        "complete": file.complete,
        "samples": file.samples,
        "populations": {
            name: {"shape": p.shape, "dt": p.dt, "steps": p.steps, "spikes": p.spikes}
            for name, p in file.populations.items()
        },
        "provenance": dict(file.provenance),
    }


def _check_run(path: Path, shapes: Mapping[str, tuple[int, ...]], dt: float, steps: int) -> None:
    """Refuse a run that cannot be written down."""
    if not shapes or any(name in ("", ".") or "/" in name for name in shapes):
        raise InputError(
            f"'{path}' needs at least one population, and names without '/': found {list(shapes)}"
        )
    if not (0 < dt < np.inf and steps > 0):
        raise InputError(f"'{path}' needs dt > 0 and steps > 0, not dt = {dt} s, steps = {steps}")


def _check_range(name: str, index: str, values: np.ndarray, end: int) -> None:
    """Refuse an index that would wrap around on disk or point at nothing."""
    odd = values[(values < 0) | (values >= end)]
    if len(odd):
        raise InputError(f"population '{name}' has a spike of {index} {odd[0]}: expected < {end}")


def _as_int16(name: str, values: np.ndarray) -> np.ndarray:
    """Return spike values as they are on disk, if nothing is lost by it."""
    with np.errstate(invalid="ignore"):  # NaN and huge values are found by the comparison
        exact = values.astype(np.int16)
    odd = values[exact != values]
    if len(odd):
        raise InputError(f"population '{name}' has a spike value of {odd[0]}: expected int16")
    return exact


def _as_json(provenance: Mapping[str, Any]) -> str:
    """Return JSON that any program reads (the standard has no NaN)."""
    try:
        return json.dumps(dict(provenance), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"the provenance of a spike file must be plain JSON: {error}") from None


def _extend(group: h5py.Group, start: int, columns: Mapping[str, np.ndarray]) -> None:
    """Lengthen every column, from `start`; those that are not given get their fill value."""
    end = start + len(columns["node_ids"])
    for name in COLUMNS:
        group[name].resize((end,))
        if name in columns:
            group[name][start:end] = columns[name]


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open a file to read, and report whatever HDF5 cannot make sense of as an `InputError`."""
    if not path.is_file():
        raise InputError(f"there is no spike file '{path}'")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except BlockingIOError:
        raise InputError(f"'{path}' is still being written: read it when the run ends") from None
    except (OSError, RuntimeError, LookupError, AttributeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"'{path}' is damaged or no HDF5 spike file: {reason}") from error


def _population(path: Path, group: Any, written: int | None, whole: bool) -> PopulationSpikes:
    """Read the description of one population; `written` is None in files of other programs."""
    if not isinstance(group, h5py.Group):
        raise InputError(f"'{path}' has '{group.name}' where a population was expected")
    name = group.name.rpartition("/")[2]
    for column, (_, absent) in COLUMNS.items():
        needed = absent is None or written is not None
        if needed and not (column in group and group[column].dtype.kind in "iuf"):
            raise InputError(f"'{path}' lacks numbers: expected them in '{group.name}/{column}'")
    shapes = {column: group[column].shape for column in COLUMNS if column in group}
    spikes = shapes["node_ids"][0] if written is None else written
    # In a file that a killed run left, columns may reach beyond what was written whole.
    if any(len(s) != 1 or s[0] < spikes or (whole and s[0] > spikes) for s in shapes.values()):
        raise InputError(f"'{path}' is damaged: expected {spikes} spikes a column, found {shapes}")
    units = group["timestamps"].attrs.get("units", "ms")
    if units not in MILLISECONDS:
        raise InputError(f"'{path}' has timestamps in {units!r}: expected milliseconds")
    if written is None:
        return PopulationSpikes(path, name, spikes, shape=None, dt=None, steps=None)
    shape, dt, steps = (group.attrs[key].tolist() for key in ("shape", "dt_s", "steps"))
    return PopulationSpikes(path, name, spikes, tuple(shape), dt, steps)
