"""``brianbridge data``: list the data sets and which are installed, or download one."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from brianbridge.cli.parser import Namespace, add_command
from brianbridge.errors import InputError, did_you_mean

__all__ = ["add_to", "show_data"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "data", show_data, "list the data sets and which are installed, or download one"
    )
    parser.add_argument("name", nargs="?", help="only this data set")
    parser.add_argument("--fetch", action="store_true", help="download the set's files")


def show_data(options: Namespace) -> int:
    """List the data sets, or download one."""
    from brianbridge.datasets import describe, fetch, names

    if options.name is not None and options.name not in names():
        raise InputError(
            f"there is no data set '{options.name}'. {did_you_mean(options.name, names())}"
        )
    if options.fetch:
        if options.name is None:
            raise InputError("--fetch needs the name of a data set")
        print(f"wrote {fetch(options.name)}")
        return 0
    chosen = [d for d in describe() if options.name in (None, d.name)]
    if options.json:
        print(json.dumps([asdict(d) for d in chosen], indent=2, default=str))
        return 0
    for entry in chosen:
        state = f"here ({entry.where})" if entry.available else f"not here: {entry.how}"
        shape = "x".join(str(n) for n in entry.shape)
        print(f"{entry.name:15} {entry.title}; {shape}, {len(entry.classes)} classes")
        print(f"{'':15} {entry.samples} samples, licence: {entry.licence}")
        print(f"{'':15} {state}")
    return 0
