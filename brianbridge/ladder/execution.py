"""Run the simulations of a verification, and hold their results.

`Execution` holds the options that a user gives, `TaskRunner` the state of one verification. Both
run everything in this process. `brianbridge.sweep` has subclasses that share the tasks out to a
Dask cluster and keep finished results in a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from brianbridge.datasets import Dataset
from brianbridge.errors import InputError
from brianbridge.ladder.results import RunResult
from brianbridge.ladder.tasks import Shards, Task, run_task
from brianbridge.network import SpikingNetwork
from brianbridge.progress import Progress
from brianbridge.recording import Recording
from brianbridge.tree_sum import tree_sum

__all__ = ["Execution", "TaskRunner"]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Run a verification in this process, with one thread for each core.

    Parameters
    ----------
    shard : int, optional
        Number of samples that run together; it is chosen if not given. This affects only memory
        and time.
    progress : Progress
        How progress is shown; by default bars on a terminal.
    threads : int, optional
        Threads of a simulation in this process; one for each core if None. They only affect the
        time.

    Raises
    ------
    InputError
        If `shard` is below 1.

    Examples
    --------
    >>> Execution(shard=100).shard
    100
    """

    shard: int | None = None
    progress: Progress = field(default_factory=Progress, repr=False)
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.shard is not None and self.shard < 1:
            raise InputError(f"shard = {self.shard}; give at least 1 sample")

    def shards(self, network: SpikingNetwork, data: Dataset, seed: int = 0) -> Shards:
        """Cut samples into shards."""
        return Shards(network, data, self.shard, seed)

    def start(self, network: SpikingNetwork, data: Dataset, seed: int = 0) -> TaskRunner:
        """Return a runner for the tasks of one verification; `seed` is that of the twin."""
        return TaskRunner(self.shards(network, data, seed), self.progress, self.threads)


class TaskRunner:
    """Run the tasks of one verification, each once, and hold the results.

    Parameters
    ----------
    shards : Shards
        The network and its samples.
    progress : Progress, optional
        How progress is shown.
    threads : int, optional
        Threads of a simulation in this process.
    """

    def __init__(
        self, shards: Shards, progress: Progress | None = None, threads: int | None = None
    ) -> None:
        self.shards, self.threads = shards, threads
        self.progress = progress or Progress()
        self._done: dict[str, RunResult] = {}

    def beside(self, network: SpikingNetwork) -> TaskRunner:
        """Return a runner for a changed network, to be compared with the original's twin."""
        return TaskRunner(self.shards.beside(network), self.progress, self.threads)

    def run(
        self,
        tasks: Iterable[Task],
        on_result: Callable[[], None] = lambda: None,
        on_error: Callable[[Task, InputError], None] | None = None,
    ) -> None:
        """Run the tasks that have no result yet.

        Parameters
        ----------
        tasks : iterable of Task
            The tasks; one that occurs twice runs once.
        on_result : callable
            Called after each task.
        on_error : callable, optional
            Called with a task that failed and its error. By default the error is raised.

        Raises
        ------
        InputError
            If a simulation fails, for instance because potentials diverge.
        """
        wanted = [task for task in {t.key: t for t in tasks}.values() if not self._has(task)]
        samples = sum(self.shards.number(task.shard) for task in wanted)
        work = sum(self.shards.number(task.shard) * task.finer for task in wanted)
        with self.progress.count("Brian2", samples, "samples", work=work) as count:

            def on_done(task: Task, done: int) -> None:
                count(done, each=task.finer)

            for task, result in self._results(wanted, on_done):
                if not isinstance(result, InputError):
                    self.add(task, result)
                elif on_error is None:
                    raise result
                else:
                    on_error(task, result)
                on_result()

    def begin(self, tasks: Iterable[Task]) -> None:
        """Let workers begin with tasks whose results `run` will ask for; here, nothing happens."""

    def recorded(
        self,
        tasks: Sequence[Task],
        on_chunk: Callable[[Recording], None],
        on_done: Callable[[int], object],
    ) -> Iterator[RunResult | InputError]:
        """Run tasks, and yield the result of each, or its error, in their order.

        Parameters
        ----------
        tasks : sequence of Task
            The tasks; they run whether there are results or not.
        on_chunk : callable
            Called with the recordings of each task, in the order of the samples.
        on_done : callable
            Called with numbers of samples that are done.
        """
        for task in tasks:
            yield self._done_here(task, on_done, [on_chunk])

    def twin(self) -> RunResult:
        """Return the results of the twin on all samples."""
        with self.progress.count("twin", len(self.shards.data), "samples") as on_done:
            found: RunResult = tree_sum(self._twin_results(on_done))
            return found

    def add(self, task: Task, result: RunResult) -> None:
        """Hold the result of a task."""
        self._done[task.key] = result

    def has(self, tasks: Iterable[Task]) -> bool:
        """Tell whether there is a result for each of the tasks."""
        return all(self._has(task) for task in tasks)

    def result(self, tasks: Sequence[Task]) -> RunResult:
        """Return the results of finished tasks, added up in the order of the tasks."""
        found: RunResult = tree_sum(self._done[task.key] for task in tasks)
        return found

    def changed_network(
        self, key: str, train: Dataset, make: Callable[[Path | None], SpikingNetwork]
    ) -> SpikingNetwork:
        """Return a changed network, which may have been kept from an interrupted verification.

        Parameters
        ----------
        key : str
            A text that says how the network was changed.
        train : Dataset
            The training samples that were used.
        make : callable
            Makes the network. It is called with the path of a checkpoint, or None if nothing is
            kept.
        """
        return make(None)

    def _has(self, task: Task) -> bool:
        return task.key in self._done

    def _results(
        self, tasks: Sequence[Task], on_done: Callable[[Task, int], object]
    ) -> Iterator[tuple[Task, RunResult | InputError]]:
        """Run tasks and yield the result of each, or its error, in any order.

        `on_done` is called with tasks and numbers of their samples that are done.
        """
        for task in tasks:
            yield task, self._done_here(task, partial(on_done, task))

    def _done_here(
        self,
        task: Task,
        on_done: Callable[[int], object],
        on_chunk: Sequence[Callable[[Recording], None]] = (),
    ) -> RunResult | InputError:
        """Run a task in this process; return its result or its error."""
        twin = self.shards.twin(task.shard, threads=self.threads)[0]
        try:
            return run_task(
                self.shards, task, twin, threads=self.threads, on_chunk=on_chunk, on_done=on_done
            )
        except InputError as error:
            return error

    def _twin_results(self, on_done: Callable[[int], object]) -> Iterable[RunResult]:
        """Yield the results of the twin by shard; `on_done` is called with their samples."""
        for shard in range(len(self.shards)):
            yield self.shards.twin(shard, on_done, self.threads)[1]
