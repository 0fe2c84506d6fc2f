"""``brianbridge study``: run studies, sweep over their options, and list them."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from brianbridge.cli.exits import OF_OUTCOME
from brianbridge.cli.parser import (
    Namespace,
    add_command,
    add_decide_by,
    add_group,
    add_training_options,
    not_default,
)
from brianbridge.cli.printing import command_line, print_entries, printer
from brianbridge.cli.study_sweep import add_sweep
from brianbridge.cli.train import changed
from brianbridge.cli.workers import add_worker_options, check_worker_options, client_of
from brianbridge.launched import launched_rank

__all__ = ["add_to", "list_studies", "run_study"]


def add_to(commands: Any) -> None:
    """Add the commands to the parser."""
    studies = add_group(commands, "study", "run, sweep or list studies: train, write back, verify")
    run = add_command(
        studies, "run", run_study, "train, write back and verify the network of a study file",
        resumes=lambda options: True,
    )  # fmt: skip
    run.add_argument("study", help="a study's name, or the path of its .toml file")
    run.add_argument("--out", type=Path, help="output folder (default: runs/STUDY[-SEED][-quick])")
    add_training_options(run)
    add_decide_by(run)
    run.add_argument("--quick", action="store_true", help="smoke test: 2 epochs, 50 samples")
    run.add_argument(
        "--no-spikes",
        action="store_true",
        help="do not write spikes.h5, which takes gigabytes for a large network",
    )
    add_worker_options(run)
    add_sweep(studies)
    add_command(studies, "list", list_studies, "list the studies that come with the package")


def run_study(options: Namespace) -> int:
    """Run a study."""
    from brianbridge import study as studies
    from brianbridge.progress import Progress
    from brianbridge.sweep import Sweep

    check_worker_options(options)
    study = changed(studies.read_study(options.study), options.seed, options.deterministic)
    study = study.quick() if options.quick else study
    seed = "" if options.seed is None else f"-{options.seed}"
    # A folder of its own, so that the whole study does not resume from a smoke test.
    quick = "-quick" if options.quick else ""
    first = not launched_rank()  # one of several processes prints
    out = options.out or Path("runs") / f"{study.name}{seed}{quick}"
    with ExitStack() as stack:
        # Of several processes the first one verifies.
        client = client_of(options, stack, Progress(lines=True)) if first else None
        summary = studies.run_study(
            study,
            out,
            report=printer(options.json or not first),
            spikes=not options.no_spikes,
            command=command_line(
                ["study", "run"],
                options.study,
                quick=options.quick,
                seed=options.seed,
                decide_by=not_default(options.decide_by),
                deterministic=options.deterministic,
                out=options.out,
            ),
            decide_by=options.decide_by,
            execution=Sweep(client=client),
        )
    if not first:
        return 0
    if options.json:
        print(json.dumps(summary, indent=2))
    else:
        _print_summary(summary, out)
    # torchrun takes every other status for a crash, and might start all processes again.
    return OF_OUTCOME[summary["outcome"]] if launched_rank() is None else 0


def _print_summary(summary: dict[str, Any], out: Path) -> None:
    if summary["folds"]:
        mean = summary["mean"]
        rungs = [key.removesuffix("_accuracy") for key in mean if key.endswith("_accuracy")]
        text = ", ".join(f"{rung} {100 * mean[f'{rung}_accuracy']:.2f} %" for rung in rungs)
        print(f"mean accuracy over {summary['folds']} folds: {text}")
    print(f"network, verdict and report are in {out}")


def list_studies(options: Namespace) -> int:
    """List the studies."""
    from brianbridge.study import read_study, study_names

    entries = {name: read_study(name).title for name in study_names()}
    print_entries(entries, options.json)
    return 0
