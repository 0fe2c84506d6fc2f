"""Fill a spike file while the run goes on, in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
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
        Whether to use a thread. None can start while Python ends.

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
        self._batches: queue.Queue[Batch | None] = queue.Queue(_WAITING)
        self._failed: BaseException | None = None
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._work, name="spike file", daemon=True)
            self._thread.start()
        for number in range(len(log.batches)):
            self.add(log.batch(number))

    @property
    def size(self) -> int:
        """Bytes that were written."""
        return self._file.size

    def add(self, batch: Batch) -> None:
        """Take a batch; wait while too many others do."""
        if self._thread is None:
            self._file.add(batch)
        else:
            self._batches.put(batch)

    def check(self) -> None:
        """Wait for all batches, and write again what the disk refused.

        Raises
        ------
        OSError, MemoryError
            If the disk refuses it again.
        """
        self._batches.join()
        if self._failed is not None:
            raise self._failed
        self._file.check()

    def stored(self, samples: int) -> tuple[StoredChunks, Batch]:
        """Return where all chunks are, and the spikes that are in none; call `check` before."""
        columns = self._file.columns
        places = {
            name: {column: list(growing.places) for column, growing in given.items()}
            for name, given in columns.items()
        }
        rest = {
            name: {column: growing.pending for column, growing in given.items()}
            for name, given in columns.items()
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
        """End the thread and close the file; remove it unless it was finished."""
        if self._thread is not None:
            self._batches.put(None)
            self._thread.join()
        self._file.close(remove)

    def _work(self) -> None:
        while (batch := self._batches.get()) is not None:
            try:
                if self._failed is None:
                    self._file.add(batch)
            except BaseException as error:
                self._failed = error
            finally:
                del batch
                self._batches.task_done()
