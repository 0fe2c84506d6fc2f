"""Write the columns of a spike file chunk by chunk, while the run goes on.

The file is HDF5 from its first byte, but HDF5 writes what it needs to find the chunks only at the
end. Until then the *table* says where each chunk is; the log of the run holds a copy of it
(`brianbridge.io.spikes.log`), from which the spikes of a killed run are read.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from brianbridge.io.atomic import give_name
from brianbridge.io.hdf5_out import hdf5_into
from brianbridge.io.part_file import lock_kept, open_part
from brianbridge.io.spikes.checks import as_json
from brianbridge.io.spikes.chunks import Packing
from brianbridge.io.spikes.digest import COLUMN_DIGEST, DIGEST, check_whole, description_digest
from brianbridge.io.spikes.layout import (
    CHUNK,
    COLUMNS,
    MAGIC,
    MILLISECONDS,
    SORTING,
    Place,
    absent,
    provenance_texts,
)

__all__ = ["GrowingColumn", "GrowingSpikeFile"]


class GrowingColumn:
    """Write one column.

    Parameters
    ----------
    group : h5py.Group
        The population.
    name : str
        The column.
    packing : Packing
        How its chunks are encoded.

    Attributes
    ----------
    path : str
        Its place in the file.
    places : list of Place
        Where its chunks are.
    """

    def __init__(self, group: h5py.Group, name: str, packing: Packing) -> None:
        self.path = f"{group.name}/{name}"
        self.places: list[Place] = []
        self._group, self._name, self._packing = group, name, packing
        self._dataset: h5py.Dataset | None = None
        self._sha = hashlib.sha256()
        self._held: list[np.ndarray] = []
        self._count = 0

    @property
    def rows(self) -> int:
        """Number of values."""
        return 0 if self._dataset is None else int(self._dataset.shape[0])

    @property
    def pending(self) -> np.ndarray:
        """The values that are in no chunk yet."""
        return np.concatenate([absent(self._name, 0), *self._held])

    def add(self, values: np.ndarray) -> None:
        """Take values, and write all chunks that are whole."""
        self._held.append(np.ascontiguousarray(values, COLUMNS[self._name][0]))
        self._count += len(values)
        if self._count >= CHUNK:
            joined = self.pending
            whole = self._count - self._count % CHUNK
            for start in range(0, whole, CHUNK):
                self._write(joined[start : start + CHUNK])
            self._held, self._count = [joined[whole:].copy()], self._count - whole

    def finish(self) -> None:
        """Write the last chunk and the digest."""
        if self._count:
            self._write(self.pending)
        self._held, self._count = [], 0
        dataset = self._created(0) if self._dataset is None else self._dataset
        dataset.attrs[COLUMN_DIGEST] = np.frombuffer(self._sha.digest(), np.uint8)

    def _write(self, values: np.ndarray) -> None:
        """Write one chunk; only the last one may have fewer rows than a whole one."""
        if self._dataset is None:
            self._dataset = self._created(len(values))
        self._sha.update(values.data)
        start, rows = len(self.places) * CHUNK, self._dataset.chunks[0]
        self._dataset.resize((start + len(values),))
        if self._all_fill(values):
            self.places.append(Place(0, 0, 0, 0))
            return
        if len(values) < rows:
            values = np.pad(values, (0, rows - len(values)), mode="edge")
        data, mask = self._packing.encode(self._name, values)
        self._dataset.id.write_direct_chunk((start,), data, mask)
        info = self._dataset.id.get_chunk_info_by_coord((start,))
        self.places.append(Place(info.byte_offset, info.size, zlib.crc32(data), mask))

    def _all_fill(self, values: np.ndarray) -> bool:
        """Return whether all values are those of a chunk that is not stored."""
        if COLUMNS[self._name][1] is None:
            return False
        return np.array_equal(values, absent(self._name, len(values)), equal_nan=True)

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
        self.columns: dict[str, dict[str, GrowingColumn]] = {}
        for name, shape in run["shapes"]:
            group = self._file.create_group(f"spikes/{name}")
            group.attrs.create("sorting", 0, dtype=SORTING)
            # Both, as dt_ms/1e3 may differ from dt in the last bit.
            group.attrs.update(dt_ms=run["dt"] * 1e3, dt_s=run["dt"])
            group.attrs["shape"] = np.array(shape, np.int64)
            self.columns[name] = {
                column: GrowingColumn(group, column, packing) for column in COLUMNS
            }

    @property
    def size(self) -> int:
        """Bytes that were written."""
        return sum(
            place.size
            for columns in self.columns.values()
            for column in columns.values()
            for place in column.places
        )

    def add(self, batch: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Take the next spikes of each population, and write all chunks that are whole.

        What the disk refuses stays in memory; `check` says so.
        """
        for name, given in batch.items():
            count = len(given["node_ids"])
            for column, growing in self.columns[name].items():
                growing.add(given[column] if column in given else absent(column, count))

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
            for column in columns.values():
                column.finish()
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
