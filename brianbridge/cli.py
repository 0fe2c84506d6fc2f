"""The command line: studies, training, verification; what there is, and how fast it is.

What the exit status means is told in `brianbridge.exits`. Heavy libraries are imported by the
command that needs them, so that ``--help`` and ``models`` answer at once.
"""

from __future__ import annotations

import argparse
import json
import logging
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from brianbridge.errors import InputError
from brianbridge.exits import OF_OUTCOME, ended
from brianbridge.terminal import terminal

if TYPE_CHECKING:
    from brianbridge.study import Study

__all__ = ["main"]

Arguments = argparse.Namespace

_DETERMINISTIC = "train in one thread: the same weights whatever the number of threads"


class _Parser(argparse.ArgumentParser):
    """Report a misuse in one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see '{self.prog} --help')")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Examples
    --------
    >>> main(["models", "nonsense"])
    2
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = None
    with terminal():
        try:
            logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
            # Brian2 keeps a log in the temporary folder. A full one is no reason for tracebacks.
            logging.raiseExceptions = False
            options = _parser().parse_args(given)
            command: Callable[[Arguments], int] = options.command
            status = command(options)
            sys.stdout.flush()
            return status
        except (Exception, KeyboardInterrupt) as error:
            return ended(error, given, getattr(options, "out", None), _resumes(options))


def _resumes(options: Arguments | None) -> bool | None:
    """Tell whether a long command goes on where it stopped; None of a command that is short."""
    command = getattr(options, "command", None)
    if command is _verify:
        return getattr(options, "out", None) is not None
    return True if command in (_study_run, _train) else None


def _parser() -> argparse.ArgumentParser:
    from brianbridge.version import __version__

    parser = _Parser(
        prog="brianbridge",
        description="Train spiking networks in PyTorch, validate them in Brian2.",
    )
    parser.add_argument("--version", action="version", version=f"brianbridge {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(parent: Any, name: str, command: Callable[[Arguments], int], help: str) -> Any:
        sub = parent.add_parser(name, help=help, description=help)
        sub.set_defaults(command=command)
        sub.add_argument("--json", action="store_true", help="print JSON, for programs")
        return sub

    study = commands.add_parser("study", help="run or list studies: train, write back, verify")
    studies = study.add_subparsers(metavar="COMMAND", required=True)
    run = add(studies, "run", _study_run, "train, write back and verify, as a study file says")
    run.add_argument("study", help="a study's name, or the path of its .toml file")
    run.add_argument("--out", type=Path, help="output folder (default: runs/STUDY[-SEED][-quick])")
    run.add_argument("--seed", type=int, help="another seed than the study's")
    _add_decide_by(run)
    run.add_argument("--deterministic", action="store_true", help=_DETERMINISTIC)
    run.add_argument("--quick", action="store_true", help="smoke test: 2 epochs, 50 samples")
    run.add_argument(
        "--no-spikes", action="store_true", help="no spikes.h5: gigabytes, for a large network"
    )
    add(studies, "list", _study_list, "list the studies that come with the package")

    train = add(commands, "train", _train, "train, as a study file says, and write network.h5")
    train.add_argument("study", help="a study's name, or the path of its .toml file")
    train.add_argument("--out", type=Path, required=True, help="output folder")
    train.add_argument("--seed", type=int, help="another seed than the study's")
    train.add_argument("--deterministic", action="store_true", help=_DETERMINISTIC)

    verify = add(commands, "verify", _verify, "run a network in Brian2 and judge what held")
    verify.add_argument("network", type=Path, help="a network file (network.h5)")
    verify.add_argument("--data", required=True, help="data set to verify on; its test samples")
    verify.add_argument(
        "--ladder",
        default="short",
        help="short (parity, dt/10), default (what a network may meet), or a file (default: short)",
    )
    verify.add_argument("--samples", type=int, help="only the first so many samples")
    verify.add_argument("--folder", help="where the data set's files are")
    verify.add_argument("--out", type=Path, help="folder for verdict.json, report.html, spikes.h5")
    verify.add_argument(
        "--plain-spikes", action="store_true", help="spikes.h5 without compression, for libsonata"
    )
    verify.add_argument("--seed", type=int, default=0, help="of random perturbations")
    _add_decide_by(verify)
    verify.add_argument("--workers", type=int, help="share the work out to so many processes")
    verify.add_argument("--worker-memory", help="of each such process, at most (4 GB)")
    verify.add_argument("--scheduler", help="share it out to a Dask cluster, by its address")
    verify.add_argument("--operations", action="store_true", help="also tell the operations")

    inspect = add(commands, "inspect", _inspect, "tell what a network or spike file holds")
    inspect.add_argument("file", type=Path)
    inspect.add_argument(
        "--check", action="store_true", help="read all of it and compare it with its digests"
    )

    models = add(commands, "models", _models, "list neuron models and networks, or show one")
    models.add_argument("name", nargs="?", help="its name, or the path of its .toml file")

    changes = add(commands, "perturbations", _perturbations, "list what a rung can change")
    changes.add_argument("name", nargs="?")

    data = add(commands, "data", _data, "list the data sets, and what is here")
    data.add_argument("name", nargs="?")
    data.add_argument("--fetch", action="store_true", help="download the set's files")

    bench = commands.add_parser("bench", help="measure speed, side by side in one run")
    benches = bench.add_subparsers(metavar="COMMAND", required=True)
    simulate = add(benches, "simulate", _bench_simulate, "time every way to the same spikes")
    simulate.add_argument("network", type=Path, help="a network file (network.h5)")
    simulate.add_argument("--data", required=True, help="data set; its test samples")
    simulate.add_argument("--folder", help="where the data set's files are")
    simulate.add_argument("--out", type=Path, help="write simulate.json, .md and .png here")
    simulate.add_argument("--samples", type=int, default=10_000, help="default: 10000")
    simulate.add_argument(
        "--quick", action="store_true", help="only dt = that of the twin, no scaling"
    )
    parity = add(benches, "parity", _bench_parity, "compare twin and Brian2 on random networks")
    parity.add_argument("--seconds", type=float, help="how long (default: 60)")
    parity.add_argument("--neuron-steps", type=float, help="how much, such as 1e9, in place of it")
    parity.add_argument("--seed", type=int, default=1, help="of networks and samples (default: 1)")
    parity.add_argument("--only", type=int, metavar="NUMBER", help="that network of the run alone")
    parity.add_argument("--out", type=Path, help="write parity.json, .md and what differs here")
    return parser


def _add_decide_by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--decide-by",
        choices=("interval", "estimate"),
        default="interval",
        help="judge a tolerance by the whole 95 %% interval (default) or by the number itself",
    )


# ---------------------------------------------------------------------- commands


def _study_run(options: Arguments) -> int:
    from brianbridge.study import read_study, run_study

    study = _changed(read_study(options.study), options.seed, options.deterministic)
    study = study.quick() if options.quick else study
    seed = "" if options.seed is None else f"-{options.seed}"
    # A quick look must not stand in the way of the whole study.
    quick = "-quick" if options.quick else ""
    out = options.out or Path("runs") / f"{study.name}{seed}{quick}"
    summary = run_study(
        study,
        out,
        report=_say(options.json),
        spikes=not options.no_spikes,
        command=_command_line(
            ["study", "run"],
            options.study,
            quick=options.quick,
            seed=options.seed,
            decide_by=_unless_default(options.decide_by),
            deterministic=options.deterministic,
        ),
        decide_by=options.decide_by,
    )
    if options.json:
        print(json.dumps(summary, indent=2))
    else:
        _print_summary(summary, out)
    return OF_OUTCOME[summary["outcome"]]


def _changed(study: Study, seed: int | None, deterministic: bool) -> Study:
    """Return the study with another seed, if one is given, and trained in one thread if asked."""
    if deterministic:
        training = study.training.model_copy(update={"deterministic": True})
        study = study.model_copy(update={"training": training})
    if seed is None:
        return study
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed {seed}; give a whole number from 0 to {2**32 - 1}")
    return study.model_copy(update={"seed": seed})


def _study_list(options: Arguments) -> int:
    from brianbridge.study import read_study, study_names

    entries = {name: read_study(name).title for name in study_names()}
    _print_entries(entries, options.json)
    return 0


def _train(options: Arguments) -> int:
    from brianbridge.study import read_study, train_study
    from brianbridge.study.run import load_split

    study = _changed(read_study(options.study), options.seed, options.deterministic)
    network = train_study(study, options.out, load_split(study))
    curve = {k: v[-1] for k, v in network.provenance["training_curve"].items()}
    if options.json:
        print(json.dumps({"network": str(options.out / "network.h5"), **curve}))
    else:
        print(f"wrote {options.out / 'network.h5'}")
    return 0


def _verify(options: Arguments) -> int:
    from brianbridge.io.atomic import writable_file
    from brianbridge.io.lock import only_writer
    from brianbridge.io.networks.file import load
    from brianbridge.ladder.progress import Progress
    from brianbridge.ladder.rungs import read_ladder
    from brianbridge.ladder.verify import verify
    from brianbridge.report import report_beside
    from brianbridge.study.run import first_samples, split_of
    from brianbridge.sweep import Sweep, connected, delete_kept

    if options.samples is not None and options.samples < 1:
        raise InputError(f"--samples {options.samples} is not above 0")
    if options.seed < 0:
        raise InputError(f"--seed {options.seed} is below 0")
    if options.workers is not None and options.scheduler is not None:
        raise InputError("--workers starts processes here, --scheduler uses others; give one")
    if options.worker_memory is not None and options.workers is None:
        raise InputError("--worker-memory is that of processes started here; give --workers too")
    ladder = read_ladder(options.ladder)
    network = load(options.network)
    split = split_of(network.provenance, options.data, options.folder)
    test = first_samples(split.test, options.samples)
    if options.out is not None:
        for name in ("verdict.json", "report.html", "spikes.h5"):
            writable_file(options.out / name)
    spikes = None if options.out is None else options.out / "spikes.h5"
    unfinished = None if options.out is None else options.out / "unfinished"
    progress = Progress(lines=True)
    with ExitStack() as stack:
        if options.out is not None:
            stack.enter_context(only_writer(options.out))
        client = None
        if options.workers is not None or options.scheduler is not None:
            progress.say(
                f"starting {options.workers} workers"
                if options.scheduler is None
                else f"connecting to {options.scheduler}"
            )
            client = stack.enter_context(
                connected(options.workers, options.scheduler, options.worker_memory or "4 GB")
            )
        verdict = verify(
            network,
            test,
            ladder,
            name=options.network.name,
            seed=options.seed,
            spikes=spikes,
            compress_spikes=not options.plain_spikes,
            train=split.train,
            execution=Sweep(client=client, folder=unfinished, progress=progress),
            decide_by=options.decide_by,
        )
        if options.out is not None:
            verdict.save(options.out / "verdict.json")
            delete_kept(options.out / "unfinished")
            command = _command_line(
                ["verify"], options.network, data=options.data, ladder=options.ladder,
                samples=options.samples, seed=options.seed,
                decide_by=_unless_default(options.decide_by),
            )  # fmt: skip
            report_beside(verdict, options.out, command, _say(options.json))
    if options.json:
        print(verdict.to_json())
    else:
        say = _say(False)
        say(verdict.table())
        if options.operations and verdict.operations is not None:
            say(verdict.operations.table())
    return OF_OUTCOME[verdict.outcome]


def _inspect(options: Arguments) -> int:
    from brianbridge.io.inspect import as_text, describe_file

    description = describe_file(options.file, check=options.check)
    print(json.dumps(description, indent=2) if options.json else as_text(description))
    return 0


def _models(options: Arguments) -> int:
    from brianbridge.errors import did_you_mean
    from brianbridge.network.files import network_names, network_path, read_network
    from brianbridge.neurons.files import model_names, model_path, read_entries
    from brianbridge.schema import read_toml

    neurons, networks = model_names(), network_names()
    if options.name is None:
        summaries = {
            "neurons": {name: read_entries(model_path(name))["summary"] for name in neurons},
            "networks": {name: read_network(network_path(name)).summary for name in networks},
        }
        if options.json:
            print(json.dumps(summaries, indent=2))
            return 0
        for kind, entries in summaries.items():
            print(f"{kind}:")
            _print_entries(entries, as_json=False)
        return 0
    own = Path(options.name) if options.name.endswith(".toml") else None
    if own is None and options.name not in {*neurons, *networks}:
        hint = did_you_mean(options.name, [*neurons, *networks])
        raise InputError(f"there is no model '{options.name}'. {hint}")
    if options.name in networks or (own and "layers" in read_toml(own, "model file")):
        from brianbridge.network.overview import as_text, describe_model

        description = describe_model(options.name)
        print(json.dumps(description, indent=2) if options.json else as_text(description))
        return 0
    path = model_path(options.name)
    entries = read_entries(path)  # or say that it is no model
    if own:
        from brianbridge.neurons.library import read_model

        read_model(path)  # or say why it is no valid one
    if options.json:
        print(json.dumps(entries, indent=2))
    else:
        print(path.read_text(encoding="utf-8").rstrip())
    return 0


def _perturbations(options: Arguments) -> int:
    from brianbridge.perturbations import overview, perturbation_names

    if options.name is not None:
        found = overview(options.name)
        defaults = ", ".join(
            f"{k} = {json.dumps(v, default=str)}" for k, v in found["options"].items()
        )
        in_file = (
            f"perturb.{options.name} = {{ {defaults} }}"
            if defaults
            else f"perturb.{options.name} = {{}}"
        )
        text = f"{found['text']}\n\nKeeps {found['keeps']}.\n\nIn a ladder file: {in_file}"
        print(json.dumps(found, indent=2, default=str) if options.json else text)
        return 0
    every = {name: overview(name) for name in perturbation_names()}
    if options.json:
        print(json.dumps(list(every.values()), indent=2, default=str))
        return 0
    _print_entries({name: found["summary"] for name, found in every.items()}, as_json=False)
    return 0


def _data(options: Arguments) -> int:
    from dataclasses import asdict

    from brianbridge.datasets import describe, fetch, names
    from brianbridge.errors import did_you_mean

    if options.name is not None and options.name not in names():
        raise InputError(
            f"there is no data set '{options.name}'. {did_you_mean(options.name, names())}"
        )
    if options.fetch:
        if options.name is None:
            raise InputError("--fetch needs the name of a data set")
        print(f"wrote {fetch(options.name)}")
        return 0
    chosen = [d for d in describe() if options.name in (None, d.name)]
    if options.json:
        print(json.dumps([asdict(d) for d in chosen], indent=2, default=str))
        return 0
    for entry in chosen:
        state = f"here ({entry.where})" if entry.available else f"not here: {entry.how}"
        shape = "x".join(str(n) for n in entry.shape)
        print(f"{entry.name:15} {entry.title}; {shape}, {len(entry.classes)} classes")
        print(f"{'':15} {entry.samples} samples, licence: {entry.licence}")
        print(f"{'':15} {state}")
    return 0


def _bench_simulate(options: Arguments) -> int:
    from brianbridge.bench.report import as_markdown, write_report
    from brianbridge.bench.simulate import DIVISORS, DifferentSpikesError, bench_simulate
    from brianbridge.io.atomic import writable_folder
    from brianbridge.io.networks.file import load
    from brianbridge.study.run import held_out

    if options.samples < 1:
        raise InputError(f"--samples {options.samples} is not above 0")
    network = load(options.network)
    data = held_out(network.provenance, options.data, options.folder)
    if options.out is not None:
        writable_folder(options.out)
    try:
        result = bench_simulate(
            network,
            data,
            samples=options.samples,
            divisors=DIVISORS[:1] if options.quick else DIVISORS,
            scaling=not options.quick,
            file=options.network,
            report=_say(options.json),
        )
    except DifferentSpikesError as error:
        print(f"brianbridge: {error}", file=sys.stderr)
        return 1
    quick = " --quick" if options.quick else ""
    result["provenance"]["command"] = (
        f"brianbridge bench simulate {options.network.name} --data {options.data} "
        f"--samples {options.samples}{quick}"
    )
    if options.out is not None:
        write_report(result, options.out)
    print(json.dumps(result, indent=2) if options.json else as_markdown(result))
    return 0


def _bench_parity(options: Arguments) -> int:
    from brianbridge.bench.parity.command import run_command

    return run_command(options)


# ---------------------------------------------------------------------- printing


def _command_line(command: list[str], subject: str | Path, **options: Any) -> str:
    """Return a command for a report: files by their names, for folders are nobody's business.

    Examples
    --------
    >>> _command_line(["verify"], Path("runs/a.h5"), data="iris", samples=None, seed=0)
    'brianbridge verify a.h5 --data iris --seed 0'
    """
    words = ["brianbridge", *command, Path(subject).name]
    for name, value in options.items():
        if value is True:
            words.append(f"--{name.replace('_', '-')}")
        elif value is not None and value is not False:
            words += [f"--{name.replace('_', '-')}", Path(str(value)).name]
    return shlex.join(words)


def _unless_default(decide_by: str) -> str | None:
    return None if decide_by == "interval" else decide_by


def _say(silent: bool) -> Callable[[Any], None]:
    """Return what prints a line or a table; nothing if the output is for a program."""
    if silent:
        return lambda _: None
    from rich.console import Console

    # A pipe has no width of its own; do not squeeze tables into 80 columns there.
    width = None if sys.stdout.isatty() else 160
    console = Console(file=sys.stdout, width=width, highlight=False)
    return console.print


def _print_entries(entries: dict[str, str], as_json: bool) -> None:
    if as_json:
        print(json.dumps(entries, indent=2))
        return
    width = max(len(name) for name in entries)
    for name, text in entries.items():
        print(f"{name:{width}}  {text}")


def _print_summary(summary: dict[str, Any], out: Path) -> None:
    if summary["folds"]:
        mean = summary["mean"]
        rungs = [key.removesuffix("_accuracy") for key in mean if key.endswith("_accuracy")]
        text = ", ".join(f"{rung} {100 * mean[f'{rung}_accuracy']:.2f} %" for rung in rungs)
        print(f"mean accuracy over {summary['folds']} folds: {text}")
    print(f"network, verdict and report are in {out}")
