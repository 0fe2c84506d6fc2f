"""Start worker processes, or connect to a running Dask cluster.

Needs the extra ``cluster`` (``pip install "brianbridge[cluster]"``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from brianbridge.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["connected"]

#: Seconds within which workers must start, and within which a scheduler must answer.
_START, _ANSWER = 60, 30
#: One thread for each worker, also in the numerical libraries: more are not worth it, and rounding
#: must not depend on their number. The libraries read these variables when they are loaded.
_OF_WORKERS = {f"{name}_NUM_THREADS": 1 for name in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
_SETTINGS: dict[str, Any] = {
    "distributed.nanny.pre-spawn-environ": _OF_WORKERS,
    # A worker does not answer during a task of several seconds, but it is not dead.
    "distributed.comm.timeouts.connect": "30s",
    "distributed.scheduler.allowed-failures": 3,
    "distributed.admin.tick.limit": "1h",
    "distributed.worker.profile.enabled": False,
    # Near its limit a worker would wait for memory that nothing frees. Let it go on; above the
    # limit it is restarted.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
}


@contextmanager
def connected(
    workers: int | None = None, scheduler: str | None = None, memory: str = "4 GB"
) -> Iterator[Client]:
    """Yield a client of new processes on this machine, or of a running cluster.

    Parameters
    ----------
    workers : int, optional
        Number of processes to start, each with one thread.
    scheduler : str, optional
        Address of a running scheduler, such as ``"tcp://10.0.0.1:8786"``, in place of `workers`.
        Certificates for ``"tls://..."`` come from Dask's configuration.
    memory : str
        Memory limit of a new process, above which Dask restarts it.

    Raises
    ------
    InputError
        If Dask is not installed, an option is out of range, or no scheduler answers.
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
        raise InputError(f"memory = '{memory}' of a worker is not a size; write it like '4 GB'")
    with dask.config.set(_SETTINGS), _quiet():
        if scheduler is not None:
            with _client_of(scheduler) as client:
                yield client
        else:
            assert workers is not None, "give workers or a scheduler"
            with _started_here(workers, limit, memory) as client:
                yield client


def _client_of(scheduler: str) -> Client:
    """Connect to a running scheduler."""
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
    """Start worker processes, and stop them at the end."""
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
    """Silence Dask, whose messages are for administrators; errors that users can fix are raised."""
    import distributed  # noqa: F401  it sets the level of each of its loggers

    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    loggers = [logging.getLogger(name) for name in ("tornado.application", "asyncio", *names)]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
