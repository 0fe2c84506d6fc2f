"""``brianbridge bench train``: measure a step of training beside other frameworks."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from brianbridge.cli.parser import Namespace, add_command
from brianbridge.cli.printing import print_error, printer
from brianbridge.errors import InputError

__all__ = ["add_train", "bench_train"]

#: The names are checked where torch is imported anyway.
_SHAPES = ("mlp", "lenet", "cnn", "recurrent", "small")
_PEERS = ("snntorch", "norse", "spikingjelly")
_SWEEPS = ("activity", "steps", "width", "batch")


def add_train(benches: Any) -> None:
    """Add the command to the parser."""
    train = add_command(
        benches, "train", bench_train, "time a step of training beside other frameworks"
    )
    train.add_argument(
        "--model", nargs="+", choices=_SHAPES, default=["mlp"], help="networks (default: mlp)"
    )
    train.add_argument(
        "--peers", nargs="+", choices=(*_PEERS, "none"),
        help="frameworks (default: all that are installed)",
    )  # fmt: skip
    train.add_argument("--sweep", choices=_SWEEPS, help="measure at several values of this")
    train.add_argument(
        "--repeats", type=int, help="rounds of which times are medians (default: 12; quick: 5)"
    )
    train.add_argument(
        "--growth", action="store_true",
        help="measure instead how our time and memory grow with steps, width and batch",
    )  # fmt: skip
    train.add_argument("--quick", action="store_true", help="5 rounds, and no memory")
    train.add_argument(
        "--seed", type=int, default=1, help="seed of weights, spikes and labels (default: 1)"
    )
    train.add_argument("--out", type=Path, help="folder for train.json, .md and .png")


def bench_train(options: Namespace) -> int:
    """Time a step of training."""
    from brianbridge.bench import train
    from brianbridge.bench.differing import DifferentSpikesError
    from brianbridge.bench.train_report import train_as_markdown, write_train
    from brianbridge.io.atomic import writable_folder

    repeats = options.repeats if options.repeats is not None else 5 if options.quick else 12
    if repeats < 1 or options.seed < 0:
        raise InputError(
            f"--repeats {repeats} --seed {options.seed}; give at least 1 round, and a seed of at "
            "least 0"
        )
    if options.growth:
        return _growth(options, repeats if options.repeats else 3)
    peers = _peers(options.peers)
    if options.out is not None:
        writable_folder(options.out)
    try:
        result = train.bench_train(
            options.model, peers=peers, sweep=options.sweep, repeats=repeats,
            memory=not options.quick, seed=options.seed, report=printer(options.json),
        )  # fmt: skip
    except DifferentSpikesError as error:
        print(f"brianbridge: {error}", file=sys.stderr)
        return 1
    parts = ["brianbridge", "bench", "train", "--model", *options.model]
    parts += ["--peers", *(peers or ["none"])]
    parts += ["--sweep", options.sweep] if options.sweep else []
    parts += ["--quick"] if options.quick else []
    parts += ["--repeats", str(repeats), "--seed", str(options.seed)]
    result["provenance"]["command"] = shlex.join(parts)
    if options.out is not None:
        write_train(result, options.out)
    print(json.dumps(result, indent=2) if options.json else train_as_markdown(result))
    return 0


def _growth(options: Namespace, repeats: int) -> int:
    """Measure how a step of training grows."""
    from brianbridge.bench.train_growth import bench_train_growth, growth_as_markdown
    from brianbridge.io.atomic import writable_folder, write_whole

    if options.out is not None:
        writable_folder(options.out)
    result = bench_train_growth(repeats=repeats, seed=options.seed, report=printer(options.json))
    result["provenance"]["command"] = (
        f"brianbridge bench train --growth --repeats {repeats} --seed {options.seed}"
    )
    if options.out is not None:
        text = json.dumps(result, indent=2) + "\n"
        write_whole(options.out / "train_growth.json", text)
        write_whole(options.out / "train_growth.md", growth_as_markdown(result))
    print(json.dumps(result, indent=2) if options.json else growth_as_markdown(result))
    return 0


def _peers(given: Sequence[str] | None) -> list[str]:
    """Return the frameworks to measure; say in one line which are not installed."""
    from brianbridge.bench.peers import missing_peers

    missing, remedy = missing_peers(), "pip install 'brianbridge[frameworks]'"
    if given is None:
        if missing:
            print_error(f"not installed, and left out: {', '.join(missing)}; {remedy}")
        return [name for name in _PEERS if name not in missing]
    chosen = [name for name in _PEERS if name in given]
    absent = [name for name in chosen if name in missing]
    if absent:
        raise InputError(f"--peers {' '.join(absent)}: not installed; {remedy}")
    return chosen
