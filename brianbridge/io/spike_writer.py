"""Write spike files; `spike_file` documents the format."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..errors import InputError
from ..recording import Recording
from .atomic import atomic_path, writable_file
from .spike_checks import as_int16, as_json, check_range, check_run
from .spike_layout import CHUNK, COLUMNS, MAGIC, MILLISECONDS, SORTING, extend, provenance_texts

__all__ = ["SpikeFileWriter"]

RESIZABLE = {"shape": (0,), "maxshape": (None,), "chunks": (CHUNK,)}
# Level 4 takes twice as long and saves a tenth.
COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


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
    >>> from brianbridge.io.spike_file import read_spikes
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
        self._provenance = provenance_texts(as_json(provenance))
        self._storage = COMPRESSION if compress else {}
        self._samples = 0
        self._counts = dict.fromkeys(self._shapes, 0)
        self._file: Any = None
        check_run(self.path, self._shapes, self._dt, self._steps)

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
            the file cannot (a spike value that is no 16-bit integer, an index out of range).
        """
        self._check_fits(recording)
        batch = {n: self._columns(n, recording) for n in self._shapes}
        for name, columns in batch.items():
            extend(self._file["spikes"][name], self._counts[name], columns)
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
        file.attrs.update(complete=complete, written=self._written(), **self._provenance)
        for name, shape in self._shapes.items():
            group = file.create_group(f"spikes/{name}")
            group.attrs.create("sorting", 0, dtype=SORTING)
            # Both, as dt_ms/1e3 may differ from dt in the last bit.
            group.attrs.update(dt_ms=self._dt * 1e3, dt_s=self._dt, steps=self._steps)
            group.attrs["shape"] = np.array(shape, np.int64)
            for column, (dtype, absent) in COLUMNS.items():
                group.create_dataset(column, dtype=dtype, fillvalue=absent, **RESIZABLE, **storage)
            for column in ("timestamps", "t_crossing"):
                group[column].attrs["units"] = MILLISECONDS
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
                    extend(target["spikes"][name], start, columns)

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
