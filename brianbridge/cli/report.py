"""``brianbridge report``: make the report of a verdict again, or of several side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from brianbridge.cli.parser import Namespace, add_command

__all__ = ["add_to", "report"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "report", report,
        "make a page of verdict.json again, or of several verdicts side by side",
    )  # fmt: skip
    parser.add_argument("verdicts", nargs="+", type=Path, help="one or more verdict.json")
    parser.add_argument(
        "--out",
        type=Path,
        help="the page to write (default: verdict.html beside the file, or verdicts.html here)",
    )


def report(options: Namespace) -> int:
    """Write the page."""
    from brianbridge.io.atomic import writable_file
    from brianbridge.ladder.verdict_file import read_verdict
    from brianbridge.report import write_report, write_side_by_side

    first, *others = options.verdicts
    out = options.out or (Path("verdicts.html") if others else first.with_suffix(".html"))
    writable_file(out)
    verdicts = [read_verdict(path) for path in options.verdicts]
    if others:
        write_side_by_side(verdicts, out, [str(path.parent) for path in options.verdicts])
    else:
        write_report(verdicts[0], out)
    print(json.dumps({"wrote": str(out)}) if options.json else f"wrote {out}")
    return 0
