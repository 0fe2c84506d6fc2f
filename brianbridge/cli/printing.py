"""What commands share to print."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["command_line", "print_entries", "printer"]


def command_line(command: list[str], subject: str | Path, **options: Any) -> str:
    """Return a command line for a report. It has file names only, for folders are private.

    Examples
    --------
    >>> command_line(["verify"], Path("runs/a.h5"), data="iris", samples=None, seed=0)
    'brianbridge verify a.h5 --data iris --seed 0'
    """
    words = ["brianbridge", *command, Path(subject).name]
    for name, value in options.items():
        if value is True:
            words.append(f"--{name.replace('_', '-')}")
        elif value is not None and value is not False:
            words += [f"--{name.replace('_', '-')}", Path(str(value)).name]
    return shlex.join(words)


def printer(silent: bool) -> Callable[[Any], None]:
    """Return a function that prints a line or a table, or nothing if `silent`."""
    if silent:
        return lambda _: None
    from rich.console import Console

    # A pipe has no width of its own; do not squeeze tables into 80 columns there.
    width = None if sys.stdout.isatty() else 160
    console = Console(file=sys.stdout, width=width, highlight=False)
    return console.print


def print_entries(entries: Mapping[str, str], as_json: bool) -> None:
    """Print names and texts in two columns, or as JSON."""
    if as_json:
        print(json.dumps(entries, indent=2))
        return
    width = max(len(name) for name in entries)
    for name, text in entries.items():
        print(f"{name:{width}}  {text}")
