"""The workers of one verification on a Dask cluster.

Network and samples are sent to each worker once. A worker runs one task at a time, in one thread.
Dask gives the tasks of a worker that died to other workers, or to the one that replaces it. Network
and samples are themselves the result of a task, which can run again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from brian2 import prefs

from brianbridge.errors import InputError
from brianbridge.ladder.results import RunResult
from brianbridge.ladder.tasks import Shards, Task, run_task
from brianbridge.ladder.twin_run import TwinRun
from brianbridge.sweep.cluster import Cluster
from brianbridge.sweep.fingerprint import digest_of

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Workers"]

#: Preferences that affect the result of a task.
_PREFERENCES = ("brianbridge.memory", "codegen.target")
#: What a worker gets: the samples, and the values of these preferences.
Sent = tuple[Shards, dict[str, Any]]


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
        self._twins = [self._submit(_run_twin, shard) for shard in range(len(shards))]

    def beside(self, shards: Shards) -> Workers:
        """Return workers for a changed network, which is compared with the same twin."""
        found = copy(self)
        found._sent = self._sent_once(shards)
        return found

    def _sent_once(self, shards: Shards) -> Any:
        """Send shards to every worker."""
        workers = self._cluster.prepare()
        settings = {name: prefs[name] for name in _PREFERENCES}
        with warnings.catch_warnings():
            # Scattered data are lost with the last worker that has them; data in the task graph
            # are not. They are large, but sent only once.
            warnings.filterwarnings("ignore", message="Sending large graph")
            sent = self._cluster.submit(_send, (shards, settings))
        # Each worker gets a copy, because tasks go where their data are.
        copies = [
            self._cluster.submit(
                _receive, sent, digest_of(shards.data), workers=[worker], allow_other_workers=True
            )
            for worker in workers
        ]
        for _, outcome in self._cluster.outcomes(copies):
            if isinstance(outcome, InputError):
                raise outcome
        return sent

    def _submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._cluster.submit(function, self._sent, *arguments)

    def twins(self, told: Callable[[int], object] = lambda samples: None) -> list[RunResult]:
        """Return the twin's results shard by shard; the samples of each are told."""
        futures = [self._submit(_result_of, twin) for twin in self._twins]
        found = {}
        for future, outcome in self._cluster.outcomes(futures):
            if isinstance(outcome, InputError):
                raise outcome
            found[future] = outcome
            told(len(outcome.prediction))
        return [found[future] for future in futures]

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, RunResult | InputError]]:
        """Run tasks and yield the result of each, or its error, in any order."""
        futures = {self._submit(_work, task, self._twins[task.shard]): task for task in tasks}
        try:
            for future, outcome in self._cluster.outcomes(futures):
                yield futures[future], outcome
                future.release()
        finally:
            for future in futures:
                future.release()  # tasks that nobody waits for are not run


def _send(sent: Sent) -> Sent:
    return sent


def _receive(sent: Sent, digest: str) -> None:
    """Check a copy of the samples."""
    if digest_of(sent[0].data) != digest:
        raise InputError("a worker received samples that differ from those that were sent")


def _run_twin(sent: Sent, shard: int) -> tuple[TwinRun, RunResult]:
    return _received_shards(sent).run_twin(shard)


def _result_of(sent: Sent, twin: tuple[TwinRun, RunResult]) -> RunResult:
    return twin[1]


def _work(sent: Sent, task: Task, twin: tuple[TwinRun, RunResult]) -> RunResult:
    return run_task(_received_shards(sent), task, twin[0], threads=1)


def _received_shards(sent: Sent) -> Shards:
    """Return the shards, after setting the preferences of the process that sent them."""
    shards, settings = sent
    for name, value in settings.items():
        prefs[name] = value
    return shards
