"""The workers of one verification on a Dask cluster.

The network is sent to each worker, and the samples of a shard to the one that runs the twin on
them. A worker runs one task at a time, in one thread. Dask gives the tasks of a worker that died to
other workers, or to the one that replaces it. Network and samples are themselves results of tasks,
which can run again.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from brianbridge.datasets import Dataset
from brianbridge.errors import InputError
from brianbridge.ladder.results import RunResult
from brianbridge.ladder.tasks import Shards, Task, run_task
from brianbridge.ladder.twin_run import TwinRun
from brianbridge.recording import Recording
from brianbridge.sweep.cluster import Cluster
from brianbridge.sweep.fingerprint import digest_of
from brianbridge.sweep.settings import set_settings, settings

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Workers"]

#: What every worker gets: shards without samples, and preferences.
Sent = tuple[Shards, dict[str, Any]]
#: What stays where the twin ran on a shard: the samples, the twin's run, and its result.
Twin = tuple[Dataset, TwinRun, RunResult]
#: Priority of what others wait for.
_FIRST = 1
#: Tasks with recordings that are on their way, for each worker; the rest waits, because recordings
#: take memory until it is their turn.
_AHEAD = 2


class Workers:
    """Run the tasks of one verification on a cluster.

    The twin's run on a shard stays with the worker that computed it. Dask prefers this worker for
    the tasks of the shard, and sends the run to other workers that have nothing to do.

    Parameters
    ----------
    client : distributed.Client
        Client of the cluster.
    shards : Shards
        The network and its samples.

    Raises
    ------
    InputError
        If there is no worker, or one runs different code.
    """

    def __init__(self, client: Client, shards: Shards) -> None:
        self._cluster = Cluster(client)
        self._sent = self._sent_once(shards)
        self._twins = [self._twin(shards, shard) for shard in range(len(shards))]
        self._begun = dict[str, Any]()

    def beside(self, shards: Shards) -> Workers:
        """Return workers for a changed network, which is compared with the same twin."""
        found = copy(self)
        found._sent, found._begun = self._sent_once(shards), {}
        return found

    def _sent_once(self, shards: Shards) -> Any:
        """Send a network to every worker."""
        workers = self._cluster.prepare()
        # Scattered data are lost with the last worker that has them; data in the task graph are
        # not.
        sent = self._large(_send, (shards.without_samples(), settings()))
        # Each worker gets a copy, because tasks go where their data are.
        self._cluster.everywhere(workers, _receive, sent)
        return sent

    def _twin(self, shards: Shards, shard: int) -> Any:
        """Submit the twin's run on a shard, with its samples."""
        part = shards.part(shard)
        return self._large(_run_twin, self._sent, shard, part, digest_of(part), priority=_FIRST)

    def _large(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Submit a task with data, which are large but sent only once."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            return self._cluster.submit(function, *arguments, **options)

    def _submit(self, task: Task, priority: int = 0, record: bool = False) -> Any:
        """Submit a task."""
        return self._cluster.submit(
            _work, self._sent, task, self._twins[task.shard], record, priority=priority
        )

    def twins(self, on_done: Callable[[int], object] = lambda samples: None) -> list[RunResult]:
        """Return the twin's results by shard; `on_done` is called with the samples of each."""
        futures = [self._cluster.submit(_result_of, twin, priority=_FIRST) for twin in self._twins]
        found = {}
        for future, outcome in self._cluster.outcomes(futures):
            if isinstance(outcome, InputError):
                raise outcome
            found[future] = outcome
            on_done(len(outcome.prediction))
        return [found[future] for future in futures]

    def begin(self, tasks: Iterable[Task]) -> None:
        """Submit tasks whose results `run` will ask for."""
        for task in tasks:
            if task.key not in self._begun:
                self._begun[task.key] = self._submit(task)

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, RunResult | InputError]]:
        """Run tasks and yield the result of each, or its error, in any order."""
        self.begin(tasks)
        futures = {self._begun.pop(task.key): task for task in tasks}
        try:
            for future, outcome in self._cluster.outcomes(futures):
                yield futures[future], outcome if isinstance(outcome, InputError) else outcome[0]
                future.release()
        finally:
            for future in futures:
                future.release()  # tasks that nobody waits for are not run

    def recorded(
        self, tasks: Sequence[Task], on_chunk: Callable[[Recording], None]
    ) -> Iterator[RunResult | InputError]:
        """Run tasks, hand over their recordings, and yield their results, in their order."""
        left, most = deque(tasks), _AHEAD * len(self._cluster.prepare())
        running, ended = dict[Any, str](), dict[str, Any]()

        def more() -> Iterator[Any]:
            while left and len(running) + len(ended) < most:
                task = left.popleft()
                future = self._submit(task, priority=_FIRST, record=True)
                running[future] = task.key
                yield future

        try:
            turn = iter(tasks)
            waits_for = next(turn, None)
            for future, outcome in self._cluster.outcomes(more(), more):
                ended[running.pop(future)] = outcome
                future.release()
                while waits_for is not None and waits_for.key in ended:
                    yield _handed_over(ended.pop(waits_for.key), on_chunk)
                    waits_for = next(turn, None)
        finally:
            for future in running:
                future.release()


def _handed_over(
    outcome: tuple[RunResult, list[Recording]] | InputError, on_chunk: Callable[[Recording], None]
) -> RunResult | InputError:
    """Hand over the recordings of a task; return its result, or the first error."""
    if isinstance(outcome, InputError):
        return outcome
    result, chunks = outcome
    try:
        for chunk in chunks:
            on_chunk(chunk)
    except InputError as error:
        return error
    return result


def _send(sent: Sent) -> Sent:
    return sent


def _receive(sent: Sent) -> None:
    """Hold a copy of the network."""


def _run_twin(sent: Sent, shard: int, part: Dataset, digest: str) -> Twin:
    if digest_of(part) != digest:
        raise InputError("a worker received samples that differ from those that were sent")
    return part, *_shards_here(sent, shard, part).run_twin(shard)


def _result_of(twin: Twin) -> RunResult:
    return twin[2]


def _work(sent: Sent, task: Task, twin: Twin, record: bool) -> tuple[RunResult, list[Recording]]:
    part, run, _ = twin
    shards = _shards_here(sent, task.shard, part)
    chunks: list[Recording] = []
    result = run_task(
        shards, task, run.placed(shards.reference, part.x), threads=1,
        on_chunk=[chunks.append] if record else (),
    )  # fmt: skip
    return result, chunks


def _shards_here(sent: Sent, shard: int, part: Dataset) -> Shards:
    """Return the shards with the samples of one, under the preferences of who sent them."""
    shards, preferences = sent
    set_settings(preferences)
    return shards.with_part(shard, part)
