"""Write spike files; `spike_file` documents the format."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.atomic import atomic_descriptor, writable_file
from brianbridge.io.hdf5_out import Hdf5Sink, hdf5_into
from brianbridge.io.spikes.checks import as_int16, as_json, check_range, check_run
from brianbridge.io.spikes.digest import (
    COLUMN_DIGEST,
    DIGEST,
    check_whole,
    description_digest,
    digest,
)
from brianbridge.io.spikes.layout import (
    CHUNK,
    COLUMNS,
    MAGIC,
    MILLISECONDS,
    SORTING,
    absent,
    provenance_texts,
)
from brianbridge.io.spikes.log import SpikeLogWriter
from brianbridge.io.write_errors import not_written
from brianbridge.recording import Recording

__all__ = ["SpikeFileWriter"]

# Level 4 takes twice as long and saves a tenth.
COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
HEADERS = 32_768  # bytes of an HDF5 file besides its columns, about


class SpikeFileWriter:
    """Write spikes to disk while a run goes on.

    Memory is bounded by one batch, and each batch is in a file when `append` returns. The target
    appears, complete and compared with what was appended, when the ``with`` block ends well. Until
    then, and if the run is killed or fails, an earlier file at `path` stays as it was, and the
    spikes are in the hidden file ``writer.partial``, which `read_spikes` opens and reports as not
    complete. The next run with the same `path` replaces it. If the run fails because the disk is
    full, that file is removed.

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
        Whether to compress with gzip, which saves four fifths of the disk. The wheels of libsonata
        (0.2.2) have no gzip: for them, write without.

    Raises
    ------
    InputError
        If the file cannot be written there, or the description of the run makes no sense.

    Examples
    --------
    >>> import tempfile
    >>> from brianbridge.io.spikes.file import read_spikes
    >>> from brianbridge.recording import Events
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
        self._provenance = as_json(provenance)
        self._storage = COMPRESSION if compress else {}
        self._samples = 0
        self._counts = dict.fromkeys(self._shapes, 0)
        self._log: SpikeLogWriter | None = None
        self._refused: InputError | None = None
        check_run(self.path, self._shapes, self._dt, self._steps)

    def __enter__(self) -> SpikeFileWriter:
        description = {
            "shapes": list(self._shapes.items()),
            "dt": self._dt,
            "steps": self._steps,
            "provenance": json.loads(self._provenance),
        }
        try:
            self._log = SpikeLogWriter(self.partial, description)
        except (OSError, MemoryError) as error:
            raise not_written(self.partial, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        assert self._log is not None
        whole = False
        try:
            if kind is None:
                self._finish(self._log)
                whole = True
        except InputError as problem:
            raise InputError(
                f"{problem}; the spikes are kept in '{self.partial}', which read_spikes opens"
            ) from problem
        finally:
            # What a full disk refused is of no use and would keep the disk full.
            refused = error is not None and error is self._refused
            self._log.close(remove=whole or refused)
            self._log = None

    def append(self, recording: Recording) -> None:
        """Write the spikes of the next batch of samples.

        Samples are numbered on from those that were written before.

        Parameters
        ----------
        recording : Recording
            The batch; no reference to it is kept.

        Raises
        ------
        InputError
            If the batch does not fit the run (other populations, `dt` or steps), or holds what
            the file cannot (a spike value that is no 16-bit integer, an index out of range); or
            if the disk does not take it. The file is then as it was before, and the batch may be
            tried again.
        """
        log = self._fitting_log(recording)
        batch = {name: self._columns(name, recording) for name in self._shapes}
        try:
            log.append(recording.samples, batch)
        except (OSError, MemoryError) as error:
            size = sum(a.nbytes for columns in batch.values() for a in columns.values())
            self._refused = not_written(self.path, error, room=log.end + size)
            raise self._refused from error
        self._samples += recording.samples
        for name, columns in batch.items():
            self._counts[name] += len(columns["node_ids"])

    def _finish(self, log: SpikeLogWriter) -> None:
        """Make the target of the log, compare both, and give it its name."""
        # Compressed, it takes about a fifth.
        room = None if self._storage else log.end + HEADERS
        with atomic_descriptor(self.path, room) as descriptor:
            with hdf5_into(descriptor) as (file, sink):
                digests = self._fill(file, sink, log)
            # HDF5 was told of no failure, and told of none. Whether all is there, reading tells.
            with os.fdopen(os.dup(descriptor), "rb") as again, h5py.File(again, "r") as file:
                check_whole(file, self._counts, digests)

    def _fill(self, file: h5py.File, sink: Hdf5Sink, log: SpikeLogWriter) -> dict[str, bytes]:
        """Write everything, and return the digest of each column by its path."""
        file.attrs.update(magic=np.uint32(MAGIC), version=np.array([0, 1], np.uint32))
        file.attrs.update(complete=True, written=self._written())
        file.attrs.update(provenance_texts(self._provenance))
        digests = {}
        for name, shape in self._shapes.items():
            group = file.create_group(f"spikes/{name}")
            group.attrs.create("sorting", 0, dtype=SORTING)
            # Both, as dt_ms/1e3 may differ from dt in the last bit.
            group.attrs.update(dt_ms=self._dt * 1e3, dt_s=self._dt, steps=self._steps)
            group.attrs["shape"] = np.array(shape, np.int64)
            for column in COLUMNS:
                dataset = self._create(group, column)
                found = digest(_copied(log, name, dataset, sink))
                dataset.attrs[COLUMN_DIGEST] = found
                digests[dataset.name] = bytes(found)
        file.attrs[DIGEST] = description_digest(file)
        return digests

    def _create(self, group: h5py.Group, column: str) -> h5py.Dataset:
        dtype, fill = COLUMNS[column]
        rows = (self._counts[group.name.removeprefix("/spikes/")],)
        dataset = group.create_dataset(
            column, rows, dtype, maxshape=(None,), chunks=(CHUNK,), fillvalue=fill,
            track_times=False, **self._storage,
        )  # fmt: skip
        if column in ("timestamps", "t_crossing"):
            dataset.attrs["units"] = MILLISECONDS
        return dataset

    def _written(self) -> np.ndarray:
        """Return the count of samples and spikes as one value, to be changed in one write."""
        dtype = [("samples", "<u8"), ("spikes", [(name, "<u8") for name in self._counts])]
        return np.array((self._samples, tuple(self._counts.values())), dtype)

    def _fitting_log(self, recording: Recording) -> SpikeLogWriter:
        """Return the log, and refuse a recording of another run."""
        if self._log is None:
            raise RuntimeError("append needs an open file: with SpikeFileWriter(...) as spikes:")
        shapes = {name: tuple(shape) for name, shape in recording.shapes.items()}
        ours = (self._shapes, self._dt, self._steps)
        theirs = (shapes, recording.dt, recording.steps)
        if ours != theirs:
            raise InputError(
                f"the recording does not belong in '{self.path}': its shapes, dt and steps are "
                f"{theirs}, the file was opened for {ours}"
            )
        return self._log

    def _columns(self, name: str, recording: Recording) -> dict[str, np.ndarray]:
        """Return the columns of one population's batch, in the order of the file."""
        events = recording.events(name).sorted()
        check_range(name, "node", events.node, math.prod(self._shapes[name]))
        check_range(name, "step", events.step, self._steps)
        check_range(name, "sample", events.sample, recording.samples)
        columns = {
            "timestamps": events.step * (self._dt * 1e3),
            "node_ids": events.node,
            "sample": events.sample + self._samples,
            "spike_value": as_int16(name, events.value),
        }
        if events.t_crossing is not None:
            columns["t_crossing"] = events.t_crossing * 1e3
        return columns


def _copied(
    log: SpikeLogWriter, name: str, dataset: h5py.Dataset, sink: Hdf5Sink
) -> Iterator[np.ndarray]:
    """Copy a column from the log, in whole chunks, and yield what was written."""
    column = dataset.name.rpartition("/")[2]
    if not log.has(name, column):  # the fill value stands for all of it
        yield from (absent(column, len(piece)) for piece in log.pieces(name, column))
        return
    start = 0
    for block in _in_blocks(log.pieces(name, column), CHUNK):
        dataset[start : start + len(block)] = block
        sink.check()
        start += len(block)
        yield block


def _in_blocks(pieces: Iterable[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """Join pieces so that all but the last have a multiple of `rows` rows.

    Examples
    --------
    >>> [block.tolist() for block in _in_blocks([np.arange(2), np.arange(3)], 2)]
    [[0, 1], [0, 1], [2]]
    """
    held, count = [], 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count >= rows:
            joined = np.concatenate(held)
            whole = count - count % rows
            yield joined[:whole]
            held, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(held)
