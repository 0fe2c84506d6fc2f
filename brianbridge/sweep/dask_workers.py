"""Tasks of a verification on Dask: processes of this machine, or a cluster's.

Network and samples are sent to each worker once. A worker runs one task at a time, in one thread.
Dask gives the tasks of a worker that died to others, or to the one that is started in its place:
network and samples are themselves the outcome of a task, which can be done again.

Needs the extra ``cluster`` (``pip install "brianbridge[cluster]"``).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any

from brian2 import prefs

from brianbridge.errors import InputError
from brianbridge.ladder.tasks import Piece, Shards, Task, run_task
from brianbridge.ladder.twin_run import TwinRun
from brianbridge.sweep.cluster import Cluster
from brianbridge.sweep.sweep import digest_of

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Workers", "connected"]

#: Preferences that tasks depend on.
_SETTINGS = ("brianbridge.memory", "codegen.target")
#: Seconds in which workers must have started, and a scheduler must have answered.
_START, _ANSWER = 60, 30
Sent = tuple[Shards, dict[str, Any]]


@contextmanager
def connected(
    workers: int | None = None, scheduler: str | None = None, memory: str = "4 GB"
) -> Iterator[Client]:
    """Give a client: of processes that are started here, or of a cluster that runs.

    Parameters
    ----------
    workers : int, optional
        Processes to start, each with one thread.
    scheduler : str, optional
        Address of a running scheduler, such as ``"tcp://10.0.0.1:8786"``; in place of `workers`.
        Certificates for ``"tls://..."`` are those of Dask's configuration.
    memory : str
        Most memory a process that is started here may take before Dask starts it anew.

    Raises
    ------
    InputError
        If Dask is not installed, or nothing answers at the address.
    """
    try:
        import dask
        from dask.utils import parse_bytes
    except ImportError:
        raise InputError(
            'several workers need Dask, which is not installed; pip install "brianbridge[cluster]"'
        ) from None
    if workers is not None and workers < 1:
        raise InputError(f"workers = {workers}; give at least 1")
    try:
        limit = parse_bytes(memory)
    except ValueError:
        limit = 0
    if limit <= 0:
        raise InputError(f"memory = '{memory}' of a worker; write it like '4 GB'")
    # One thread a worker, also of the numerical libraries: no more are worth it, and rounding must
    # not depend on how many there are. They read these when they are loaded.
    alone = {f"{name}_NUM_THREADS": 1 for name in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
    settings: dict[str, Any] = {
        "distributed.nanny.pre-spawn-environ": alone,
        # A task takes seconds, in which no message is answered: that is no sign of death.
        "distributed.comm.timeouts.connect": "30s",
        "distributed.scheduler.allowed-failures": 3,
        "distributed.admin.tick.limit": "1h",
        "distributed.worker.profile.enabled": False,
        # A worker near its limit would wait for memory that nothing gives back. Above it, it is
        # started anew.
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
    }
    with dask.config.set(settings), _quiet():
        if scheduler is not None:
            with _client_of(scheduler) as client:
                yield client
        else:
            assert workers is not None, "give workers or a scheduler"
            with _started_here(workers, limit, memory) as client:
                yield client


def _client_of(scheduler: str) -> Client:
    from distributed import Client

    try:
        return Client(scheduler, timeout=f"{_ANSWER}s", set_as_default=False)
    except TypeError:
        if not scheduler.startswith("tls:"):
            raise
        raise InputError(
            f"scheduler '{scheduler}' asks for certificates; name their files in Dask's "
            "configuration, distributed.comm.tls.ca-file, .client.cert and .client.key (or in "
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, ..._CLIENT__CERT, ..._CLIENT__KEY)"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"scheduler '{scheduler}' does not answer ({error}); give the address that "
            "'dask scheduler' prints"
        ) from None


@contextmanager
def _started_here(workers: int, limit: int, memory: str) -> Iterator[Client]:
    """Start processes, and end them."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, memory_limit=limit,
            dashboard_address=":0", silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):  # fmt: skip
        try:
            client.wait_for_workers(workers, timeout=_START)
        except TimeoutError:
            raise InputError(
                f"workers did not start within {_START} s; give each more memory than {memory} "
                "(--worker-memory)"
            ) from None
        yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Dask, whose notes are for administrators; what users can mend is raised here."""
    import distributed  # noqa: F401  which sets levels of its loggers, one by one

    heard = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    loggers = [logging.getLogger(name) for name in ("tornado.application", "asyncio", *heard)]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


class Workers:
    """Let a cluster do the tasks of one verification.

    What the twin did on a shard stays with the worker that ran it; Dask gives the shard's tasks to
    that one first, and sends it to others that have nothing to do.

    Parameters
    ----------
    client : distributed.Client
        The cluster.
    shards : Shards
        The samples.

    Raises
    ------
    InputError
        If there is no worker, or one runs other code than this process.
    """

    def __init__(self, client: Client, shards: Shards) -> None:
        self._cluster = Cluster(client)
        self._sent = self._sent_once(shards)
        self._twins = [self._submit(_run_twin, shard) for shard in range(len(shards))]

    def beside(self, shards: Shards) -> Workers:
        """Return workers for a changed network, who compare it with the same twin."""
        found = copy(self)
        found._sent = self._sent_once(shards)
        return found

    def _sent_once(self, shards: Shards) -> Any:
        """Send shards to every worker."""
        workers = self._cluster.prepare()
        settings = {name: prefs[name] for name in _SETTINGS}
        with warnings.catch_warnings():
            # What is scattered is lost with the last worker that has it; what is part of the graph
            # is not. It is large, and sent once.
            warnings.filterwarnings("ignore", message="Sending large graph")
            sent = self._cluster.submit(_send, (shards, settings))
        # Without a copy of its own a worker is left out: the tasks go where their data are.
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

    def twins(self, step: Callable[[], object] = lambda: None) -> list[Piece]:
        """Return what the twin did, shard by shard; `step` is called after each."""
        futures = [self._submit(_piece_of, twin) for twin in self._twins]
        found = {}
        for future, outcome in self._cluster.outcomes(futures):
            if isinstance(outcome, InputError):
                raise outcome
            found[future] = outcome
            step()
        return [found[future] for future in futures]

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Piece | InputError]]:
        """Do tasks and yield what each gave, or why it cannot be done, in any order."""
        futures = {self._submit(_work, task, self._twins[task.shard]): task for task in tasks}
        try:
            for future, outcome in self._cluster.outcomes(futures):
                yield futures[future], outcome
                future.release()
        finally:
            for future in futures:
                future.release()  # what nobody waits for is not done


def _send(sent: Sent) -> Sent:
    return sent


def _receive(sent: Sent, digest: str) -> None:
    """Have a copy, and check it."""
    if digest_of(sent[0].data) != digest:
        raise InputError("the samples that a worker received are not those that were sent to it")


def _run_twin(sent: Sent, shard: int) -> tuple[TwinRun, Piece]:
    return _settled(sent).run_twin(shard)


def _piece_of(sent: Sent, twin: tuple[TwinRun, Piece]) -> Piece:
    return twin[1]


def _work(sent: Sent, task: Task, twin: tuple[TwinRun, Piece]) -> Piece:
    return run_task(_settled(sent), task, twin[0], threads=1)


def _settled(sent: Sent) -> Shards:
    """Return the shards, in a process with the preferences of the one that sent them."""
    shards, settings = sent
    for name, value in settings.items():
        prefs[name] = value
    return shards
