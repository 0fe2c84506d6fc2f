"""Helpers of commands that print."""

from __future__ import annotations

import json
import logging
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["command_line", "print_entries", "print_error", "printer", "short_warnings"]


def command_line(command: list[str], subject: str | Path, **options: Any) -> str:
    """Return a command line for a report, without the names of folders, which are private.

    Examples
    --------
    >>> command_line(["verify"], Path("runs/a.h5"), data="iris", samples=None, seed=0)
    'brianbridge verify a.h5 --data iris --seed 0'
    """
    parts = ["brianbridge", *command, Path(subject).name]
    for name, value in options.items():
        if value is True:
            parts.append(f"--{name.replace('_', '-')}")
        elif value is not None and value is not False:
            parts += [f"--{name.replace('_', '-')}", Path(str(value)).name]
    return shlex.join(parts)


def printer(silent: bool) -> Callable[[Any], None]:
    """Return a function that prints a line or a table, or nothing if `silent`."""
    if silent:
        return lambda _: None
    from rich.console import Console

    # A pipe has no width of its own; do not squeeze tables into 80 columns there.
    width = None if sys.stdout.isatty() else 160
    # Names of files and of neurons may have brackets or colons; nothing of a line is markup.
    console = Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)
    return console.print


def print_error(text: str) -> None:
    """Print an error or a warning on standard error, in one line."""
    print(_one_line(text), file=sys.stderr)


def _one_line(text: str) -> str:
    # The text of a file from elsewhere must not move the cursor or colour the terminal.
    shown = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return f"brianbridge: {shown}"


@contextmanager
def short_warnings() -> Iterator[None]:
    """Print warnings within a block as one line each, without the line of code.

    As soon as it is imported, Brian2 lets Python log all warnings instead of printing them. The log
    uses the same format.
    """
    before, log = warnings.formatwarning, logging.getLogger("py.warnings")

    def short(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        line: str | None = None,
    ) -> str:
        return f"{_one_line(f'warning: {message}')}\n"

    def printed(record: logging.LogRecord) -> bool:
        sys.stderr.write(record.getMessage())
        return False

    warnings.formatwarning = short
    log.addFilter(printed)
    try:
        yield
    finally:
        warnings.formatwarning = before
        log.removeFilter(printed)


def print_entries(entries: Mapping[str, str], as_json: bool) -> None:
    """Print names and texts in two columns, or as JSON."""
    if as_json:
        print(json.dumps(entries, indent=2))
        return
    width = max(len(name) for name in entries)
    for name, text in entries.items():
        print(f"{name:{width}}  {text}")
