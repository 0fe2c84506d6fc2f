"""The command line: one module per command, and helpers of all commands.

`parser` has options of several commands, `printing` helpers that print, `exits` the exit statuses;
`terminal` protects standard output and error, and `several` runs a command in one of several
processes. A new command is a module with a function `add_to`, listed in `_COMMANDS`. Heavy
libraries are imported by the command that needs them, so that ``--help`` and ``models`` answer at
once. May import everything.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence

from brianbridge.cli import (
    bench,
    certify,
    completion,
    convert,
    data,
    fit,
    inspect,
    models,
    perturbations,
    report,
    schema,
    sensitivity,
    spikes,
    study,
    train,
    verify,
)
from brianbridge.cli.exits import ended
from brianbridge.cli.parser import Parser
from brianbridge.cli.printing import short_warnings
from brianbridge.cli.several import one_of_several
from brianbridge.cli.terminal import terminal
from brianbridge.version import __version__

__all__ = ["command_parser", "main"]

_COMMANDS = (
    study, train, verify, report, convert, fit, sensitivity, certify, inspect, spikes, models,
    perturbations, data, schema, bench, completion,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments; those of the process if not given.

    Examples
    --------
    >>> main(["models", "nonsense"])
    2
    """
    if arguments is None:  # a process of its own
        # torch then asks for large pages: fresh memory comes from the system page by page.
        os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = argparse.Namespace()
    with terminal(), short_warnings():
        try:
            logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
            # Brian2 writes a log into the temporary folder. If that is full, print no traceback.
            logging.raiseExceptions = False
            options = command_parser().parse_args(given)
            command: Callable[[argparse.Namespace], int] = options.command
            with one_of_several():
                status = command(options)
            sys.stdout.flush()
            return status
        except (Exception, KeyboardInterrupt) as error:
            return ended(error, given, options)


def command_parser() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="brianbridge",
        description="Train spiking networks in PyTorch, validate them in Brian2.",
    )
    parser.add_argument("--version", action="version", version=f"brianbridge {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    parser.set_defaults(parser=parser)
    return parser
