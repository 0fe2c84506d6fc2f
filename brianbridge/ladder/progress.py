"""Show the progress of a verification: a bar on a terminal, lines elsewhere."""

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
    """Write the progress of a verification to standard error.

    Parameters
    ----------
    lines : bool
        Whether to write lines as well: one when a stage begins and, where standard error is not a
        terminal, one every ten seconds. Without lines, there are bars on a terminal and nothing
        elsewhere.

    Examples
    --------
    >>> with Progress().count("rungs", 2) as step:
    ...     step()
    """

    def __init__(self, lines: bool = False) -> None:
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._lines = lines and sys.stderr is not None

    def say(self, text: str) -> None:
        """Write a line when a stage begins."""
        if self._lines:
            tqdm.write(text, file=sys.stderr)
            sys.stderr.flush()

    @contextmanager
    def count(self, what: str, total: int) -> Iterator[Callable[[], object]]:
        """Yield a function to be called after each of `total` steps."""
        if self._terminal:
            with tqdm(total=total, desc=what, unit="task") as bar:
                yield bar.update
            return
        done, last = 0, time.monotonic()
        if total:
            self.say(f"{what}: {total} to do")

        def step() -> None:
            nonlocal done, last
            done += 1
            if time.monotonic() - last > _EVERY:
                last = time.monotonic()
                self.say(f"{what}: {done} of {total} done")

        yield step
