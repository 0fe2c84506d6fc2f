"""Show how far long work is: a bar on a terminal and in a notebook, lines elsewhere.

Everything goes to standard error. Work that takes less than a second shows nothing, and where
there is no bar, lines come after ten seconds and then ever more rarely. The time left is estimated
without the first unit of work, which compiles and fills caches, and thus takes longer than others.
"""

from __future__ import annotations

import multiprocessing
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tqdm import tqdm

from brianbridge.launched import launched_rank

__all__ = ["Counter", "Progress"]

#: Seconds until a bar is shown, until the first line, and the longest time between two lines.
_BAR_AFTER, _LINE_AFTER, _RAREST = 1.0, 10.0, 300.0
#: The estimate of the time left needs so many units after the first, or fewer in so many seconds.
_ENOUGH_UNITS, _ENOUGH_SECONDS = 4, 10.0
_FORMAT = "{desc}: {percentage:3.0f} %%|{bar}| {n_fmt} of {total_fmt} {unit}%s{postfix}"
_WITHOUT_TOTAL = "{desc}: {n_fmt} {unit}, {elapsed}{postfix}"
#: Whether a count is going on already, in this thread.
_COUNTING: ContextVar[bool] = ContextVar("counting", default=False)


class Counter:
    """Count the steps of some work; this one shows nothing. Threads may share a counter.

    Parameters
    ----------
    total, done : int
        Number of steps (0 if it is not known), and of those that were done before.
    work : int, optional
        What all steps take together, in any unit, if some take longer than others.
    """

    def __init__(self, total: int, done: int = 0, work: int | None = None) -> None:
        self.total, self.done, self._first = total, done, done
        #: What all steps take, and what those took that are done.
        self._work, self._worked = (total, done) if work is None else (work, 0)
        self._began, self._lock = time.time(), threading.Lock()
        #: How often units were counted; the time of the first, and what it took with those before.
        self._counted, self._warm = 0, (0.0, 0)

    def __call__(self, number: int = 1, note: str = "", *, each: int = 1) -> None:
        """Count steps that are done; the note says how they went, `each` what one of them takes."""
        with self._lock:
            self.done += number
            self._worked += each * number
            self._advanced(note)

    def reach(self, done: int, total: int, note: str = "") -> None:
        """Set the number of steps that are done, and of all steps."""
        with self._lock:
            self.done, self.total = self._worked, self._work = done, total
            self._advanced(note)

    def close(self) -> None:
        """Remove what is shown."""

    def _advanced(self, note: str) -> None:
        self._counted += 1
        if self._counted == 1:
            self._warm = time.time(), self._worked
        self._show(note)

    def _left(self) -> str:
        """Return the time left, as text; nothing as long as it is not known."""
        since, before = self._warm
        took, worked = time.time() - since, self._worked - before
        enough = self._counted > _ENOUGH_UNITS or took >= _ENOUGH_SECONDS
        if not enough or worked <= 0 or not self.total:
            return ""
        return f", {duration(took / worked * (self._work - self._worked))} left"

    def _show(self, note: str) -> None:
        pass


class _Bar(Counter):
    """Show a bar."""

    def __init__(self, what: str, unit: str, total: int, done: int, work: int | None) -> None:
        super().__init__(total, done, work)
        self._what, self._unit = what, unit
        self._bar: Any = None

    def _show(self, note: str) -> None:
        if self._bar is None:  # only now is the number of all steps known
            self._bar = _bar_class()(
                total=self.total or None, initial=self._first, desc=self._what, unit=self._unit,
                bar_format=_FORMAT % "" if self.total else _WITHOUT_TOTAL, leave=False,
                delay=_BAR_AFTER, dynamic_ncols=True, file=sys.stderr,
            )  # fmt: skip
            self._bar.start_t = self._began
        self._bar.total = self.total or None
        if self.total:
            self._bar.bar_format = _FORMAT % self._left()
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(self.done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Lines(Counter):
    """Write a line from time to time."""

    def __init__(self, what: str, unit: str, total: int, done: int, work: int | None) -> None:
        super().__init__(total, done, work)
        self._what, self._unit = what, unit
        self._next, self._wait = self._began + _LINE_AFTER, _LINE_AFTER

    def _show(self, note: str) -> None:
        now = time.time()
        if now < self._next:
            return
        self._wait = min(2 * self._wait, _RAREST)
        self._next = now + self._wait
        of = f" of {self.total:,}" if self.total else ""
        line = f"{self._what}: {self.done:,}{of} {self._unit}{self._left()}"
        _write(f"{line}, {note}" if note else line)


class Progress:
    """Write the progress of long work to standard error.

    Parameters
    ----------
    lines : bool
        Whether to write lines when a stage begins, too.
    shown : bool
        Whether to write anything. Of several processes that torchrun started, only the first does.

    Examples
    --------
    >>> with Progress().count("Brian2", 2, "rungs") as step:
    ...     step()
    """

    def __init__(self, lines: bool = False, shown: bool = True) -> None:
        # A process that another one started with multiprocessing leaves it to that one.
        silent = launched_rank() or multiprocessing.parent_process() is not None
        self._shown = shown and sys.stderr is not None and not silent
        self._lines = lines and self._shown

    def say(self, text: str) -> None:
        """Write a line when a stage begins."""
        if self._lines:
            _write(text)

    @contextmanager
    def count(
        self, what: str, total: int, unit: str, *, done: int = 0, alone: bool = False,
        work: int | None = None,
    ) -> Iterator[Counter]:  # fmt: skip
        """Yield a counter to call after each step.

        Parameters
        ----------
        what : str
            What goes on.
        total : int
            Number of steps; 0 if it is not known, or if `Counter.reach` will tell it.
        unit : str
            What is counted, in the plural.
        done : int
            Number of steps that were done before.
        alone : bool
            Whether to show nothing within another count.
        work : int, optional
            What all steps take together, if some take longer than others; see `Counter`.
        """
        counter = self._counter(what, total, unit, done, alone, work)
        token = _COUNTING.set(True)
        try:
            yield counter
        finally:
            _COUNTING.reset(token)
            counter.close()

    def _counter(
        self, what: str, total: int, unit: str, done: int, alone: bool, work: int | None = None
    ) -> Counter:
        if not self._shown or (alone and _COUNTING.get()):
            return Counter(total, done, work)
        if sys.stderr.isatty() or _in_notebook():
            return _Bar(what, unit, total, done, work)
        if total > done:
            self.say(f"{what}: {total - done:,} {unit} to do")
        return _Lines(what, unit, total, done, work)


def duration(seconds: float) -> str:
    """Return a length of time as text.

    Examples
    --------
    >>> duration(45.2), duration(600), duration(7200)
    ('45 s', '10 min', '2.0 h')
    """
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


def _write(text: str) -> None:
    """Write a line, above bars."""
    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


def _bar_class() -> Any:
    """Return tqdm's bar of widgets in a notebook that has them, else its bar of text."""
    if not _in_notebook():
        return tqdm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without ipywidgets, text is good enough
        from tqdm.auto import tqdm as bar
    return bar
