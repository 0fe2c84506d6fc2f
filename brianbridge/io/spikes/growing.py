"""Write the columns of a spike file chunk by chunk, while the run goes on.

The file is HDF5 from its first byte, but HDF5 writes what it needs to find the chunks only at the
end. Until then the *table* says where each chunk is; the log of the run holds a copy of it
(`brianbridge.io.spikes.log`), from which the spikes of a killed run are read.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from brianbridge.io.atomic import give_name
from brianbridge.io.hdf5_out import Hdf5Sink, hdf5_into
from brianbridge.io.part_file import lock_kept, open_part
from brianbridge.io.spikes.checks import as_json
from brianbridge.io.spikes.chunks import Packing
from brianbridge.io.spikes.digest import (
    COLUMN_DIGEST,
    DIGEST,
    ColumnDigest,
    check_whole,
    description_digest,
)
from brianbridge.io.spikes.layout import (
    CHUNK,
    COLUMNS,
    MAGIC,
    MILLISECONDS,
    SORTING,
    Place,
    absent,
    all_absent,
    narrow_types,
    provenance_texts,
)
from brianbridge.io.spikes.stored import places_of

__all__ = ["GrowingColumn", "GrowingSpikeFile"]

_PLACE = struct.Struct("<4Q")


class GrowingColumn:
    """Write one column.

    Parameters
    ----------
    group : h5py.Group
        The population.
    sink : Hdf5Sink
        Where HDF5 writes.
    name : str
        The column.
    dtype : str
        The type of values that are added, of `narrow_types`.
    packing : Packing
        How its chunks are encoded.

    Attributes
    ----------
    path : str
        Its place in the file.
    rows : int
        Number of values in chunks.
    size : int
        Bytes of its chunks.
    """

    def __init__(
        self, group: h5py.Group, sink: Hdf5Sink, name: str, dtype: str, packing: Packing
    ) -> None:
        self.path = f"{group.name}/{name}"
        self.rows = self.size = 0
        self._group, self._sink, self._name, self._packing = group, sink, name, packing
        self._dataset: Any = None
        self._chunk = 0  # rows of a chunk
        self._table = bytearray()  # of places
        # Of a column that every spike has, none is no array: an empty one.
        self._held: list[tuple[np.ndarray | None, int]] = []
        if COLUMNS[name][1] is None:
            self._held = [(np.zeros(0, dtype), 0)]
        self._count = 0

    @property
    def places(self) -> np.ndarray:
        """Where its chunks are: in each row, the fields of a `Place`."""
        return places_of(self._table)

    @property
    def pending(self) -> np.ndarray | None:
        """The values that are in no chunk yet; None if all are absent."""
        if all(values is None for values, _ in self._held):
            return None
        return np.concatenate(
            [absent(self._name, n) if values is None else values for values, n in self._held]
        )

    def add(self, values: np.ndarray | None, count: int) -> None:
        """Take values, or None if these are absent, and write all chunks that are whole."""
        self._held.append((values, count))
        self._count += count
        if self._count >= CHUNK:
            joined, whole = self.pending, self._count - self._count % CHUNK
            self._write(joined, whole)
            self._count -= whole
            self._held = [(None if joined is None else joined[whole:].copy(), self._count)]

    def finish(self, digest: np.ndarray | None) -> None:
        """Write the last chunk, and the digest if any value is known."""
        self._write(self.pending, self._count)
        self._held, self._count = [], 0
        if digest is not None:
            self._dataset.attrs[COLUMN_DIGEST] = digest

    def _write(self, values: np.ndarray | None, count: int) -> None:
        """Write chunks; only the last one of the file may have fewer rows than a whole one."""
        if self._dataset is None:
            self._dataset, self._chunk = self._created(min(count, CHUNK)), min(count, CHUNK)
        low, self.rows = self.rows, self.rows + count
        self._dataset.resize((self.rows,))
        for start in range(0, count, CHUNK):
            rows = min(CHUNK, count - start)
            part = None if values is None else values[start : start + rows]
            if part is None or all_absent(self._name, part):
                place = Place(0, 0, 0, 0)
            else:
                place = self._stored(part, low + start)
            self.size += place.size
            self._table += _PLACE.pack(*place)

    def _stored(self, values: np.ndarray, start: int) -> Place:
        """Write one chunk."""
        missing = self._chunk - len(values)
        padded = np.pad(values, (0, missing), mode="edge") if missing else values
        data, mask = self._packing.encode(self._name, padded)
        self._dataset.id.write_direct_chunk((start,), data, mask)
        address, size = self._sink.last
        if size != len(data):  # HDF5 wrote more than that; it searches chunks one by one
            address = self._dataset.id.get_chunk_info_by_coord((start,)).byte_offset
        return Place(address, len(data), zlib.crc32(data), mask)

    def _created(self, rows: int) -> h5py.Dataset:
        """Create the column; if it ends within its first chunk, that is no longer than needed."""
        dtype, fill = COLUMNS[self._name]
        dataset = self._group.create_dataset(
            self._name, (0,), dtype, maxshape=(None,), chunks=(max(rows, 1),), fillvalue=fill,
            track_times=False, **self._packing.storage(self._name),
        )  # fmt: skip
        if self._name in ("timestamps", "t_crossing"):
            dataset.attrs["units"] = MILLISECONDS
        return dataset


class GrowingSpikeFile:
    """Write a spike file while the run goes on.

    Parameters
    ----------
    target : pathlib.Path
        The spike file; it gets its name when `finish` returns.
    run : mapping of str to JSON values
        The description of the run, as in the log.
    compress : bool
        Whether to compress the columns.

    Raises
    ------
    OSError
        If no file can be written there.
    """

    def __init__(self, target: Path, run: Mapping[str, Any], compress: bool) -> None:
        self.target, self._run = target, run
        self.part, self.descriptor = open_part(target)
        self._named = False
        self._stack = ExitStack()
        self._file, self._sink = self._stack.enter_context(hdf5_into(self.descriptor))
        packing = Packing(run["dt"] * 1e3, compress)
        self._digests: dict[str, dict[str, ColumnDigest]] = {}
        self.columns: dict[str, dict[str, GrowingColumn]] = {}
        for name, shape in run["shapes"]:
            group = self._file.create_group(f"spikes/{name}")
            group.attrs.create("sorting", 0, dtype=SORTING)
            # Both, as dt_ms/1e3 may differ from dt in the last bit.
            group.attrs.update(dt_ms=run["dt"] * 1e3, dt_s=run["dt"])
            group.attrs["shape"] = np.array(shape, np.int64)
            self._digests[name] = {
                column: ColumnDigest(column, packing.dt_ms) for column in COLUMNS
            }
            self.columns[name] = {
                column: GrowingColumn(group, self._sink, column, dtype, packing)
                for column, dtype in narrow_types(math.prod(shape), run["steps"]).items()
            }

    @property
    def size(self) -> int:
        """Bytes that were written."""
        return sum(column.size for columns in self.columns.values() for column in columns.values())

    def add(self, batch: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Take the next spikes of each population, and write all chunks that are whole.

        What the disk refuses stays in memory; `check` says so.
        """
        for name, given in batch.items():
            count = len(given["node_ids"])
            for column, growing in self.columns[name].items():
                growing.add(given.get(column), count)

    def digest(self, batch: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Take the same spikes for the digests; in a thread of its own, if that is of use."""
        for name, given in batch.items():
            for column, digest in self._digests[name].items():
                digest.add(given.get(column), len(given["node_ids"]))

    def check(self) -> None:
        """Write what the disk refused before.

        Raises
        ------
        OSError, MemoryError
            If it refuses it again.
        """
        self._sink.retry()

    def finish(self, samples: int, steps: int) -> None:
        """Write the rest, compare the file with what was written, and give it its name.

        Parameters
        ----------
        samples, steps : int
            Number of presentations, and steps of one.

        Raises
        ------
        OSError, MemoryError
            If the disk refuses it, or does not return what was written. The file is then closed.
        """
        counts = {}
        for name, columns in self.columns.items():
            for key, column in columns.items():
                column.finish(self._digests[name][key].value())
                self._sink.check()
            counts[name] = columns["node_ids"].rows
            self._file[f"spikes/{name}"].attrs["steps"] = steps
        self._file.attrs.update(magic=np.uint32(MAGIC), version=np.array([0, 1], np.uint32))
        self._file.attrs.update(complete=True, written=_written(samples, counts))
        self._file.attrs.update(provenance_texts(as_json(self._run["provenance"])))
        wanted = description_digest(self._file)
        self._file.attrs[DIGEST] = wanted
        self._stack.close()  # HDF5 writes where the chunks are; raises what the disk refused
        os.fsync(self.descriptor)
        self._check(bytes(wanted))
        # The name must not be free, for a writer that cleans up, before it is the target's.
        with lock_kept(self.descriptor):
            descriptor, self.descriptor = self.descriptor, -1
            os.close(descriptor)
            give_name(self.part, self.target)
            self._named = True

    def _check(self, wanted: bytes) -> None:
        """Read the file again: HDF5 reports no errors of the disk."""
        places = {
            column.path: column.places
            for columns in self.columns.values()
            for column in columns.values()
        }
        check_whole(self.descriptor, wanted, places)

    def close(self, remove: bool) -> None:
        """Close the file; if it was not finished and that is asked, remove it."""
        with suppress(OSError, MemoryError):  # its chunks are read without what HDF5 writes now
            self._stack.close()
        if remove and not self._named:
            with suppress(OSError):
                self.part.unlink()
        if self.descriptor >= 0:
            with suppress(OSError):
                os.close(self.descriptor)


def _written(samples: int, counts: Mapping[str, int]) -> np.ndarray:
    """Return the numbers of samples and spikes, as the file keeps them."""
    dtype = [("samples", "<u8"), ("spikes", [(name, "<u8") for name in counts])]
    return np.array((samples, tuple(counts.values())), dtype)
