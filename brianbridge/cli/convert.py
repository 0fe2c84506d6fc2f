"""``brianbridge convert``: a NIR file becomes a network file, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from brianbridge.cli.interchange import add_nir_options, as_text, is_nir, nir_options, read_nir
from brianbridge.cli.parser import Namespace, add_command, network_file
from brianbridge.errors import InputError

__all__ = ["add_to", "convert"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "convert",
        convert,
        "make a network file of a NIR file, or a NIR file of a network",
        resumes=lambda options: False,
    )
    parser.add_argument(
        "source",
        type=network_file,
        help="a NIR file, a network file (network.h5), or the name of a trained network",
    )
    parser.add_argument(
        "target", type=Path, help="the file to write: .nir, or a network file (.h5)"
    )
    add_nir_options(parser)
    parser.add_argument(
        "--to", help="write a NIR file for this framework, in its time constants (default: exact)"
    )


def convert(options: Namespace) -> int:
    """Write a network in the other format."""
    if is_nir(options.source):
        return _from_nir(options)
    return _to_nir(options)


def _from_nir(options: Namespace) -> int:
    from brianbridge.io.atomic import writable_file
    from brianbridge.io.networks.file import save_network

    if options.to is not None or options.target.suffix == ".nir":
        raise InputError(
            f"'{options.source}' is a NIR file already; give a network file (.h5) to write, and no "
            "--to"
        )
    writable_file(options.target)
    found = read_nir(options, options.source)
    save_network(found.network, options.target)
    facts = {"conventions": found.conventions.to_dict(), **found.rating.to_dict()}
    print(json.dumps(facts, indent=2) if options.json else as_text(found))
    return 0


def _to_nir(options: Namespace) -> int:
    from brianbridge.interchange.nir.to_nir import to_nir
    from brianbridge.io.networks.file import load_network

    given = {k: v for k, v in nir_options(options).items() if k != "reset"}
    if given:
        raise InputError(
            f"--{next(iter(given))} says how a NIR file is read, but '{options.source}' is a "
            "network file; use --to and --reset"
        )
    network = load_network(options.source)
    graph = to_nir(network, options.target, options.to, reset=options.reset)
    facts = {k: graph.metadata[k] for k in ("framework", "dt", "reset", "spikes")}
    if options.json:
        print(json.dumps(facts, indent=2))
    else:
        print(f"written for {facts.pop('framework')}: " + ", ".join(
            f"{name} {value}" for name, value in facts.items()
        ))  # fmt: skip
    return 0
