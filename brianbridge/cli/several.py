"""Run a command in one of several processes that torchrun started.

The first process prints. The others say only what went wrong in themselves, with their number.
"""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from brianbridge.errors import ProcessEnded
from brianbridge.launched import launched_rank

__all__ = ["one_of_several"]


@contextmanager
def one_of_several() -> Iterator[None]:
    """Let torchrun end this process by an error, and only the first of several warn.

    When a process ends, torchrun terminates the others. Without this they would end without a word.
    Nothing changes in a process that torchrun has not started.

    Raises
    ------
    ProcessEnded
        In the ``with`` block, when torchrun terminates this process.
    """
    rank = launched_rank()
    if rank is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before, disabled = signal.signal(signal.SIGTERM, _terminated), logging.root.manager.disable
    with warnings.catch_warnings():
        if rank:
            warnings.simplefilter("ignore")
            logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(disabled)
            signal.signal(signal.SIGTERM, before)


def _terminated(number: int, frame: FrameType | None) -> None:
    # Another one must not interrupt the line that says why.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise ProcessEnded(
        "torchrun stopped this process, because another one ended or torchrun was told to stop; "
        "the same command resumes where it stopped"
    )
