"""The options of commands that share out their work, and the client that they ask for."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING

from brianbridge.cli.parser import Namespace
from brianbridge.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

    from brianbridge.progress import Progress

__all__ = ["add_worker_options", "check_worker_options", "client_of"]


def add_worker_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the work is done."""
    parser.add_argument("--workers", type=int, help="number of processes that share the work")
    parser.add_argument("--worker-memory", help="memory limit of each worker (default: 4 GB)")
    parser.add_argument(
        "--scheduler", help="address of a Dask scheduler whose workers share the work"
    )


def check_worker_options(options: Namespace) -> None:
    """Refuse options that do not fit together."""
    if options.workers is not None and options.scheduler is not None:
        raise InputError("--workers starts processes, --scheduler uses running ones; give one")
    if options.worker_memory is not None and options.workers is None:
        raise InputError("--worker-memory is for processes of --workers; give --workers too")


def client_of(options: Namespace, stack: ExitStack, progress: Progress) -> Client | None:
    """Return a client of the workers; None if this process does the work.

    Parameters
    ----------
    options : Namespace
        The options of `add_worker_options`.
    stack : ExitStack
        Stops the workers that are started here.
    progress : Progress
        Says what is being done.
    """
    from brianbridge.sweep import connected

    if options.workers is None and options.scheduler is None:
        return None
    progress.say(
        f"starting {options.workers} workers"
        if options.scheduler is None
        else f"connecting to {options.scheduler}"
    )
    return stack.enter_context(
        connected(options.workers, options.scheduler, options.worker_memory or "4 GB")
    )
