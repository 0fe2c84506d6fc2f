"""``brianbridge fit``: fit a neuron to recordings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from brianbridge.cli.parser import Namespace, add_command

__all__ = ["add_to", "run_fit"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "fit", run_fit, "fit a neuron to recordings",
        resumes=lambda options: options.checkpoint is not None, kept_by="checkpoint",
    )  # fmt: skip
    parser.add_argument("file", help="the path of the .toml file of the fit")
    parser.add_argument("--verify", action="store_true", help="simulate the fitted neuron anew")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write an HTML page")
    parser.add_argument("--result", type=Path, metavar="FILE", help="write the result as JSON")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="keep what is found, and go on from there"
    )


def run_fit(options: Namespace) -> int:
    """Fit a neuron, and print its parameters."""
    from brianbridge.fitting.file import fit_file
    from brianbridge.io.atomic import write_whole

    found = fit_file(options.file, checkpoint=options.checkpoint)
    entries = found.to_dict()
    print(json.dumps(entries, indent=2) if options.json else found)
    if options.verify:
        print(found.verify(), file=sys.stderr if options.json else sys.stdout)
    if options.report is not None:
        found.report(options.report)
    if options.result is not None:
        write_whole(options.result, json.dumps(entries, indent=2) + "\n")
    return 0
