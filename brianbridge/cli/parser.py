"""The parser of the command line, and the options that several commands have."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from brianbridge.errors import InputError, did_you_mean
from brianbridge.share import kept_networks

__all__ = [
    "Namespace",
    "Parser",
    "add_command",
    "add_decide_by",
    "add_group",
    "add_network",
    "add_training_options",
    "network_file",
    "not_default",
]


class Parser(argparse.ArgumentParser):
    """Parse a command line; an error is reported in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise an `InputError`."""
        raise InputError(f"{message} (see '{self.prog} --help')")


def add_group(parent: Any, name: str, help: str) -> Any:
    """Add a group of commands, such as ``study``, and return the parent of its commands."""
    return parent.add_parser(name, help=help).add_subparsers(metavar="COMMAND", required=True)


def add_command(
    parent: Any,
    name: str,
    command: Callable[[Namespace], int],
    help: str,
    resumes: Callable[[Namespace], bool] | None = None,
    kept_by: str = "out",
) -> argparse.ArgumentParser:
    """Add a command and return its parser.

    Parameters
    ----------
    parent : argparse subparsers
        Where the command is added.
    name : str
        Name of the command.
    command : callable
        Runs the command and returns the exit status.
    help : str
        What the command does, in one line.
    resumes : callable, optional
        Tells whether the command resumes when it is run again after an interruption; only for long
        commands.
    kept_by : str
        The option that says where finished work is kept.
    """
    parser: argparse.ArgumentParser = parent.add_parser(name, help=help, description=help)
    parser.set_defaults(command=command)
    if resumes is not None:
        parser.set_defaults(resumes=resumes, kept_by=kept_by)
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    return parser


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that change the training of a study."""
    parser.add_argument("--seed", type=int, help="seed, instead of the study's")
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="train in one thread, so that the weights do not depend on the number of threads",
    )


def add_decide_by(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses how tolerances are judged."""
    parser.add_argument(
        "--decide-by",
        choices=("interval", "estimate"),
        default="interval",
        help="judge a tolerance by the whole 95 %% interval (default) or by the number itself",
    )


def not_default(decide_by: str) -> str | None:
    """Return the value of ``--decide-by`` for a command line; None if it is the default."""
    return None if decide_by == "interval" else decide_by


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add the network that a command reads."""
    parser.add_argument(
        "network",
        type=network_file,
        help="a network file (network.h5), the name of a trained network, or a NIR file",
    )


def network_file(given: str) -> Path:
    """Return the path of a file, or of the kept network of that name.

    Raises
    ------
    ArgumentTypeError
        If a name is neither.
    """
    path = Path(given)
    if path.suffix or len(path.parts) != 1 or path.exists():
        return path
    kept = kept_networks()
    if given not in kept:
        raise argparse.ArgumentTypeError(
            f"there is no file and no trained network '{given}'. {did_you_mean(given, kept)}"
        )
    return kept[given]
