"""``brianbridge inspect``: describe a network or spike file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from brianbridge.cli.parser import Namespace, add_command

__all__ = ["add_to", "inspect"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "inspect", inspect, "describe a network or spike file")
    parser.add_argument("file", type=Path, help="a network or spike file")
    parser.add_argument(
        "--check", action="store_true", help="read the whole file and compare it with its digests"
    )


def inspect(options: Namespace) -> int:
    """Describe a file."""
    from brianbridge.io.inspect import as_text, describe_file

    description = describe_file(options.file, check=options.check)
    print(json.dumps(description, indent=2) if options.json else as_text(description))
    return 0
