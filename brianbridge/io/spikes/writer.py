"""Write the spikes of a run; `brianbridge.io.spikes.file` documents the format."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.io.atomic import writable_file
from brianbridge.io.spikes.checks import as_int16, as_json, check_range, check_run
from brianbridge.io.spikes.filling import Filling
from brianbridge.io.spikes.layout import narrow_types
from brianbridge.io.spikes.log_writer import SpikeLogWriter
from brianbridge.io.write_errors import not_written
from brianbridge.recording import Recording

__all__ = ["SpikeFileWriter"]

#: Bytes of a log whose spikes need not be in the spike file yet.
SHORT_LOG = 4 << 20


class SpikeFileWriter:
    """Write spikes to disk while a run goes on.

    Memory is bounded by a few batches, and each batch is on disk when `append` returns. The target
    appears when the ``with`` block ends without an error, after it was compared with what was
    appended. Until then, and if the run is killed or fails, an earlier file at `path` stays as it
    is, and the spikes are in the hidden file ``writer.partial``, and in a long run in another one
    beside it; `read_spikes` opens it and says that it is not complete. The next run with the same
    `path` replaces it. If the run fails because the disk is full, the hidden files are removed.

    Parameters
    ----------
    path : path-like
        The file to write.
    shapes : mapping of str to tuple of int
        Shape of each population.
    dt : float
        Length of a step, in seconds.
    steps : int or None
        Steps of one presentation; if None, as many as the longest recording that is appended has.
    provenance : mapping of str to JSON values
        The origin of the spikes: versions, seed, network, dataset.
    compress : bool
        Whether to pack the columns, which saves most of the disk space. libsonata opens both.

    Raises
    ------
    InputError
        If the file cannot be written there, or the description of the run is not valid.

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
        steps: int | None,
        provenance: Mapping[str, Any] = {},
        compress: bool = True,
    ) -> None:
        self.path = writable_file(path)
        self.partial = self.path.with_name(f".{self.path.name}.part")
        self._shapes = {name: tuple(int(n) for n in shape) for name, shape in shapes.items()}
        self._dt, self._steps = float(dt), None if steps is None else int(steps)
        self._longest = 1
        self._provenance = as_json(provenance)
        self._compress = compress
        self._samples = 0
        self._going_on = False
        self._log: SpikeLogWriter | None = None
        self._filling: Filling | None = None
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
        except (OSError, MemoryError) as problem:
            refused = not_written(self.path, problem, self._room)
            raise InputError(
                f"{refused}; the spikes are kept in '{self.partial}', which read_spikes opens"
            ) from problem
        finally:
            # A log that filled the disk is of no use and would keep it full.
            useless = whole or (error is not None and error is self._refused)
            if self._filling is not None:
                self._filling.close(remove=useless or self._log.stored is None)
            self._log.close(remove=useless)
            self._log = self._filling = None

    def _finish(self, log: SpikeLogWriter) -> None:
        if self._filling is None:
            self._filling = Filling(self.path, log, self._compress, threaded=False)
        self._filling.finish(log.samples, self._steps or self._longest)

    def append(self, recording: Recording, *, goes_on: bool = False) -> None:
        """Write the spikes of the next batch of samples.

        Its samples get the numbers after those of earlier batches.

        Parameters
        ----------
        recording : Recording
            The batch; no reference to it is kept.
        goes_on : bool
            Whether the next batch has later spikes of the same sample; for one sample at a time.

        Raises
        ------
        InputError
            If the batch is of another run (other populations, `dt` or steps), has values that the
            file cannot hold (a spike value that is not a 16-bit integer, an index out of range), or
            the disk refuses it. The file is then as before, and the batch may be tried again.
        """
        log = self._fitting_log(recording)
        batch = {name: self._columns(name, recording) for name in self._shapes}
        size = sum(a.nbytes for columns in batch.values() for a in columns.values())
        try:
            log = self._log = self._shortened(log, size)
            # A sample counts from its first spikes on, also if the run is killed.
            log.append(0 if self._going_on else recording.samples, batch)
        except (OSError, MemoryError) as error:
            self._refused = not_written(self.path, error, room=self._room + size)
            raise self._refused from error
        if self._filling is not None:
            self._filling.add(batch)
        self._longest = max(self._longest, recording.steps)
        self._going_on = goes_on
        self._samples += 0 if goes_on else recording.samples

    @property
    def _room(self) -> int:
        """Bytes on disk."""
        log = 0 if self._log is None else self._log.end
        return log + (0 if self._filling is None else self._filling.size)

    def _shortened(self, log: SpikeLogWriter, size: int) -> SpikeLogWriter:
        """If a batch of that size makes the log long, return a short one.

        Its spikes are then in the spike file.
        """
        written = 0 if self._filling is None else self._filling.size
        if not log.batches or log.end + size < SHORT_LOG + written // 10:
            return log
        if self._filling is None:
            self._filling = Filling(self.path, log, self._compress)
        self._filling.check()
        return log.replaced(*self._filling.stored(log.samples))

    def _fitting_log(self, recording: Recording) -> SpikeLogWriter:
        """Return the log; refuse a recording of another run."""
        if self._log is None:
            raise RuntimeError("append needs an open file: with SpikeFileWriter(...) as spikes:")
        shapes = {name: tuple(shape) for name, shape in recording.shapes.items()}
        expected = (self._shapes, self._dt, self._steps)
        steps = None if self._steps is None else recording.steps
        found = (shapes, recording.dt, steps)
        if found != expected:
            raise InputError(
                f"the recording does not belong in '{self.path}': its shapes, dt and steps are "
                f"{found}, but the file was opened for {expected}"
            )
        return self._log

    def _columns(self, name: str, recording: Recording) -> dict[str, np.ndarray]:
        """Return the columns of a batch of one population, in the order of the file.

        They have the types of `narrow_types`. Columns of which no value is known, and spike values
        that are all 1, are left out.
        """
        events = recording.events(name).sorted()
        check_range(name, "node", events.node, math.prod(self._shapes[name]))
        check_range(name, "step", events.step, recording.steps)
        check_range(name, "sample", events.sample, recording.samples)
        columns = {
            "timestamps": events.step,
            "node_ids": events.node,
            "sample": events.sample + self._samples,
        }
        if not (events.value == 1).all():
            columns["spike_value"] = as_int16(name, events.value)
        if events.t_crossing is not None:
            columns["t_crossing"] = events.t_crossing * 1e3
        types = narrow_types(math.prod(self._shapes[name]), self._steps)
        return {column: values.astype(types[column]) for column, values in columns.items()}
