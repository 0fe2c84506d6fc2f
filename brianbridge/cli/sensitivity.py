"""``brianbridge sensitivity``: by how much an outcome changes with each parameter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brianbridge.cli.data_options import add_data_options, data_of
from brianbridge.cli.interchange import add_nir_options, for_samples, network_of
from brianbridge.cli.parser import Namespace, add_command, add_network

__all__ = ["add_to", "sensitivity"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "sensitivity", sensitivity,
        "say by how much an outcome changes with each parameter of neurons and synapses",
        resumes=lambda options: False, kept_by="",
    )  # fmt: skip
    add_network(parser)
    add_data_options(parser)
    parser.add_argument(
        "--of",
        action="append",
        help="accuracy, counts, loss or potential; may be given several times (default: loss)",
    )
    parser.add_argument(
        "--samples", type=int, default=100, help="number of samples, from the first (default: 100)"
    )
    parser.add_argument(
        "--step",
        type=float,
        default=0.02,
        help="change of a parameter in Brian2, to both sides, as a share (default: 0.02)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of random neurons (default: 0)")
    parser.add_argument("--out", type=Path, help="file for the result (sensitivity.json)")
    add_nir_options(parser)


def sensitivity(options: Namespace) -> int:
    """Print the sensitivity of a network."""
    from brianbridge.io.atomic import writable_file
    from brianbridge.progress import Progress
    from brianbridge.sensitivities.run import sensitivity as sensitivity_of

    network = network_of(options, options.network)
    _, data = data_of(options, network.provenance)
    network = for_samples(network, data.shape)
    if options.out is not None:
        writable_file(options.out)
    found = sensitivity_of(
        network, data, options.of or ["loss"], samples=options.samples, step=options.step,
        seed=options.seed, progress=Progress(lines=True),
    )  # fmt: skip
    if options.out is not None:
        found.save(options.out)
    print(found.to_json() if options.json else found)
    return 0
