"""Tell how far a verification is: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

__all__ = ["Progress"]

#: Seconds between two lines about the same count.
_EVERY = 10.0


class Progress:
    """Write to standard error what is going on.

    Parameters
    ----------
    lines : bool
        Whether to write lines too: what begins, and where standard error is no terminal how far it
        is. Without them there are bars on a terminal and nothing elsewhere.

    Examples
    --------
    >>> with Progress().count("rungs", 2) as step:
    ...     step()
    """

    def __init__(self, lines: bool = False) -> None:
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._lines = lines and sys.stderr is not None

    def say(self, text: str) -> None:
        """Tell what begins."""
        if self._lines:
            tqdm.write(text, file=sys.stderr)
            sys.stderr.flush()

    @contextmanager
    def count(self, what: str, total: int) -> Iterator[Callable[[], object]]:
        """Give what is to be called after each of `total` steps."""
        if self._terminal:
            with tqdm(total=total, desc=what, unit="task") as bar:
                yield bar.update
            return
        done, told = 0, time.monotonic()
        if total:
            self.say(f"{what}: {total} to do")

        def step() -> None:
            nonlocal done, told
            done += 1
            if time.monotonic() - told > _EVERY:
                told = time.monotonic()
                self.say(f"{what}: {done} of {total} done")

        yield step
