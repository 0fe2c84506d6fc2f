"""Submit tasks to a Dask cluster, and give up if no worker is left.

Dask waits for ever for a first worker, for a replacement of the last one, and for a scheduler. Here
each of these waits ends after `PATIENCE` seconds with an error in one line.
"""

from __future__ import annotations

import logging
import pickle
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from brianbridge.errors import InputError
from brianbridge.sweep.worker import facts, plugin, resource_of

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["PATIENCE", "Cluster"]

#: Seconds without any worker, or without an answer from the scheduler, before giving up.
PATIENCE = 60.0
#: Seconds between two checks of the workers, and number of workers that may die before a task ends.
LOOK, DEATHS = 5.0, 3


class Cluster:
    """Submit tasks to the workers of a cluster that run the same code as this process.

    Parameters
    ----------
    client : distributed.Client
        The client. Its other users do not see the tasks that `verify` submits.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._resource = resource_of(facts())
        #: Time when a worker was last available.
        self._last_available = time.monotonic()
        #: Workers seen since the last task ended, and workers about which a warning was given.
        self._seen, self._warned = set[str](), set[str]()

    def prepare(self) -> list[str]:
        """Let all workers import what tasks need, including workers that join later.

        Returns
        -------
        list of str
            Addresses of the workers.

        Raises
        ------
        InputError
            If there is no worker, or one runs different code.
        """
        started = time.monotonic()
        # Even if a worker is slow or dies meanwhile, the scheduler has the plugin.
        with suppress(OSError, TimeoutError):
            self._ask(
                self.client.scheduler.register_worker_plugin, PATIENCE,
                plugin=pickle.dumps(plugin(facts())), name=self._resource, idempotent=True,
            )  # fmt: skip
        while True:
            late = time.monotonic() - started > PATIENCE
            workers = self._workers(PATIENCE)
            for address, wrong in workers.items():
                if wrong:
                    raise InputError(
                        f"worker '{address}' cannot be used by this process: {wrong}; start it in "
                        "the same environment"
                    )
            ready = [address for address, wrong in workers.items() if wrong == ""]
            if ready and (late or len(ready) == len(workers)):
                self._last_available = time.monotonic()
                return ready
            if late:
                self._no_worker(len(workers))
            time.sleep(0.1)

    def submit(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Future:
        """Submit a task to a worker that runs the same code and has no other task of ours."""
        # A unique name: two verifications on one cluster must not share results.
        key = f"{function.__name__.strip('_')}-{uuid.uuid4().hex}"
        try:
            return self.client.submit(
                function, *arguments, key=key, pure=False, resources={self._resource: 1}, **options
            )
        except Exception as error:
            if self.client.status == "running":
                raise
            self._disconnected(error)

    def everywhere(
        self, workers: Iterable[str], function: Callable[..., Any], *arguments: Any
    ) -> None:
        """Run a task on each of some workers.

        Raises
        ------
        InputError
            If the task raises one, or as `outcomes`.
        """
        futures = [
            # A worker that died meanwhile must not stop the others.
            self.submit(function, *arguments, workers=[worker], allow_other_workers=True)
            for worker in workers
        ]
        for _, outcome in self.outcomes(futures):
            if isinstance(outcome, InputError):
                raise outcome

    def outcomes(
        self, futures: Iterable[Future], more: Callable[[], Iterable[Future]] = tuple
    ) -> Iterator[tuple[Future, Any]]:
        """Yield tasks as they end, each with its result or the `InputError` that it raised.

        Parameters
        ----------
        futures : iterable of Future
            The tasks.
        more : callable
            Returns further tasks; called whenever the outcome of one was taken.

        Raises
        ------
        InputError
            If workers die one after the other and no task ends, if there is no worker for
            `PATIENCE` seconds, or if the scheduler is gone.
        """
        waiting = set(futures)
        while waiting:
            done = self._done(waiting)
            waiting -= done
            for future in done:
                yield future, self._outcome(future)
                self._last_available = time.monotonic()  # however long the caller took
                waiting.update(more())

    def _done(self, waiting: set[Future]) -> set[Future]:
        """Wait until some of the tasks end, but not longer than `LOOK` seconds."""
        from concurrent.futures import CancelledError

        from distributed import wait

        try:
            with self.client.as_current():
                done = wait(waiting, timeout=LOOK, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            done = set()
        except CancelledError as error:
            self._disconnected(error)
        self._check(done)
        return set(done)

    def _outcome(self, future: Future) -> Any:
        """Fetch the result of a task; Dask runs it again if the worker that holds it dies."""
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        patience = LOOK
        while True:
            try:
                if future.status == "error":
                    error = future.exception(timeout=patience)
                    if isinstance(error, InputError):
                        return error
                    if isinstance(error, KilledWorker):
                        self._workers_die()
                    raise error
                return future.result(timeout=patience)
            except TimeoutError:
                self._check(())
                patience *= 2  # the result may be large
            except (CancelledError, OSError) as error:
                if self.client.status == "running" and not isinstance(error, CancelledError):
                    raise
                self._disconnected(error)

    def _check(self, done: Iterable[Future]) -> None:
        """Check the workers, and give up if there has been none for too long."""
        workers = self._workers(LOOK)
        here = {address for address, wrong in workers.items() if wrong == ""}
        now = time.monotonic()
        if here:
            self._last_available = now
        elif now - self._last_available > PATIENCE:
            self._no_worker(len(workers))
        self._seen = here if done else self._seen | here
        if len(self._seen - here) > DEATHS:
            self._workers_die()
        for address, wrong in workers.items():
            if wrong and address not in self._warned:
                self._warned.add(address)
                logging.getLogger("brianbridge").warning(
                    "worker '%s' joined and gets no task: %s", address, wrong
                )

    def _workers(self, patience: float) -> Mapping[str, str | None]:
        """Return why each worker cannot be used: "" if it can be, None if that is not known yet."""
        try:
            found = self._ask(self.client.scheduler.identity, patience, n_workers=-1)["workers"]
        except (OSError, TimeoutError) as error:
            if (
                self.client.status != "running"
                or time.monotonic() - self._last_available > PATIENCE
            ):
                self._disconnected(error)
            return {}
        return {
            address: ""
            if self._resource in worker["resources"]
            else (worker["metrics"] or {}).get(self._resource) or None
            for address, worker in found.items()
        }

    def _ask(self, function: Callable[..., Any], patience: float, **arguments: Any) -> Any:
        return self.client.sync(function, callback_timeout=patience, **arguments)

    @property
    def _where(self) -> str:
        """The name of the cluster in messages."""
        if self.client.cluster is not None:
            return "the local cluster"
        return f"scheduler '{self.client.scheduler.address}'"

    def _no_worker(self, others: int) -> NoReturn:
        silent = f" ({others} do not answer)" if others else ""
        raise InputError(
            f"no worker of {self._where} was available for {PATIENCE:.0f} s{silent}; start one "
            "('dask worker ADDRESS') and run the same command again"
        )

    def _disconnected(self, error: BaseException) -> NoReturn:
        raise InputError(
            f"the connection to {self._where} is lost: it was stopped, or the network is down; "
            "make sure that it runs, and run the same command again"
        ) from error

    def _workers_die(self) -> NoReturn:
        how = "give each more (--worker-memory)"
        if self.client.cluster is None:
            how = "start them with more ('dask worker --memory-limit')"
        raise InputError(
            "worker after worker dies on the same task, most likely because it needs more memory "
            f"than they may use; {how}, or simulate fewer samples at once (preference "
            "brianbridge.memory)"
        )
