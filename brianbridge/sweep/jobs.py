"""Run any jobs in this process, one after the other, or on the workers of a cluster."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from brianbridge.errors import InputError
from brianbridge.sweep.cluster import Cluster
from brianbridge.sweep.settings import set_settings, settings

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Jobs"]

J = TypeVar("J")


class Jobs:
    """Run jobs: here, or on a cluster, where a job of a worker that died runs again elsewhere.

    Parameters
    ----------
    client : distributed.Client, optional
        Client of the cluster (`connected`); this process runs the jobs if None.

    Raises
    ------
    InputError
        If there is no worker, or one runs different code.

    Examples
    --------
    >>> sorted(Jobs().run(abs, [-1, 2]))
    [(-1, 1), (2, 2)]
    """

    def __init__(self, client: Client | None = None) -> None:
        self._cluster = None if client is None else Cluster(client)
        self._workers = [] if self._cluster is None else self._cluster.prepare()

    def everywhere(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function on each present worker, or here.

        Raises
        ------
        InputError
            If the function raises one.
        """
        if self._cluster is None:
            function(*arguments)
        else:
            self._cluster.everywhere(self._workers, function, *arguments)

    def run(
        self, function: Callable[[J], Any], jobs: Iterable[J], as_needed: bool = False
    ) -> Iterator[tuple[J, Any]]:
        """Yield jobs as they end, each with its result or the `InputError` that it raised.

        Parameters
        ----------
        function : callable
            Does a job. Workers import it by its name.
        jobs : iterable
            The jobs.
        as_needed : bool
            Whether to take a job from `jobs` only when a worker is free for it, so that it may
            depend on the results so far.
        """
        cluster = self._cluster
        if cluster is None:
            for job in jobs:
                yield job, _outcome(function, job)
            return
        left, most = iter(jobs), len(self._workers) if as_needed else math.inf
        sent, running = settings(), dict[Any, J]()

        def more() -> Iterator[Any]:
            while len(running) < most and (found := next(left, None)) is not None:
                future = cluster.submit(_work, sent, function, found)
                running[future] = found
                yield future

        try:
            for future, outcome in cluster.outcomes(more(), more):
                yield running.pop(future), outcome
                future.release()
        finally:
            for future in running:
                future.release()  # jobs that nobody waits for are not run


def _outcome(function: Callable[[J], Any], job: J) -> Any:
    try:
        return function(job)
    except InputError as error:
        return error


def _work(sent: dict[str, Any], function: Callable[[J], Any], job: J) -> Any:
    """Do a job on a worker."""
    set_settings(sent)
    return function(job)
