"""Do the tasks of a verification: here, or in the processes of a Dask cluster.

Pieces come back in any order and are put in theirs. Those that are finished are kept in a folder,
if there is one, under a name that tells network, data, condition and shard; a sweep that was
interrupted, or one of other rungs, takes up what is there. Dask runs the tasks of a worker that
died once more elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from brian2 import prefs

from brianbridge.datasets import Dataset
from brianbridge.errors import InputError
from brianbridge.ladder.progress import Progress
from brianbridge.ladder.tasks import Piece, Shards, Task, run_task
from brianbridge.network import SpikingNetwork
from brianbridge.sweep.piece_file import DAMAGED, FORMAT, read_piece, write_piece
from brianbridge.sweep.worker import facts

if TYPE_CHECKING:
    from brianbridge.sweep.dask_workers import Workers

__all__ = ["Sweep", "digest_of", "forget"]


class Sweep:
    """Do tasks, each once.

    Parameters
    ----------
    shards : Shards
        The samples.
    workers : Workers, optional
        Who does the tasks; this process if not given.
    folder : Path, optional
        Where finished pieces are kept.
    progress : Progress, optional
        Where to tell how far it is.
    """

    def __init__(
        self,
        shards: Shards,
        workers: Workers | None = None,
        folder: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.shards, self._workers, self._folder = shards, workers, folder
        self._progress = progress or Progress()
        self._done: dict[str, Piece] = {}
        self._key = _fingerprint(shards) if folder is not None else ""

    def beside(self, network: SpikingNetwork) -> Sweep:
        """Return a sweep of a changed network, compared with the twin of the one it was."""
        shards = self.shards.beside(network)
        workers = None if self._workers is None else self._workers.beside(shards)
        return Sweep(shards, workers, self._folder, self._progress)

    def run(
        self,
        tasks: Iterable[Task],
        on_piece: Callable[[], None] = lambda: None,
        on_error: Callable[[Task, InputError], None] | None = None,
    ) -> None:
        """Do those of the tasks that are not done yet.

        Parameters
        ----------
        tasks : iterable of Task
            What is wanted; twice the same is done once.
        on_piece : callable
            Called after each.
        on_error : callable, optional
            Called with a task that cannot be done, and why; the error is raised if not given.

        Raises
        ------
        InputError
            If a simulation fails, as where potentials grow beyond all numbers.
        """
        wanted = [task for task in {t.key: t for t in tasks}.values() if not self._found(task)]
        with self._progress.count("Brian2", len(wanted)) as step:
            for task, piece in self._pieces(wanted):
                if not isinstance(piece, InputError):
                    self.add(task, piece)
                elif on_error is None:
                    raise piece
                else:
                    on_error(task, piece)
                step()
                on_piece()

    def twin(self) -> Piece:
        """Return what the twin did on all samples."""
        pieces = []
        with self._progress.count("twin", len(self.shards)) as step:
            if self._workers is not None:
                pieces = self._workers.twins(step)
            else:
                for shard in range(len(self.shards)):
                    pieces.append(self.shards.twin(shard)[1])
                    step()
        return reduce(add, pieces)

    def add(self, task: Task, piece: Piece) -> None:
        """Note a piece as done."""
        self._done[task.key] = piece
        if self.keeps:
            write_piece(piece, self.kept(task.key, ".json.gz"))

    def piece(self, tasks: Sequence[Task]) -> Piece:
        """Return what tasks gave that were done, added up in order."""
        return reduce(add, (self._done[task.key] for task in tasks))

    def has(self, tasks: Iterable[Task]) -> bool:
        """Tell whether all of the tasks are done."""
        return all(self._found(task) for task in tasks)

    def _pieces(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Piece | InputError]]:
        if self._workers is None:
            for task in tasks:
                twin = self.shards.twin(task.shard)[0]
                try:
                    piece: Piece | InputError = run_task(self.shards, task, twin)
                except InputError as error:
                    piece = error
                yield task, piece
        else:
            yield from self._workers.run(tasks)

    def _found(self, task: Task) -> bool:
        if task.key not in self._done and self.keeps:
            path = self.kept(task.key, ".json.gz")
            if path.exists():
                with suppress(*DAMAGED):  # and done anew
                    self._done[task.key] = read_piece(path)
        return task.key in self._done

    @property
    def keeps(self) -> bool:
        """Whether what is finished is kept in a folder."""
        return self._folder is not None

    def kept(self, what: str, suffix: str) -> Path:
        """Return the file that keeps something of these shards, in the folder.

        Parameters
        ----------
        what : str
            Tells it from everything else that is kept of them.
        suffix : str
            One of those that `forget` takes away: ``".json.gz"``, ``".h5"``, ``".pt"``.
        """
        assert self._folder is not None
        digest = hashlib.sha256(f"{self._key} {what}".encode()).hexdigest()
        return self._folder / f"{digest[:24]}{suffix}"


def forget(folder: Path) -> None:
    """Take away what sweeps kept in a folder, and the folder if nothing else is in it."""
    for suffix in (".json.gz", ".h5", ".pt"):
        for path in folder.glob(f"{'[0-9a-f]' * 24}{suffix}"):
            path.unlink()
    with suppress(OSError):
        folder.rmdir()


def digest_of(data: Dataset) -> str:
    """Return a text that changes with samples and labels.

    Examples
    --------
    >>> from brianbridge.datasets import from_arrays
    >>> data = from_arrays("mine", np.eye(4), np.array([0, 1, 0, 1]))
    >>> digest_of(data) == digest_of(data.subset(np.array([1, 0, 2, 3])))
    False
    """
    return hashlib.sha256(data.x.tobytes() + data.y.tobytes()).hexdigest()


def _fingerprint(shards: Shards) -> str:
    """Return a text that changes with the network, the data, the versions or the source."""
    data = shards.data
    digest = hashlib.sha256(json.dumps(facts(), sort_keys=True).encode())
    for network in (shards.network, shards.reference):
        described = json.dumps(network.to_dict(), sort_keys=True, default=repr)
        digest.update(described.encode())
        for projection in network.projections:
            arrays = {"weight": projection.weight, "bias": projection.bias}
            for name, array in (arrays | dict(projection.connection.arrays())).items():
                digest.update(name.encode())
                digest.update(b"" if array is None else np.asarray(array).tobytes())
    digest.update(digest_of(data).encode())
    digest.update(str((FORMAT, shards.size, prefs["brianbridge.memory"])).encode())
    return digest.hexdigest()
