"""The options that name the data of a command: a data set, or a file of the user's own."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from brianbridge.cli.parser import Namespace
from brianbridge.errors import InputError

if TYPE_CHECKING:
    from brianbridge.datasets import Dataset

__all__ = ["add_data_options", "data_of", "options_given"]


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--data`` and what belongs to it."""
    parser.add_argument(
        "--data",
        required=True,
        help="data set, or an .npz file or folder of .npy files with x and y; its test samples "
        "are used",
    )
    parser.add_argument("--folder", help="folder of the data set's files")
    parser.add_argument("--arrays", help="names of the arrays in a file, such as x=images,y=labels")
    parser.add_argument(
        "--scale", type=float, help="what the samples of a file are divided by, such as 255"
    )


def data_of(options: Namespace, provenance: Mapping[str, Any]) -> tuple[Dataset | None, Dataset]:
    """Return training and test samples, with the split on which a network was trained."""
    from brianbridge.study.data import split_of

    if options.scale is not None and not 0 < options.scale < float("inf"):
        raise InputError(f"--scale {options.scale:g}; give a number above 0, such as 255")
    arrays = None if options.arrays is None else _named(options.arrays)
    given = {"arrays": arrays, "scale": options.scale}
    given = {name: value for name, value in given.items() if value is not None}
    return split_of(provenance, options.data, options.folder, **given)


def options_given(options: Namespace) -> dict[str, Any]:
    """Return the options of the data for a command line."""
    scale = None if options.scale is None else f"{options.scale:g}"
    return {"data": options.data, "arrays": options.arrays, "scale": scale}


def _named(text: str) -> dict[str, str]:
    """Return the names of arrays."""
    pairs = [one.split("=") for one in text.split(",")]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise InputError(f"--arrays {text}; give names as in x=images,y=labels")
    return {key.strip(): name.strip() for key, name in pairs}
