"""Options of all commands that take a NIR file, and how they read one."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brianbridge.cli.parser import Namespace
from brianbridge.errors import InputError

if TYPE_CHECKING:
    from brianbridge.interchange.nir.from_nir import Imported
    from brianbridge.network import SpikingNetwork

__all__ = [
    "add_nir_options",
    "as_text",
    "for_samples",
    "is_nir",
    "network_of",
    "nir_options",
    "read_nir",
]

#: The arguments of `from_nir`, and the options of the command line that set them. `verify` has an
#: option ``--spikes`` of another meaning.
_OPTIONS = {
    "framework": "from",
    "dt": "dt",
    "steps": "steps",
    "reset": "reset",
    "spikes": "pulse",
    "encoding": "input",
}
_ATTRIBUTES = {**{name: name for name in _OPTIONS}, "spikes": "pulse"}


def add_nir_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what a NIR file does not say."""
    group = parser.add_argument_group(
        "NIR files", "what a NIR file of another framework does not say"
    )
    group.add_argument(
        "--from", dest="framework",
        help="snntorch, norse, spikingjelly, sinabs, rockpool, lava, or exact",
    )  # fmt: skip
    group.add_argument("--dt", help="step of training, such as '1 ms' (default: the exporter's)")
    group.add_argument("--steps", type=int, help="number of steps of a presentation")
    group.add_argument(
        "--input", dest="encoding", help="how samples become input: current, frames, ..."
    )
    group.add_argument("--reset", help="to_value, subtract, ... (default: the framework's)")
    group.add_argument(
        "--pulse",
        help="a spike is 1 for one step (step, the default), or has the area 1 s (dirac)",
    )


def nir_options(options: Namespace) -> dict[str, Any]:
    """Return the options that were given, as they are written on the command line."""
    given = {flag: getattr(options, _ATTRIBUTES[name]) for name, flag in _OPTIONS.items()}
    return {flag: value for flag, value in given.items() if value is not None}


def is_nir(path: Path) -> bool:
    """Return whether a file is a NIR graph."""
    from brianbridge.io.hdf5 import file_kind

    return file_kind(path) == "NIR graph"


def read_nir(options: Namespace, path: Path) -> Imported:
    """Read a NIR file with the options of a command."""
    from brianbridge.interchange.nir.from_nir import import_nir

    return import_nir(path, **{name: getattr(options, _ATTRIBUTES[name]) for name in _OPTIONS})


def network_of(options: Namespace, path: Path) -> SpikingNetwork:
    """Read a network file or a NIR file; of the latter, print how it is taken over."""
    from brianbridge.io.networks.file import load_network

    if not is_nir(path):
        if given := nir_options(options):
            raise InputError(
                f"--{next(iter(given))} is for NIR files, but '{path}' is none; leave it out"
            )
        return load_network(path)
    found = read_nir(options, path)
    if not options.json:
        print(as_text(found))
    return found.network


def for_samples(network: SpikingNetwork, shape: tuple[int, ...]) -> SpikingNetwork:
    """Return a network for images of one channel, where data or network leave out that axis."""
    wanted = tuple(network.input_shape)
    longer, shorter = sorted((wanted, tuple(shape)), key=len, reverse=True)
    if len(longer) == len(shorter) + 1 >= 3 and longer[-3:] == (1, *shorter[-2:]):
        return replace(network, input_shape=tuple(shape))
    return network


def as_text(found: Imported) -> str:
    """Return a text with the conventions chosen and the rating of each node."""
    return f"{found.conventions}\n{found.rating}"
