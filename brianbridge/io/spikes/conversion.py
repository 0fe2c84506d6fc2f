"""Convert the log of a run to a spike file; `brianbridge.io.spikes.file` documents the format."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from brianbridge.io.atomic import atomic_descriptor
from brianbridge.io.hdf5_out import Hdf5Sink, hdf5_into
from brianbridge.io.spikes.checks import as_json
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
from brianbridge.io.spikes.log import SpikeLog

__all__ = ["write_spike_file"]

# Level 4 takes twice as long and saves a tenth.
_COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
_HEADERS = 32_768  # bytes of an HDF5 file besides its columns, about


def write_spike_file(path: Path, log: SpikeLog, compress: bool) -> None:
    """Write the spikes of a log to a spike file, read that file, and compare both.

    Parameters
    ----------
    path : pathlib.Path
        The file, which appears once it is whole.
    log : SpikeLog
        The spikes.
    compress : bool
        Whether to compress the columns with gzip.

    Raises
    ------
    InputError
        If the disk refuses the file, or does not return what was written.
    """
    counts = {name: log.spikes(name) for name in log.names}
    # Compressed, it takes about a fifth.
    room = None if compress else log.end + _HEADERS
    with atomic_descriptor(path, room) as descriptor:
        with hdf5_into(descriptor) as (file, sink):
            digests = _fill(file, sink, log, counts, _COMPRESSION if compress else {})
        # HDF5 reports no errors of the disk. Only reading shows whether all is there.
        with os.fdopen(os.dup(descriptor), "rb") as again, h5py.File(again, "r") as file:
            check_whole(file, counts, digests)


def _fill(
    file: h5py.File,
    sink: Hdf5Sink,
    log: SpikeLog,
    counts: Mapping[str, int],
    storage: Mapping[str, Any],
) -> dict[str, bytes]:
    """Write attributes and columns, and return the digest of each column by its path."""
    run = log.description
    file.attrs.update(magic=np.uint32(MAGIC), version=np.array([0, 1], np.uint32))
    file.attrs.update(complete=True, written=_written(log.samples, counts))
    file.attrs.update(provenance_texts(as_json(run["provenance"])))
    digests = {}
    for name, shape in run["shapes"]:
        group = file.create_group(f"spikes/{name}")
        group.attrs.create("sorting", 0, dtype=SORTING)
        # Both, as dt_ms/1e3 may differ from dt in the last bit.
        group.attrs.update(dt_ms=run["dt"] * 1e3, dt_s=run["dt"], steps=run["steps"])
        group.attrs["shape"] = np.array(shape, np.int64)
        for column in COLUMNS:
            dataset = _create(group, column, counts[name], storage)
            found = digest(_copied(log, name, dataset, sink))
            dataset.attrs[COLUMN_DIGEST] = found
            digests[dataset.name] = bytes(found)
    file.attrs[DIGEST] = description_digest(file)
    return digests


def _written(samples: int, counts: Mapping[str, int]) -> np.ndarray:
    """Return the numbers of samples and spikes, as the file keeps them."""
    dtype = [("samples", "<u8"), ("spikes", [(name, "<u8") for name in counts])]
    return np.array((samples, tuple(counts.values())), dtype)


def _create(group: h5py.Group, column: str, rows: int, storage: Mapping[str, Any]) -> h5py.Dataset:
    dtype, fill = COLUMNS[column]
    dataset = group.create_dataset(
        column, (rows,), dtype, maxshape=(None,), chunks=(CHUNK,), fillvalue=fill,
        track_times=False, **storage,
    )  # fmt: skip
    if column in ("timestamps", "t_crossing"):
        dataset.attrs["units"] = MILLISECONDS
    return dataset


def _copied(
    log: SpikeLog, name: str, dataset: h5py.Dataset, sink: Hdf5Sink
) -> Iterator[np.ndarray]:
    """Copy a column from the log, in whole chunks, and yield the values that were written."""
    column = dataset.name.rpartition("/")[2]
    if not log.has(name, column):  # the fill value stands for all of it
        yield from (absent(column, len(batch)) for batch in log.column(name, column))
        return
    start = 0
    for block in _in_blocks(log.column(name, column), CHUNK):
        dataset[start : start + len(block)] = block
        sink.check()
        start += len(block)
        yield block


def _in_blocks(arrays: Iterable[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """Join arrays into blocks, all of a multiple of `rows` rows but the last one.

    Examples
    --------
    >>> [block.tolist() for block in _in_blocks([np.arange(2), np.arange(3)], 2)]
    [[0, 1], [0, 1], [2]]
    """
    held, count = [], 0
    for array in arrays:
        held.append(array)
        count += len(array)
        if count >= rows:
            joined = np.concatenate(held)
            whole = count - count % rows
            yield joined[:whole]
            held, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(held)
