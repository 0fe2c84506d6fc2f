"""``brianbridge inspect``: describe a network or spike file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from brianbridge.cli.interchange import add_nir_options, is_nir, nir_options
from brianbridge.cli.parser import Namespace, add_command
from brianbridge.errors import InputError

__all__ = ["add_to", "inspect"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "inspect", inspect, "describe a network, spike or NIR file")
    parser.add_argument("file", type=Path, help="a network, spike or NIR file")
    parser.add_argument(
        "--check", action="store_true", help="read the whole file and compare it with its digests"
    )

    add_nir_options(parser)


def inspect(options: Namespace) -> int:
    """Describe a file."""
    from brianbridge.io.inspect import as_text, describe_file
    from brianbridge.io.spikes.log import is_log

    if not is_log(options.file) and is_nir(options.file):
        return _inspect_nir(options)
    if given := nir_options(options):
        raise InputError(
            f"--{next(iter(given))} is for NIR files, but '{options.file}' is none; leave it out"
        )
    description = describe_file(options.file, check=options.check)
    print(json.dumps(description, indent=2) if options.json else as_text(description))
    return 0


def _inspect_nir(options: Namespace) -> int:
    """Describe a NIR file: its nodes and, if its framework is known, how each is taken over."""
    from brianbridge.interchange.nir.describe import describe_nir, nir_text

    description = describe_nir(
        options.file, options.framework, dt=options.dt, reset=options.reset, spikes=options.spikes
    )
    print(json.dumps(description, indent=2) if options.json else nir_text(description))
    return 0
