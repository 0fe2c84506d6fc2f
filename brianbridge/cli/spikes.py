"""``brianbridge spikes``: convert files of spikes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from brianbridge.cli.parser import Namespace, add_command, add_group

__all__ = ["add_to", "convert"]


def add_to(commands: Any) -> None:
    """Add the commands to the parser."""
    group = add_group(commands, "spikes", "convert files of spikes")
    parser = add_command(
        group, "convert", convert, "convert a file of spikes to the format of another tool",
        resumes=lambda options: False,
    )  # fmt: skip
    parser.add_argument("source", type=Path, help="a file of spikes: .h5, .csv, .parquet or .nwb")
    parser.add_argument("target", type=Path, help="the file to write; its ending is its format")
    parser.add_argument("--dt", help="time step, such as '0.1 ms', for files of other programs")


def convert(options: Namespace) -> int:
    """Convert a file of spikes."""
    from brianbridge.io import convert_spikes
    from brianbridge.neurons.quantities import seconds

    dt = None if options.dt is None else seconds(options.dt, "--dt")
    convert_spikes(options.source, options.target, dt)
    print(json.dumps({"wrote": str(options.target)}) if options.json else f"wrote {options.target}")
    return 0
