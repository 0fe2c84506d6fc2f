"""``brianbridge train``: train the network of a study."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brianbridge.cli.parser import Namespace, add_command, add_training_options
from brianbridge.errors import InputError
from brianbridge.launched import launched_rank
from brianbridge.progress import Progress

if TYPE_CHECKING:
    from brianbridge.study import Study

__all__ = ["add_to", "changed", "train"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "train", train, "train the network of a study file, and write network.h5",
        resumes=lambda options: True,
    )  # fmt: skip
    parser.add_argument("study", help="a study's name, or the path of its .toml file")
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    add_training_options(parser)


def train(options: Namespace) -> int:
    """Train a network."""
    from brianbridge.study import read_study, train_study
    from brianbridge.study.data import load_split

    study = changed(read_study(options.study), options.seed, options.deterministic)
    say = Progress(lines=True).say
    network = train_study(study, options.out, load_split(study), say=say)
    if launched_rank():
        return 0  # the first of several processes prints
    rule = network.provenance["rule"]["name"]
    last = {k: v[-1] for k, v in network.provenance["training_curve"].items()}
    curve = {k: v if math.isfinite(v) else None for k, v in last.items()}  # JSON has no NaN
    if options.json:
        print(json.dumps({"network": str(options.out / "network.h5"), "rule": rule, **curve}))
    else:
        print(f"wrote {options.out / 'network.h5'}, trained with the rule '{rule}': {_end(curve)}")
    return 0


def _end(curve: dict[str, float | None]) -> str:
    """Return the accuracies at the end of training."""
    return ", ".join(
        f"{name.replace('_', ' ')} {100 * value:.2f} %"
        for name, value in curve.items()
        if "accuracy" in name and value is not None
    )


def changed(study: Study, seed: int | None, deterministic: bool) -> Study:
    """Return the study with the seed, if one is given, and with training in one thread if asked.

    Raises
    ------
    InputError
        If the seed is out of range.
    """
    if deterministic:
        training = replace(study.training, deterministic=True)
        study = study.model_copy(update={"training": training})
    if seed is None:
        return study
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed {seed}; give a whole number from 0 to {2**32 - 1}")
    return study.model_copy(update={"seed": seed})
