"""Run a verification on a Dask cluster, and keep finished results in a folder.

Results come back in any order. An interrupted verification uses those in the folder again, and so
does one with other rungs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from brianbridge.datasets import Dataset
from brianbridge.errors import InputError
from brianbridge.ladder.execution import Execution, TaskRunner
from brianbridge.ladder.results import RunResult
from brianbridge.ladder.tasks import Shards, Task, shard_size
from brianbridge.network import SpikingNetwork
from brianbridge.progress import Progress
from brianbridge.recording import Recording
from brianbridge.sweep.dask_workers import Workers
from brianbridge.sweep.kept import KeptFiles

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Sweep", "SweepRunner"]


@dataclass(frozen=True, kw_only=True)
class Sweep(Execution):
    """Run a verification on a Dask cluster, keep finished results in a folder, or both.

    Parameters
    ----------
    client : distributed.Client, optional
        Client of the cluster (`connected`); simulations run in this process if None.
    folder : Path, optional
        Folder for finished results, from which an interrupted verification resumes.
    shard, progress, threads
        As for `Execution`.

    Examples
    --------
    >>> with connected(workers=2) as client:                                # doctest: +SKIP
    ...     verify(network, data, execution=Sweep(client=client, folder=Path("unfinished")))
    """

    client: Client | None = field(default=None, repr=False)
    folder: Path | None = None

    def shards(self, network: SpikingNetwork, data: Dataset, seed: int = 0) -> Shards:
        """Cut samples into shards, which are smaller if workers share them."""
        shared = self.shard is None and self.client is not None
        size = shard_size(network, shared=True) if shared else self.shard
        return Shards(network, data, size, seed)

    def start(self, network: SpikingNetwork, data: Dataset, seed: int = 0) -> TaskRunner:
        """Send network and samples to the workers, and return a runner."""
        shards = self.shards(network, data, seed)
        workers = None
        if self.client is not None:
            self.progress.say("preparing workers, and sending them network and samples")
            workers = Workers(self.client, shards)
        return SweepRunner(shards, self.progress, workers, self.folder, self.threads)


class SweepRunner(TaskRunner):
    """Run the tasks of one verification on workers, and keep their results.

    Parameters
    ----------
    shards : Shards
        The network and its samples.
    progress : Progress
        How progress is shown.
    workers : Workers, optional
        Workers that run the tasks; this process runs them if None.
    folder : Path, optional
        Folder for finished results.
    threads : int, optional
        Threads of a simulation in this process.
    """

    def __init__(
        self,
        shards: Shards,
        progress: Progress,
        workers: Workers | None,
        folder: Path | None,
        threads: int | None = None,
    ) -> None:
        super().__init__(shards, progress, threads)
        self._workers, self._folder = workers, folder
        self._kept = None if folder is None else KeptFiles(folder, shards)

    def beside(self, network: SpikingNetwork) -> SweepRunner:
        """Return a runner for a changed network, to be compared with the original's twin."""
        shards = self.shards.beside(network)
        workers = None if self._workers is None else self._workers.beside(shards)
        return SweepRunner(shards, self.progress, workers, self._folder, self.threads)

    def add(self, task: Task, result: RunResult) -> None:
        """Hold the result of a task, and keep it."""
        super().add(task, result)
        if self._kept is not None:
            self._kept.write(task, result)

    def begin(self, tasks: Iterable[Task]) -> None:
        """Let workers begin with tasks that have no result yet."""
        if self._workers is not None:
            self._workers.begin([task for task in tasks if not self._has(task)])

    def recorded(
        self,
        tasks: Sequence[Task],
        on_chunk: Callable[[Recording], None],
        on_done: Callable[[int], object],
    ) -> Iterator[RunResult | InputError]:
        """Run tasks, and yield the result of each, or its error, in their order."""
        if self._workers is None:
            yield from super().recorded(tasks, on_chunk, on_done)
            return
        results = self._workers.recorded(tasks, on_chunk)
        for task, result in zip(tasks, results, strict=True):
            on_done(self.shards.number(task.shard))
            yield result

    def changed_network(
        self, key: str, train: Dataset, make: Callable[[Path | None], SpikingNetwork]
    ) -> SpikingNetwork:
        """Return a changed network, from its file if it was kept."""
        if self._kept is None:
            return make(None)
        return self._kept.network(key, train, make)

    def _has(self, task: Task) -> bool:
        if super()._has(task):
            return True
        result = None if self._kept is None else self._kept.read(task)
        if result is None:
            return False
        super().add(task, result)
        return True

    def _results(
        self, tasks: Sequence[Task], on_done: Callable[[Task, int], object]
    ) -> Iterator[tuple[Task, RunResult | InputError]]:
        if self._workers is None:
            yield from super()._results(tasks, on_done)
            return
        for task, result in self._workers.run(tasks):
            on_done(task, self.shards.number(task.shard))
            yield task, result

    def _twin_results(self, on_done: Callable[[int], object]) -> Iterable[RunResult]:
        if self._workers is None:
            return super()._twin_results(on_done)
        return self._workers.twins(on_done)
