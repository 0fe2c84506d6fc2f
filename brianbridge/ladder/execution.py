"""Run the simulations of a verification, and hold their results.

`Execution` holds the options that a user gives, `TaskRunner` the state of one verification. Both
run everything in this process. `brianbridge.sweep` has subclasses that share the tasks out to a
Dask cluster and keep finished results in a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path

from brianbridge.datasets import Dataset
from brianbridge.errors import InputError
from brianbridge.ladder.results import RunResult
from brianbridge.ladder.tasks import SHARD, Shards, Task, run_task
from brianbridge.network import SpikingNetwork
from brianbridge.progress import Progress

__all__ = ["Execution", "TaskRunner"]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Run a verification in this process, with one thread for each core.

    Parameters
    ----------
    shard : int
        Number of samples that run together; this affects only memory and time.
    progress : Progress
        How progress is shown; by default bars on a terminal.

    Raises
    ------
    InputError
        If `shard` is below 1.

    Examples
    --------
    >>> Execution(shard=100).shard
    100
    """

    shard: int = SHARD
    progress: Progress = field(default_factory=Progress, repr=False)

    def __post_init__(self) -> None:
        if self.shard < 1:
            raise InputError(f"shard = {self.shard}; give at least 1 sample")

    def start(self, network: SpikingNetwork, data: Dataset, seed: int = 0) -> TaskRunner:
        """Return a runner for the tasks of one verification; `seed` is that of the twin."""
        return TaskRunner(Shards(network, data, self.shard, seed), self.progress)


class TaskRunner:
    """Run the tasks of one verification, each once, and hold the results.

    Parameters
    ----------
    shards : Shards
        The network and its samples.
    progress : Progress, optional
        How progress is shown.
    """

    def __init__(self, shards: Shards, progress: Progress | None = None) -> None:
        self.shards = shards
        self.progress = progress or Progress()
        self._done: dict[str, RunResult] = {}

    def beside(self, network: SpikingNetwork) -> TaskRunner:
        """Return a runner for a changed network, to be compared with the original's twin."""
        return TaskRunner(self.shards.beside(network), self.progress)

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
        samples = sum(self.shards.samples(task.shard) for task in wanted)
        with self.progress.count("Brian2", samples, "samples") as told:
            for task, result in self._results(wanted, told):
                if not isinstance(result, InputError):
                    self.add(task, result)
                elif on_error is None:
                    raise result
                else:
                    on_error(task, result)
                on_result()

    def twin(self) -> RunResult:
        """Return the results of the twin on all samples."""
        with self.progress.count("twin", len(self.shards.data), "samples") as told:
            return reduce(add, self._twin_results(told))

    def add(self, task: Task, result: RunResult) -> None:
        """Hold the result of a task."""
        self._done[task.key] = result

    def has(self, tasks: Iterable[Task]) -> bool:
        """Tell whether there is a result for each of the tasks."""
        return all(self._has(task) for task in tasks)

    def result(self, tasks: Sequence[Task]) -> RunResult:
        """Return the results of finished tasks, added up in the order of the tasks."""
        return reduce(add, (self._done[task.key] for task in tasks))

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
        self, tasks: Sequence[Task], told: Callable[[int], object]
    ) -> Iterator[tuple[Task, RunResult | InputError]]:
        """Run tasks and yield the result of each, or its error, in any order.

        Numbers of samples that are done are told.
        """
        for task in tasks:
            twin = self.shards.twin(task.shard)[0]
            try:
                result: RunResult | InputError = run_task(self.shards, task, twin, told=told)
            except InputError as error:
                result = error
            yield task, result

    def _twin_results(self, told: Callable[[int], object]) -> Iterable[RunResult]:
        """Yield the results of the twin shard by shard; numbers of samples are told."""
        for shard in range(len(self.shards)):
            yield self.shards.twin(shard, told)[1]
