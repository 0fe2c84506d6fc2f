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
    parser.add_argument(
        "name", nargs="?", help="only this data set; or an .npz file or folder of .npy files"
    )
    parser.add_argument("--fetch", action="store_true", help="download the set's files")


def show_data(options: Namespace) -> int:
    """List the data sets, or download one."""
    from brianbridge.datasets import describe, fetch, names
    from brianbridge.datasets.sets.array_sets import is_path

    if options.name is not None and is_path(options.name):
        return _show_file(options)
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
        samples = " and ".join(
            f"{number:,} samples" if part == "all" else f"{number:,} {part} samples"
            for part, number in entry.samples.items()
        )
        print(f"{'':15} {samples}, licence: {entry.licence}")
        print(f"{'':15} {state}")
    return 0


def _show_file(options: Namespace) -> int:
    """Say which arrays a file has."""
    from brianbridge.datasets.formats.numpy_files import array_shapes
    from brianbridge.paths import checked_path

    if options.fetch:
        raise InputError(f"--fetch downloads a data set; '{options.name}' is a file here")
    shapes = array_shapes(checked_path(options.name))
    if options.json:
        print(json.dumps({name: {"shape": s, "dtype": d} for name, (s, d) in shapes.items()}))
        return 0
    for name, (shape, dtype) in shapes.items():
        print(f"{name:15} {dtype}, shape {shape}")
    return 0
