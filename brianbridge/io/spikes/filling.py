"""Fill a spike file while the run goes on, in threads of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from brianbridge.io.spikes.growing import GrowingSpikeFile
from brianbridge.io.spikes.log_writer import SpikeLogWriter
from brianbridge.io.spikes.stored import StoredChunks

__all__ = ["Filling"]

Batch = Mapping[str, Mapping[str, np.ndarray]]

_WAITING = 2  # batches that may wait


class Filling:
    """Pass batches on to a growing spike file.

    Parameters
    ----------
    target : pathlib.Path
        The spike file.
    log : SpikeLogWriter
        The log of the run; its batches are the first ones.
    compress : bool
        Whether to compress the columns.
    threaded : bool
        Whether to use threads. None can start while Python ends.

    Raises
    ------
    OSError, MemoryError
        If no file can be written there.
    """

    def __init__(
        self, target: Path, log: SpikeLogWriter, compress: bool, threaded: bool = True
    ) -> None:
        self._compress = compress
        self._file = GrowingSpikeFile(target, log.description, compress)
        self._workers = [_Worker(do, threaded) for do in (self._file.add, self._file.digest)]
        for number in range(len(log.batches)):
            self.add(log.batch(number))

    @property
    def size(self) -> int:
        """Bytes that were written."""
        return self._file.size

    def add(self, batch: Batch) -> None:
        """Take a batch; wait while too many others do."""
        for worker in self._workers:
            worker.add(batch)

    def check(self) -> None:
        """Wait for all batches, and write again what the disk refused.

        Raises
        ------
        OSError, MemoryError
            If the disk refuses it again.
        """
        for worker in self._workers:
            worker.wait()
        self._file.check()

    def stored(self, samples: int) -> tuple[StoredChunks, Batch]:
        """Return where all chunks are, and the spikes that are in none; call `check` before.

        Of the spikes, columns that are not known are left out.
        """
        columns = self._file.columns
        places = {
            name: {column: growing.places for column, growing in given.items()}
            for name, given in columns.items()
        }
        pending = {
            name: {column: growing.pending for column, growing in given.items()}
            for name, given in columns.items()
        }
        rest = {
            name: {column: values for column, values in given.items() if values is not None}
            for name, given in pending.items()
        }
        return StoredChunks(self._file.part.name, self._compress, samples, places), rest

    def finish(self, samples: int, steps: int) -> None:
        """Write the rest, and give the file its name.

        Parameters
        ----------
        samples, steps : int
            Number of presentations, and steps of one.

        Raises
        ------
        OSError, MemoryError
            If the disk refuses it, or does not return what was written.
        """
        self.check()
        self._file.finish(samples, steps)

    def close(self, remove: bool) -> None:
        """End the threads and close the file; remove it unless it was finished."""
        for worker in self._workers:
            worker.end()
        self._file.close(remove)


class _Worker:
    """Do something with each batch, in order, in a thread if that is asked."""

    def __init__(self, do: Callable[[Batch], None], threaded: bool) -> None:
        self._do = do
        self._batches: queue.Queue[Batch | None] = queue.Queue(_WAITING)
        self._failed: BaseException | None = None
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._work, name="spike file", daemon=True)
            self._thread.start()

    def add(self, batch: Batch) -> None:
        """Take a batch; wait while too many others do."""
        if self._thread is None:
            self._do(batch)
        else:
            self._batches.put(batch)

    def wait(self) -> None:
        """Wait for all batches; raise the first error."""
        self._batches.join()
        if self._failed is not None:
            raise self._failed

    def end(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._batches.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (batch := self._batches.get()) is not None:
            try:
                if self._failed is None:
                    self._do(batch)
            except BaseException as error:
                self._failed = error
            finally:
                del batch
                self._batches.task_done()
