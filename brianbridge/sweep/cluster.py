"""A Dask cluster as its client sees it: who may work, and whether anybody still does.

Dask waits for ever: for a first worker, for one in place of the last, for a scheduler. Here each of
these waits ends after `PATIENCE`, with an error of one line.
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

#: Seconds without any worker, or without an answer of the scheduler, after which all is given up.
PATIENCE = 60.0
#: Seconds between two looks at who is there; workers that may die before anything is done.
LOOK, DEATHS = 5.0, 3


class Cluster:
    """Submit tasks to those workers of a cluster that run the same code as this process.

    Parameters
    ----------
    client : distributed.Client
        The client; what `verify` submits through it is not seen by its other users.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._resource = resource_of(facts())
        #: When somebody was there last, workers since a task was done, and those left out.
        self._met, self._seen = time.monotonic(), set[str]()
        self._told: set[str] = set()

    def prepare(self) -> list[str]:
        """Let all workers, also those that join later, import what tasks need.

        Returns
        -------
        list of str
            Their addresses.

        Raises
        ------
        InputError
            If there is none, or one runs other code.
        """
        started = time.monotonic()
        # Where a worker dies over it or is slow, the scheduler has it nevertheless.
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
                        f"worker '{address}' cannot work for this process: {wrong}; start it from "
                        "the same environment"
                    )
            ready = [address for address, wrong in workers.items() if wrong == ""]
            if ready and (late or len(ready) == len(workers)):
                self._met = time.monotonic()
                return ready
            if late:
                self._nobody(len(workers))
            time.sleep(0.1)

    def submit(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Future:
        """Submit a task: to a worker that runs the same code, and does nothing else of ours."""
        # A name of its own: two verifications on one cluster must not share results.
        key = f"{function.__name__.strip('_')}-{uuid.uuid4().hex}"
        try:
            return self.client.submit(
                function, *arguments, key=key, pure=False, resources={self._resource: 1}, **options
            )
        except Exception as error:
            if self.client.status == "running":
                raise
            self._lost(error)

    def outcomes(self, futures: Iterable[Future]) -> Iterator[tuple[Future, Any]]:
        """Yield tasks as they are done, and what they gave, or the `InputError` that they raised.

        Raises
        ------
        InputError
            If worker after worker dies and no task is done, none is there for `PATIENCE`, or the
            scheduler is gone.
        """
        waiting = set(futures)
        while waiting:
            done = self._done(waiting)
            waiting -= done
            for future in done:
                yield future, self._outcome(future)
                self._met = time.monotonic()  # whatever was done in between

    def _done(self, waiting: set[Future]) -> set[Future]:
        """Wait until some of the tasks are done, or for a while."""
        from concurrent.futures import CancelledError

        from distributed import wait

        try:
            with self.client.as_current():
                done = wait(waiting, timeout=LOOK, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            done = set()
        except CancelledError as error:
            self._lost(error)
        self._check(done)
        return set(done)

    def _outcome(self, future: Future) -> Any:
        """Fetch what a task gave; it is done once more if the worker that holds it dies."""
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
                        self._deadly()
                    raise error
                return future.result(timeout=patience)
            except TimeoutError:
                self._check(())
                patience *= 2  # it may only be large
            except (CancelledError, OSError) as error:
                if self.client.status == "running" and not isinstance(error, CancelledError):
                    raise
                self._lost(error)

    def _check(self, done: Iterable[Future]) -> None:
        """Look who is there, and give up if it has been nobody for long."""
        workers = self._workers(LOOK)
        here = {address for address, wrong in workers.items() if wrong == ""}
        now = time.monotonic()
        if here:
            self._met = now
        elif now - self._met > PATIENCE:
            self._nobody(len(workers))
        self._seen = here if done else self._seen | here
        if len(self._seen - here) > DEATHS:
            self._deadly()
        for address, wrong in workers.items():
            if wrong and address not in self._told:
                self._told.add(address)
                logging.getLogger("brianbridge").warning(
                    "worker '%s' joined and is left out: %s", address, wrong
                )

    def _workers(self, patience: float) -> Mapping[str, str | None]:
        """Return what keeps each worker from work: "" if nothing, None if it is not known yet."""
        try:
            found = self._ask(self.client.scheduler.identity, patience, n_workers=-1)["workers"]
        except (OSError, TimeoutError) as error:
            if self.client.status != "running" or time.monotonic() - self._met > PATIENCE:
                self._lost(error)
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
        """What messages call the cluster."""
        if self.client.cluster is not None:
            return "the processes that were started here"
        return f"scheduler '{self.client.scheduler.address}'"

    def _nobody(self, others: int) -> NoReturn:
        silent = f" ({others} do not answer)" if others else ""
        raise InputError(
            f"no worker of {self._where} has been there for {PATIENCE:.0f} s{silent}; start one "
            "('dask worker ADDRESS') and give the same command again"
        )

    def _lost(self, error: BaseException) -> NoReturn:
        raise InputError(
            f"the connection to {self._where} is lost: it was stopped, or the network is down; "
            "see that it runs, and give the same command again"
        ) from error

    def _deadly(self) -> NoReturn:
        how = "give each more (--worker-memory)"
        if self.client.cluster is None:
            how = "start them with more ('dask worker --memory-limit')"
        raise InputError(
            "worker after worker dies over the same work, most likely because it needs more memory "
            f"than they may take; {how}, or simulate fewer samples at once (preference "
            "brianbridge.memory)"
        )
