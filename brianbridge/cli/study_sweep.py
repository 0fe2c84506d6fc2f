"""``brianbridge study sweep``: carry out a study with other options and seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brianbridge.cli.parser import Namespace, add_command, add_decide_by
from brianbridge.cli.printing import print_error, printer
from brianbridge.cli.workers import add_worker_options, check_worker_options, client_of
from brianbridge.errors import InputError
from brianbridge.launched import launched_rank

if TYPE_CHECKING:
    from brianbridge.study import Study

__all__ = ["add_sweep"]


def add_sweep(studies: Any) -> None:
    """Add the command to the parser of ``brianbridge study``."""
    parser = add_command(
        studies, "sweep", _sweep, "carry out a study with other options and seeds",
        resumes=lambda options: True,
    )  # fmt: skip
    parser.add_argument("study", help="a study's name, or the path of its .toml file")
    parser.add_argument(
        "--over",
        action="append",
        default=[],
        metavar="KEY=VALUES",
        help="an option of the study and its values (training.epochs=5,10) or its range "
        "(training.learning_rate=log:1e-4..1e-2); give it again for a further option",
    )
    parser.add_argument(
        "--seeds", type=int, default=1, help="number of seeds for each trial (default: 1)"
    )
    parser.add_argument(
        "--search",
        choices=("grid", "random", "optuna"),
        default="grid",
        help="try all combinations (default), random ones, or those that optuna chooses",
    )
    parser.add_argument("--trials", type=int, help="number of combinations that a search tries")
    parser.add_argument("--out", type=Path, help="output folder (default: runs/STUDY-sweep)")
    parser.add_argument("--quick", action="store_true", help="smoke test: 2 epochs, 50 samples")
    add_decide_by(parser)
    add_worker_options(parser)


def _sweep(options: Namespace) -> int:
    from brianbridge.progress import Progress
    from brianbridge.study import read_study
    from brianbridge.study.over import grid, random_options, read_over
    from brianbridge.study.search import OptunaSearch
    from brianbridge.study.sweep import StudySweep

    _check(options)
    over = read_over(options.over)

    def read(changes: Mapping[str, Any]) -> Study:
        study = read_study(options.study, changes)
        return study.quick() if options.quick else study

    first = read({})
    chosen = None
    if options.search == "grid":
        chosen = grid(over)  # refuses ranges before workers start
    elif options.search == "random":
        chosen = random_options(over, options.trials, first.seed)
    quick = "-quick" if options.quick else ""
    out = options.out or Path("runs") / f"{first.name}-sweep{quick}"
    progress = Progress(lines=True)
    sweep = StudySweep(
        read=read, over=tuple(over), out=out, seeds=options.seeds, decide_by=options.decide_by,
        progress=progress,
    )  # fmt: skip
    with ExitStack() as stack:
        sweep = replace(sweep, client=client_of(options, stack, progress))
        if chosen is None:
            table = OptunaSearch(sweep, over, options.trials).run()
        else:
            table = sweep.run(chosen)
    failed = [row for row in table.rows if row["outcome"] == "failed"]
    if options.json:
        print(json.dumps(table.rows, indent=2))
    else:
        say = printer(False)
        say(table.text())
        say(f"the table of {len(table.rows)} trials is {out / 'trials.csv'}")
    if failed:
        print_error(f"{len(failed)} of {len(table.rows)} trials failed; one: {failed[0]['reason']}")
    return 2 if failed else 0


def _check(options: Namespace) -> None:
    """Refuse options that do not fit together, before any work."""
    check_worker_options(options)
    if launched_rank() is not None:
        raise InputError("a sweep shares out whole trials; give --workers instead of torchrun")
    if options.search == "grid" and options.trials is not None:
        raise InputError("--trials is for a search; a grid tries all: give --search random too")
    if options.search != "grid" and (options.trials is None or options.trials < 1):
        given = "" if options.trials is None else f" {options.trials}"
        raise InputError(
            f"--trials{given}: a search needs a number of at least 1; give --trials 20"
        )
    if options.search != "grid" and not options.over:
        raise InputError(f"--search {options.search} has nothing to vary; give --over KEY=VALUES")
