"""Tasks of a verification on Dask: processes of this machine, or a cluster's.

Network and samples are sent to each worker once. A worker runs one task at a time, in one thread.
Dask gives the tasks of a worker that died to others, or to the one that is started in its place:
network and samples are themselves the outcome of a task, which can be done again.

Needs the extra ``cluster`` (``pip install "brianbridge[cluster]"``).
"""

from __future__ import annotations

import logging
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any

from brian2 import prefs

from ..errors import InputError
from .tasks import Piece, Shards, Task, run_task
from .twin_run import TwinRun

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Workers", "connected"]

#: Preferences that tasks depend on.
_SETTINGS = ("brianbridge.memory", "codegen.target")
#: Seconds between two looks at who is still there; workers that may die before anything is done.
_PATIENCE, _DEATHS = 5, 3
#: Seconds in which workers must have started.
_START = 60
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
        from distributed import Client, LocalCluster
    except ImportError:
        raise InputError(
            'several workers need Dask, which is not installed; pip install "brianbridge[cluster]"'
        ) from None
    # Its notes are for administrators; what users can mend is raised here.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
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
    with dask.config.set(settings):
        if scheduler is not None:
            try:
                client = Client(scheduler, timeout="10s")
            except (OSError, ValueError) as error:
                raise InputError(f"scheduler '{scheduler}' does not answer ({error})") from None
            with client:
                yield client
            return
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, memory_limit=limit,
                dashboard_address=":0",
            ) as cluster,
            Client(cluster) as client,
        ):  # fmt: skip
            try:
                client.wait_for_workers(workers, timeout=_START)
            except TimeoutError:
                raise InputError(
                    f"workers did not start within {_START} s; give each more memory than {memory} "
                    "(--worker-memory)"
                ) from None
            yield client


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
    """

    def __init__(self, client: Client, shards: Shards) -> None:
        self._client = client
        self._sent = self._sent_once(shards)
        self._twins = [self._submit(_run_twin, shard) for shard in range(len(shards))]

    def beside(self, shards: Shards) -> Workers:
        """Return workers for a changed network, who compare it with the same twin."""
        found = copy(self)
        found._sent = self._sent_once(shards)
        return found

    def _sent_once(self, shards: Shards) -> Any:
        """Send shards to every worker."""
        settings = {name: prefs[name] for name in _SETTINGS}
        with warnings.catch_warnings():
            # What is scattered is lost with the last worker that has it; what is part of the graph
            # is not. It is large, and sent once.
            warnings.filterwarnings("ignore", message="Sending large graph")
            sent = self._client.submit(_send, (shards, settings), key=_key(_send), pure=False)
        self._wait([sent])
        # Without a copy of its own a worker is left out: the tasks go where their data are.
        self._client.replicate([sent])
        return sent

    def _submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._client.submit(function, self._sent, *arguments, key=_key(function), pure=False)

    def twins(self) -> list[Piece]:
        """Return what the twin did, shard by shard."""
        found = [self._submit(_piece_of, twin) for twin in self._twins]
        self._wait(found)
        return list(self._client.gather(found))

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Piece | InputError]]:
        """Do tasks and yield what each gave, or why it cannot be done, in any order."""
        futures = {self._submit(_work, task, self._twins[task.shard]): task for task in tasks}
        try:
            for future in self._done(futures):
                error = future.exception()
                yield futures[future], error if isinstance(error, InputError) else future.result()
                future.release()
        finally:
            self._client.cancel(list(futures))

    def _wait(self, futures: Sequence[Any]) -> None:
        """Wait until all futures are done."""
        for _ in self._done(futures):
            pass

    def _done(self, futures: Iterable[Any]) -> Iterator[Any]:
        """Yield futures as they are done, in any order.

        Raises
        ------
        InputError
            If worker after worker dies and no task is done. Dask itself starts one that had too
            much memory again for ever.
        """
        from distributed import KilledWorker, wait

        waiting, seen = set(futures), set[str]()
        while waiting:
            try:
                done = wait(waiting, timeout=_PATIENCE, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                done = set()
            here = set(self._client.scheduler_info(n_workers=-1)["workers"])
            seen = here if done else seen | here
            if len(seen - here) > _DEATHS or any(
                isinstance(future.exception(), KilledWorker) for future in done
            ):
                raise InputError(
                    "worker after worker dies over the same work, most likely because it needs "
                    "more memory than they may take; give each more (--worker-memory), or simulate "
                    "fewer samples at once (preference brianbridge.memory)"
                )
            waiting -= done
            yield from done


def _key(function: Callable[..., Any]) -> str:
    """Return a name of its own: two verifications on one cluster must not share results."""
    return f"{function.__name__.strip('_')}-{uuid.uuid4().hex}"


def _send(sent: Sent) -> Sent:
    return sent


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
