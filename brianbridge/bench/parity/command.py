"""The command ``bench parity``: options, progress, files and exit status."""

from __future__ import annotations

import argparse
import json
import shlex
import sys

from brianbridge.bench.parity.report import as_markdown, write_report
from brianbridge.bench.parity.run import bench_parity
from brianbridge.errors import InputError
from brianbridge.io.atomic import writable_folder

__all__ = ["run_command"]


def run_command(options: argparse.Namespace) -> int:
    """Run ``bench parity``; return 0 if no spike differs, else 1.

    Raises
    ------
    KeyboardInterrupt
        If the run was interrupted; its result is printed and written first.
    InputError
        If an option is out of range, or the folder is not writable.
    """
    _check(options)
    seconds = options.seconds
    if seconds is None and options.neuron_steps is None:
        seconds = 60.0
    if options.out is not None:
        writable_folder(options.out)
    result = bench_parity(
        seed=options.seed,
        seconds=seconds,
        neuron_steps=options.neuron_steps,
        only=options.only,
        out=options.out,
        report=lambda line: print(line, file=sys.stderr, flush=True),
    )
    result["provenance"]["command"] = _command(options)
    if options.out is not None:
        write_report(result, options.out)
    print(json.dumps(result, indent=2) if options.json else as_markdown(result))
    if result["interrupted"]:
        raise KeyboardInterrupt
    return 0 if result["passed"] else 1


def _check(options: argparse.Namespace) -> None:
    for name in ("seconds", "neuron_steps"):
        value, option = getattr(options, name), name.replace("_", "-")
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"--{option} {value:g}; give a number above 0, such as 60")
    for name in ("seed", "only"):
        value = getattr(options, name)
        if value is not None and not 0 <= value < 2**32:
            raise InputError(f"--{name} {value}; give a whole number from 0 to {2**32 - 1}")


def _command(options: argparse.Namespace) -> str:
    """Return the command line for the report, without folders."""
    arguments = ["brianbridge", "bench", "parity"]
    for name in ("seconds", "neuron_steps", "seed", "only"):
        value = getattr(options, name)
        if value is not None:
            arguments += [f"--{name.replace('_', '-')}", f"{value:g}"]
    return shlex.join(arguments)
