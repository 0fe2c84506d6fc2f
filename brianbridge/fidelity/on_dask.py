"""Tasks of a verification on Dask: processes of this machine, or a cluster's.

Network and samples are sent to each worker once. A worker runs one task at a time, in one thread,
and keeps what the twin did on its samples, for the next condition on the same. Dask gives the
tasks of a worker that died to others.

Needs the extra ``cluster`` (``pip install "brianbridge[cluster]"``).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .tasks import Piece, Shards, Task, run_task

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["connected", "run_on"]

#: What a worker holds between tasks: the shards of the sweep it works for.
_HELD: dict[str, Shards] = {}


@contextmanager
def connected(
    workers: int | None = None, scheduler: str | None = None, memory: str = "4GB"
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
        from distributed import Client, LocalCluster
    except ImportError:
        raise InputError(
            'several workers need Dask, which is not installed; pip install "brianbridge[cluster]"'
        ) from None
    if workers is not None and workers < 1:
        raise InputError(f"workers = {workers}; give at least 1")
    # One thread a worker, also of the numerical libraries: no more are worth it, and rounding must
    # not depend on how many there are. They read these when they are loaded.
    alone = {f"{name}_NUM_THREADS": 1 for name in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
    settings: dict[str, Any] = {
        "distributed.nanny.pre-spawn-environ": alone,
        # A task takes seconds, in which no message is answered: that is no sign of death.
        "distributed.comm.timeouts.connect": "30s",
        "distributed.scheduler.allowed-failures": 10,
        "distributed.admin.tick.limit": "1h",
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
                n_workers=workers, threads_per_worker=1, processes=True, memory_limit=memory,
                dashboard_address=None, silence_logs="ERROR",
            ) as cluster,
            Client(cluster) as client,
        ):  # fmt: skip
            yield client


def run_on(client: Client, shards: Shards, tasks: Sequence[Task]) -> Iterator[tuple[Task, Piece]]:
    """Do tasks on a cluster and yield them as they are done, in any order.

    Parameters
    ----------
    client : distributed.Client
        The cluster.
    shards : Shards
        The samples.
    tasks : sequence of Task
        What is to be done.
    """
    from distributed import as_completed

    name = uuid.uuid4().hex
    (sent,) = client.scatter([(shards.network, shards.data)], broadcast=True, hash=False)
    # Conditions of the same samples side by side, so that what a worker holds is of use.
    futures = {
        client.submit(_work, name, sent, task, key=f"{name}-{number}", pure=False): task
        for number, task in enumerate(tasks)
    }
    try:
        for future in as_completed(list(futures)):
            yield futures[future], future.result()
            future.release()
    finally:
        client.cancel(list(futures))


def _work(name: str, sent: Any, task: Task) -> Piece:
    """Do a task in a worker."""
    if name not in _HELD:
        _HELD.clear()
        _HELD[name] = Shards(*sent)
    return run_task(_HELD[name], task, threads=1)
