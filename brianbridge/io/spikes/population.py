"""Read the spikes of one population; `brianbridge.io.spikes.file` documents the format."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.events import Events
from brianbridge.io.spikes.digest import COLUMN_DIGEST
from brianbridge.io.spikes.layout import CHUNK, COLUMNS, absent, all_absent, as_steps
from brianbridge.io.spikes.log import is_log, opened_log
from brianbridge.io.text_heaps import attribute
from brianbridge.readable import counted, milliseconds, printable, shape_text

__all__ = ["PopulationSpikes", "check_stored", "opened", "population_in", "spikes_text"]

ROWS = 16 * CHUNK  # read at once
# Errors that damaged bytes may raise.
DAMAGED = (
    OSError,
    RuntimeError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    MemoryError,
)
# HDF5 reads whole chunks; ours have 128 KiB.
LARGEST_CHUNK = 2**28
# gzip turns at most 1,032 bytes into one. A file that declares more does not contain them, and
# reading them would only fill memory.
MOST_COMPRESSION = 1100
UNITS = ("milliseconds", "ms", b"milliseconds", b"ms")


@dataclass(frozen=True)
class PopulationSpikes:
    """Read the spikes of one population in a spike file, on request.

    Parameters
    ----------
    path : pathlib.Path
        The spike file.
    name : str
        The population.
    spikes : int
        Number of spikes.
    shape, dt, steps : tuple of int, float, int
        As in `SpikeFileWriter` (`dt` in seconds); None in the files of other programs, and `steps`
        also in the file of a run without an end that was killed.
    digests : mapping of str to bytes
        The SHA-256 of each column, with which its values are compared. Empty in the files of other
        programs and of earlier versions.
    """

    path: Path
    name: str
    spikes: int
    shape: tuple[int, ...] | None
    dt: float | None
    steps: int | None
    digests: Mapping[str, bytes] = field(default_factory=dict)

    def __repr__(self) -> str:
        what = spikes_text(self.shape, self.dt, self.steps, self.spikes)
        return f"Spikes of population '{printable(self.name)}': {what}"

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
        return np.concatenate([absent(name, 0), *self._blocks(name)])[: self.spikes]

    @property
    def has_crossing(self) -> bool:
        """Whether the time at which the threshold was crossed is known of any spike."""
        return any(not np.isnan(block).all() for block in self._blocks("t_crossing"))

    def check(self) -> None:
        """Read every column, in blocks, and compare it with its digest, if it has one.

        Raises
        ------
        InputError
            If bytes are damaged.
        """
        for name in COLUMNS:
            for _ in self._blocks(name):
                pass

    def _blocks(self, name: str) -> Iterator[np.ndarray]:
        """Yield a column in blocks, which begin and end at the same spikes in all columns."""
        if is_log(self.path):
            with opened_log(self.path) as log:
                yield from log.column(self.name, name)
            return
        with opened(self.path) as file:
            group = file["spikes"][self.name]
            if name not in group:
                for low in range(0, self.spikes, ROWS):
                    yield absent(name, min(ROWS, self.spikes - low))
                return
            wanted, found, same = self.digests.get(name), hashlib.sha256(), True
            for low in range(0, self.spikes, ROWS):
                block = group[name][low : min(low + ROWS, self.spikes)]
                yield (values := self._settled(name, block))
                if wanted is not None:
                    found.update(np.ascontiguousarray(values).data)
                elif self.digests:  # no digest, as no value was known
                    same = same and all_absent(name, values)
            if not same or wanted not in (None, found.digest()):
                raise ValueError(f"'{group[name].name}' differs from what was written")

    def _settled(self, column: str, values: np.ndarray) -> np.ndarray:
        """Return times as they were before HDF5 packed them: multiples of the step, exactly."""
        if column != "timestamps" or self.dt is None:
            return values
        return as_steps(values, self.dt * 1e3) * (self.dt * 1e3)

    def events(self, dt: float | None = None) -> Events:
        """Read the spikes as flat arrays, in the order of the file.

        Parameters
        ----------
        dt : float, optional
            Step in seconds; each spike gets the step in which its timestamp lies. The default is
            the step of the run, which the files of other programs do not state.

        Raises
        ------
        InputError
            If no step is known, or bytes are damaged.
        """
        dt = self._step(dt)
        columns = {name: self.column(name) for name in COLUMNS}
        return _events(columns, dt)

    def events_in_blocks(self, dt: float | None = None) -> Iterator[Events]:
        """Yield the spikes block by block, in the order of the file; memory is bounded.

        Parameters
        ----------
        dt : float, optional
            As for `events`.

        Raises
        ------
        InputError
            If no step is known, or bytes are damaged: a digest is compared after the last block.
        """
        dt = self._step(dt)
        for block in zip(*(self._blocks(name) for name in COLUMNS), strict=True):
            yield _events(dict(zip(COLUMNS, block, strict=True)), dt)

    def _step(self, dt: float | None) -> float:
        dt = self.dt if dt is None else dt
        if dt is None:
            raise InputError(f"'{self.path}' does not state its time step: give it, as in dt=1e-4")
        return dt


def _events(columns: Mapping[str, np.ndarray], dt: float) -> Events:
    """Return the spikes of columns as flat arrays."""
    crossing = columns["t_crossing"] / 1e3
    with np.errstate(invalid="ignore"):  # other programs may write indices as floats, also NaN
        sample, node = (columns[name].astype(np.int64) for name in ("sample", "node_ids"))
    return Events(
        sample=sample,
        node=node,
        step=as_steps(columns["timestamps"], dt * 1e3),
        value=columns["spike_value"].astype(np.float64),
        dt=dt,
        t_crossing=None if np.isnan(crossing).all() else crossing,
    )


def spikes_text(
    shape: Sequence[int] | None, dt: float | None, steps: int | None, spikes: int
) -> str:
    """Describe the spikes of a population, without the values that are None.

    Examples
    --------
    >>> spikes_text((10,), 1e-3, 50, 7)
    '10 neurons, 50 steps of 1 ms, 7 spikes'
    """
    known = [] if shape is None else [f"{shape_text(shape)} neurons"]
    if dt is not None:
        known.append(f"{'' if steps is None else f'{steps} '}steps of {milliseconds(dt)}")
    return ", ".join([*known, counted(spikes, "spike")])


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file to read, and report damage as an `InputError`."""
    if not path.is_file():
        raise InputError(f"there is no spike file '{path}'")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise  # it names the file, and is a ValueError too
    except BlockingIOError:
        raise InputError(f"'{path}' is still being written: read it when the run ends") from None
    except DAMAGED as error:
        reason = " ".join(str(error).split())
        raise InputError(f"'{path}' is damaged or not an HDF5 spike file: {reason}") from error


def population_in(path: Path, group: Any, written: int | None, whole: bool) -> PopulationSpikes:
    """Read the description of one population; `written` is None in files of other programs."""
    if not isinstance(group, h5py.Group):
        raise InputError(f"'{path}' has '{group.name}' where a population was expected")
    name = group.name.rpartition("/")[2]
    for column, (_, value) in COLUMNS.items():
        needed = value is None or written is not None
        if needed and not (column in group and group[column].dtype.kind in "iuf"):
            raise InputError(f"'{path}' lacks numbers: expected them in '{group.name}/{column}'")
        if column in group:
            check_stored(path, group[column], value)
    shapes = {column: group[column].shape for column in COLUMNS if column in group}
    spikes = shapes["node_ids"][0] if written is None else written
    # In the file of a run that was killed, columns may be longer than the whole batches.
    if any(len(s) != 1 or s[0] < spikes or (whole and s[0] > spikes) for s in shapes.values()):
        raise InputError(
            f"'{path}' is damaged: expected {spikes} spikes per column, found {shapes}"
        )
    units = attribute(group["timestamps"], "units", "ms")
    if units not in UNITS:
        raise InputError(f"'{path}' has timestamps in {units!r}: expected milliseconds")
    if written is None:
        return PopulationSpikes(path, name, spikes, shape=None, dt=None, steps=None)
    shape, dt, steps = (attribute(group, key).tolist() for key in ("shape", "dt_s", "steps"))
    found = {column: attribute(group[column], COLUMN_DIGEST, None) for column in COLUMNS}
    digests = {column: bytes(value) for column, value in found.items() if value is not None}
    return PopulationSpikes(path, name, spikes, tuple(shape), dt, steps, digests)


def check_stored(path: Path, column: h5py.Dataset, fill: float | None = None) -> None:
    """Refuse numbers that are declared but not stored in this file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    column : h5py.Dataset
        The numbers.
    fill : float, optional
        The value of those that may be missing.

    Raises
    ------
    InputError
        If they are stored elsewhere, or not at all, or in chunks that are too large.
    """
    stored = column.id.get_storage_size()
    if column.is_virtual or column.external or column.file.filename != str(path):
        raise InputError(f"'{path}': '{column.name}' is not stored in this file")
    chunk = math.prod(column.chunks or (1,)) * column.dtype.itemsize
    if chunk > LARGEST_CHUNK:
        raise InputError(
            f"'{path}': '{column.name}' is stored in chunks of {chunk / 1e6:.4g} MB, of which each "
            "is read at once; write it with smaller chunks, as with h5repack"
        )
    # Of a column with a fill value, chunks may be missing; it is as long as those without one.
    if fill is None and column.nbytes > stored * MOST_COMPRESSION:
        raise InputError(
            f"'{path}' is damaged: '{column.name}' declares {column.nbytes} bytes of numbers but "
            f"stores {stored}"
        )
