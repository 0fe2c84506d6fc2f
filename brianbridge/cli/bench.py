"""``brianbridge bench``: measure speed and parity."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from brianbridge.cli.bench_train import add_train
from brianbridge.cli.data_options import add_data_options, data_of, options_given
from brianbridge.cli.interchange import add_nir_options, for_samples, network_of, nir_options
from brianbridge.cli.parser import Namespace, add_command, add_group, add_network
from brianbridge.cli.printing import command_line, printer
from brianbridge.errors import InputError

__all__ = ["add_to", "bench_own", "bench_parity", "bench_simulate"]


def add_to(commands: Any) -> None:
    """Add the commands to the parser."""
    benches = add_group(commands, "bench", "measure speed and parity")
    simulate = add_command(
        benches, "simulate", bench_simulate, "time every way to simulate a network, in one run"
    )
    add_network(simulate)
    add_data_options(simulate)
    simulate.add_argument("--out", type=Path, help="folder for simulate.json, .md and .png")
    simulate.add_argument(
        "--samples", type=int, default=10_000, help="number of samples (default: 10000)"
    )
    simulate.add_argument(
        "--quick", action="store_true", help="only at the twin's step, and without scaling"
    )
    simulate.add_argument(
        "--growth", action="store_true",
        help="only how time and memory grow with samples, steps, neurons and spikes",
    )  # fmt: skip
    add_nir_options(simulate)
    add_train(benches)
    _add_own(benches)
    parity = add_command(
        benches, "parity", bench_parity, "compare twin and Brian2 on random networks"
    )
    parity.add_argument("--seconds", type=float, help="duration in seconds (default: 60)")
    parity.add_argument(
        "--neuron-steps",
        type=float,
        help="number of neuron steps, such as 1e9, instead of a duration",
    )
    parity.add_argument(
        "--seed", type=int, default=1, help="seed of networks and samples (default: 1)"
    )
    parity.add_argument(
        "--only", type=int, metavar="NUMBER", help="run only the network with this number"
    )
    parity.add_argument(
        "--out", type=Path, help="folder for parity.json, .md and networks that differ"
    )


def _add_own(benches: Any) -> None:
    own = add_command(
        benches, "own", bench_own, "time random networks beside plain Brian2, and their memory"
    )
    own.add_argument(
        "--neurons", type=int, nargs="+", help="sizes (default: 4000 16000 64000 256000)"
    )
    own.add_argument(
        "--rounds", type=int, default=5, help="presentations after the first (default: 5)"
    )
    own.add_argument(
        "--stream",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="also write so much biological time of 10000 neurons to a file, such as 60",
    )
    own.add_argument("--seed", type=int, default=1, help="seed of the networks (default: 1)")
    own.add_argument("--out", type=Path, help="folder for own.json and .md")


def bench_own(options: Namespace) -> int:
    """Time random networks beside plain Brian2."""
    from brianbridge.bench import own
    from brianbridge.bench.differing import DifferentSpikesError
    from brianbridge.bench.own_report import own_as_markdown, write_own
    from brianbridge.io.atomic import writable_folder

    sizes = options.neurons or own.SIZES
    if min(sizes) < 1 or options.rounds < 1 or options.stream < 0:
        raise InputError(
            f"--neurons {min(sizes)} --rounds {options.rounds} --stream {options.stream:g}; give "
            "at least 1 neuron, 1 round and 0 seconds"
        )
    if options.out is not None:
        writable_folder(options.out)
    try:
        result = own.bench_own(
            sizes,
            rounds=options.rounds,
            stream=options.stream,
            seed=options.seed,
            report=printer(options.json),
        )
    except DifferentSpikesError as error:
        print(f"brianbridge: {error}", file=sys.stderr)
        return 1
    chosen = "" if options.neurons is None else f" --neurons {' '.join(map(str, sizes))}"
    chosen += f" --stream {options.stream:g}" if options.stream else ""
    result["provenance"]["command"] = (
        f"brianbridge bench own{chosen} --rounds {options.rounds} --seed {options.seed}"
    )
    if options.out is not None:
        write_own(result, options.out)
    print(json.dumps(result, indent=2) if options.json else own_as_markdown(result))
    return 0


def bench_simulate(options: Namespace) -> int:
    """Time every way to simulate a network."""
    from brianbridge.bench import simulate
    from brianbridge.bench.report import as_markdown, write_report
    from brianbridge.io.atomic import writable_folder

    if options.samples < 1:
        raise InputError(f"--samples {options.samples}; give at least 1")
    if options.growth and options.quick:
        raise InputError("--quick leaves out what --growth measures; give one of them")
    network = network_of(options, options.network)
    _, data = data_of(options, network.provenance)
    network = for_samples(network, data.shape)
    if options.out is not None:
        writable_folder(options.out)
    try:
        result = simulate.bench_simulate(
            network,
            data,
            samples=options.samples,
            divisors=() if options.growth else simulate.DIVISORS[: 1 if options.quick else None],
            scaling=not options.quick,
            memory=not options.growth,
            report=printer(options.json),
        )
    except simulate.DifferentSpikesError as error:
        print(f"brianbridge: {error}", file=sys.stderr)
        return 1
    result["provenance"]["command"] = command_line(
        ["bench", "simulate"], options.network, **options_given(options), samples=options.samples,
        quick=options.quick, growth=options.growth, **nir_options(options),
    )  # fmt: skip
    if options.out is not None:
        write_report(result, options.out)
    print(json.dumps(result, indent=2) if options.json else as_markdown(result))
    return 0


def bench_parity(options: Namespace) -> int:
    """Compare twin and Brian2 on random networks."""
    from brianbridge.bench.parity.command import run_command

    return run_command(options)
