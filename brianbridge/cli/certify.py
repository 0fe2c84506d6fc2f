"""``brianbridge certify``: count the samples whose prediction no error of a size can change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brianbridge.cli.data_options import add_data_options, data_of
from brianbridge.cli.interchange import add_nir_options, for_samples, network_of
from brianbridge.cli.parser import Namespace, add_command, add_network
from brianbridge.errors import InputError

if TYPE_CHECKING:
    from brianbridge.datasets import Dataset
    from brianbridge.network import SpikingNetwork

__all__ = ["add_to", "certify"]

#: Version of ``certificates.json``.
SCHEMA = 1


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "certify", certify,
        "count the samples whose prediction no error of weights and thresholds can change",
    )  # fmt: skip
    add_network(parser)
    add_data_options(parser)
    for what in ("weight", "threshold"):
        parser.add_argument(
            f"--{what}-error",
            type=float,
            action="append",
            help=f"largest error of a {what}{' or bias' if what == 'weight' else ''}, as a share "
            "of its size, such as 0.01; may be given several times (default: 0)",
        )
    parser.add_argument(
        "--samples", type=int, help="number of samples, from the first (default: all)"
    )
    parser.add_argument("--out", type=Path, help="file for the result (certificates.json)")
    add_nir_options(parser)


def certify(options: Namespace) -> int:
    """Print how many samples are certified."""
    from brianbridge.io.atomic import writable_file, write_whole
    from brianbridge.study.data import first_samples

    errors = _errors(options)
    if options.samples is not None and options.samples < 1:
        raise InputError(f"--samples {options.samples}; give at least 1")
    network = network_of(options, options.network)
    data = first_samples(data_of(options, network.provenance)[1], options.samples)
    network = for_samples(network, data.shape)
    if options.out is not None:
        writable_file(options.out)
    found = _counted(network, data, errors)
    text = json.dumps({"schema": SCHEMA, "network": options.network.name, **found}, indent=2)
    if options.out is not None:
        write_whole(options.out, text + "\n")
    print(text if options.json else _as_text(found))
    return 0


def _errors(options: Namespace) -> list[tuple[float, float]]:
    """Return the pairs of errors of weights and thresholds."""
    given = {"weight": options.weight_error, "threshold": options.threshold_error}
    for what, values in given.items():
        for value in values or []:
            if not 0 <= value < 1:
                raise InputError(
                    f"--{what}-error {value:g}; give 0 to less than 1, such as 0.01 for one per "
                    "cent"
                )
    weights, thresholds = (values or [0.0] for values in given.values())
    if not any(given.values()):
        raise InputError("give --weight-error, --threshold-error or both, such as 0.01")
    most = max(len(weights), len(thresholds))
    if {len(weights), len(thresholds)} - {1, most}:
        raise InputError(
            f"{len(weights)} times --weight-error and {len(thresholds)} times --threshold-error; "
            "give both as often, or one of them once"
        )
    return [(weights[n % len(weights)], thresholds[n % len(thresholds)]) for n in range(most)]


def _counted(
    network: SpikingNetwork, data: Dataset, errors: list[tuple[float, float]]
) -> dict[str, Any]:
    """Return the numbers of certified samples as JSON values."""
    from brianbridge.measures import certify as certified_by
    from brianbridge.progress import Progress
    from brianbridge.provenance import collect

    found = []
    with Progress(lines=True).count(
        f"certify, {len(data)} samples each", len(errors), "errors"
    ) as step:
        for weight, threshold in errors:
            found.append(
                certified_by(network, data.x, weight_error=weight, threshold_error=threshold)
            )
            step()
    right = found[0].output.argmax(1) == data.y
    return {
        "dataset": {"name": data.name, "split": data.split, "part": data.part},
        "samples": len(data),
        "right": int(right.sum()),
        "errors": [
            {
                "weight_error": weight,
                "threshold_error": threshold,
                "certified": int(one.certified.sum()),
                "right_and_certified": int((one.certified & right).sum()),
            }
            for (weight, threshold), one in zip(errors, found, strict=True)
        ],
        "provenance": collect(),
    }


def _as_text(found: dict[str, Any]) -> str:
    from brianbridge.readable import columns, counted

    samples = found["samples"]

    def share(number: int) -> str:
        return f"{number:,} ({number / samples:.2%})"

    cells = [("weights within", "thresholds within", "certified", "right and certified")]
    cells += [
        (
            f"{100 * row['weight_error']:.3g} %", f"{100 * row['threshold_error']:.3g} %",
            share(row["certified"]), share(row["right_and_certified"]),
        )
        for row in found["errors"]
    ]  # fmt: skip
    data = f"{counted(samples, 'sample')} of {found['dataset']['name']}"
    title = f"{data}, {share(found['right'])} right without errors"
    return f"{title}\n{columns(cells, right=[0, 1, 2, 3])}"
