"""``brianbridge verify``: run a network in Brian2 and judge what held."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brianbridge.cli.data_options import add_data_options, data_of, options_given
from brianbridge.cli.exits import OF_OUTCOME
from brianbridge.cli.interchange import add_nir_options, for_samples, network_of, nir_options
from brianbridge.cli.parser import Namespace, add_command, add_decide_by, add_network, not_default
from brianbridge.cli.printing import command_line, printer
from brianbridge.cli.workers import add_worker_options, check_worker_options, client_of
from brianbridge.errors import InputError

if TYPE_CHECKING:
    from brianbridge.ladder.verdict import Verdict
    from brianbridge.progress import Progress
    from brianbridge.sweep import Sweep

__all__ = ["add_to"]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "verify", _verify, "run a network in Brian2 and judge what held",
        resumes=lambda options: options.out is not None,
    )  # fmt: skip
    add_network(parser)
    add_data_options(parser)
    parser.add_argument(
        "--ladder",
        default="short",
        help="short (parity, dt/10), default (realistic conditions), or a file (default: short)",
    )
    parser.add_argument(
        "--samples", type=int, help="number of samples, from the first (default: all)"
    )
    parser.add_argument("--out", type=Path, help="folder for verdict.json, report.html, spikes.h5")
    parser.add_argument(
        "--spikes",
        choices=("none", "first", "changed", "all"),
        default="first",
        help="rungs whose spikes are written: the first (default), those whose spikes differ from "
        "the twin's, all, or none",
    )
    parser.add_argument("--plain-spikes", action="store_true", help="do not compress spikes.h5")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of random perturbations (default: 0)"
    )
    add_decide_by(parser)
    add_worker_options(parser)
    parser.add_argument(
        "--after",
        type=int,
        help="steps after the input ends, for spikes that are still on their way",
    )
    parser.add_argument(
        "--refractory", help='refractory period of neurons that have none, such as "1 ms"'
    )
    parser.add_argument("--operations", action="store_true", help="also print the operation counts")
    add_nir_options(parser)


def _verify(options: Namespace) -> int:
    from brianbridge.io.atomic import writable_file
    from brianbridge.io.lock import only_writer
    from brianbridge.ladder.rungs import read_ladder
    from brianbridge.ladder.verify import verify
    from brianbridge.progress import Progress
    from brianbridge.study.data import first_samples

    _check(options)
    out: Path | None = options.out
    ladder = read_ladder(options.ladder)
    network = network_of(options, options.network)
    train, test = data_of(options, network.provenance)
    test = first_samples(test, options.samples)
    network = for_samples(network, test.shape)
    if options.after is not None:
        network = network.with_steps_after(options.after)
    if options.refractory is not None:
        network = network.with_refractory(options.refractory)
    if out is not None:
        for name in ("verdict.json", "report.html", "spikes.h5"):
            writable_file(out / name)
    progress = Progress(lines=True)
    with ExitStack() as stack:
        if out is not None:
            stack.enter_context(only_writer(out))
        verdict = verify(
            network,
            test,
            ladder,
            name=options.network.name,
            seed=options.seed,
            spikes=None if out is None or options.spikes == "none" else out / "spikes.h5",
            spikes_of="first" if options.spikes == "none" else options.spikes,
            compress_spikes=not options.plain_spikes,
            train=train,
            execution=_execution(options, stack, progress),
            decide_by=options.decide_by,
        )
        if out is not None:
            _write(verdict, options)
    _print(verdict, options)
    return OF_OUTCOME[verdict.outcome]


def _check(options: Namespace) -> None:
    """Refuse options that do not fit together, before any work."""
    if options.samples is not None and options.samples < 1:
        raise InputError(f"--samples {options.samples}; give at least 1")
    if options.seed < 0:
        raise InputError(f"--seed {options.seed}; give 0 or more")
    check_worker_options(options)


def _execution(options: Namespace, stack: ExitStack, progress: Progress) -> Sweep:
    """Return where the tasks run; `stack` stops the workers that are started here."""
    from brianbridge.sweep import Sweep

    unfinished = None if options.out is None else options.out / "unfinished"
    client = client_of(options, stack, progress)
    return Sweep(client=client, folder=unfinished, progress=progress)


def _write(verdict: Verdict, options: Namespace) -> None:
    """Write verdict and report into the output folder, and delete the kept results."""
    from brianbridge.report import report_beside
    from brianbridge.sweep import delete_kept

    verdict.save(options.out / "verdict.json")
    delete_kept(options.out / "unfinished")
    command = command_line(
        ["verify"], options.network, **options_given(options), ladder=options.ladder,
        samples=options.samples, seed=options.seed, decide_by=not_default(options.decide_by),
        after=options.after, refractory=options.refractory,
        out=options.out,
        **nir_options(options),
    )  # fmt: skip
    report_beside(verdict, options.out, command)


def _print(verdict: Verdict, options: Namespace) -> None:
    if options.json:
        print(verdict.to_json())
        return
    say = printer(False)
    say(verdict.spike_table())
    say(verdict.table())
    if options.operations and verdict.operations is not None:
        say(verdict.operations.table())
