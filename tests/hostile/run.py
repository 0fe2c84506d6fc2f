"""Run hostile files through the command line, and count what must not happen.

    python tests/hostile/run.py --cases 100000 --seed 1 --jobs 2

Each case may end with exit status 0 to 3 and at most one line of error. Counted are tracebacks
(also status 70), code that was run, more than 1 GB of memory, more than 10 seconds of processor
time, processes that died, and silent changes: a file whose bytes were changed and that is read as
if it said something else.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent))

from corpus import CANARY, KINDS, Bases, Case, make_bases, make_case

#: Seconds of processor time that a case may take; of the clock, several times as many, for the
#: machine may have other work.
SECONDS, BY_THE_CLOCK = 10.0, 300.0
MEMORY = 1_000_000_000
#: Cases that one process runs; a process that dies loses no others.
SHARE = 2_000


class _TooLongError(BaseException):
    """End a case; no handler of errors catches it."""


@dataclass(frozen=True)
class Fault:
    """Name a case that did what it must not.

    Parameters
    ----------
    seed, number : int
        Which case.
    kind : str
        Of its file.
    what : str
        What it did: ``"traceback"``, ``"code"``, ``"memory"``, ``"time"``, ``"silent"`` or
        ``"died"``.
    detail : str
        More of it.
    """

    seed: int
    number: int
    kind: str
    what: str
    detail: str


def command_of(case: Case, bases: Bases) -> list[str]:
    """Return the command that reads a case."""
    if case.kind.startswith(("network file", "spike file")):
        return ["inspect", str(case.path), "--check"]
    if "NIR file" in case.kind:
        out = str(case.path.parent / "out.h5")
        stated = ["--from", "norse", "--steps", "3", "--input", "frames"]
        return ["convert", str(case.path), out, *([] if "own" in case.kind else stated)]
    if case.kind in ("neuron", "network"):
        return ["models", str(case.path)]
    if case.kind == "study":
        return ["train", str(case.path), "--out", str(case.path.parent / "out")]
    verify = ["verify", str(bases.networks[0]), "--data", "iris", "--samples", "3"]
    return [*verify, "--ladder", str(case.path)]


def meaning(path: Path) -> Any:
    """Return all that a file says: description and arrays of a network, columns of spikes."""
    from brianbridge.io.hdf5 import file_kind
    from brianbridge.io.networks.file import load_network
    from brianbridge.io.spikes.file import read_spikes

    if file_kind(path) == "network":
        network = load_network(path)
        arrays = [
            (p.name, key, str(a.dtype), a.shape, a.tobytes())
            for p in network.projections
            for key, a in {"weight": p.weight, "bias": p.bias, **p.connection.arrays()}.items()
            if a is not None
        ]
        return network.to_dict(), network.provenance, arrays
    spikes = read_spikes(path)
    columns = ("timestamps", "node_ids", "sample", "spike_value", "t_crossing")
    return (
        spikes.complete,
        spikes.samples,
        dict(spikes.provenance),
        {
            name: (p.shape, p.dt, p.steps, [p.column(c).tobytes() for c in columns])
            for name, p in spikes.populations.items()
        },
    )


def _no_training(*_: Any, **__: Any) -> None:
    from brianbridge.errors import InputError

    raise InputError("training begins here")


def _interrupt(*_: Any) -> None:
    raise _TooLongError


def judge(case: Case, bases: Bases) -> tuple[str, str]:
    """Run a case; return what it did that it must not, and more of it; empty if nothing."""
    from brianbridge.cli import main
    from brianbridge.errors import InputError

    out, err = io.StringIO(), io.StringIO()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, BY_THE_CLOCK)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(command_of(case, bases))
        if case.base is not None and status == 0:
            with contextlib.suppress(InputError):
                if meaning(case.path) != meaning(case.base):
                    return "silent", "read as if it said something else"
    except _TooLongError:
        return "time", "over 10 s"
    except BaseException:
        return "traceback", traceback.format_exc()[-600:]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    told = err.getvalue()
    errors = [line for line in told.splitlines() if line.startswith("brianbridge: ")]
    if Path(CANARY).exists():
        Path(CANARY).unlink()
        return "code", "the canary is there"
    if status not in (0, 1, 2, 3) or "Traceback" in told:
        return "traceback", f"exit {status}: {told[-600:]}"
    if (status == 2) != (len(errors) == 1):
        return "traceback", f"exit {status}, {len(errors)} lines: {told[-300:]}"
    short = any(text in told for text in ("not enough memory", "Unable to allocate"))
    return ("memory", told[-300:]) if short else ("", "")


def _prepared(base: Path, cache: str) -> Bases:
    """Import all that cases need, write the bases, and bound this process's memory."""
    os.chdir(base)
    os.environ["XDG_CACHE_HOME"] = cache
    from brianbridge.cli import main

    bases = make_bases(base)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        main(["inspect", str(bases.networks[0])])
        main(["inspect", str(bases.foreign[0]), "--from", "norse"])
        main(["verify", str(bases.networks[0]), "--data", "iris", "--samples", "3"])
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.signal(signal.SIGPROF, _interrupt)
    signal.signal(signal.SIGALRM, _interrupt)
    return bases


def _run_share(numbers: range, seed: int, cache: str, results: Any) -> None:
    """Run cases in a process of their own, and send what each did; first, that it is ready."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as text:
        base = Path(text)
        bases = _prepared(base, cache)
        results.send(None)
        with patch("brianbridge.study.train.train", _no_training):
            for number in numbers:
                folder = base / "case"
                folder.mkdir()
                case = make_case(bases, folder, seed, number)
                started = time.perf_counter()
                what, detail = judge(case, bases)
                results.send((number, case.kind, what, detail, time.perf_counter() - started))
                shutil.rmtree(folder)
        os.chdir("/")


def run(
    cases: int, seed: int, jobs: int = 1, say: Callable[[str], None] = print, first: int = 0
) -> tuple[Counter[str], list[Fault]]:
    """Run cases; return how many of each kind there were, and what must not have happened."""
    context = multiprocessing.get_context("spawn")
    cache = tempfile.TemporaryDirectory(prefix="hostile-cache-")  # of compiled code, for all
    todo = [
        range(low, min(low + SHARE, first + cases)) for low in range(first, first + cases, SHARE)
    ]
    counts: Counter[str] = Counter()
    faults: list[Fault] = []
    running: list[tuple[Any, Any, range]] = []

    def start(numbers: range) -> None:
        here, there = context.Pipe(duplex=False)
        process = context.Process(
            target=_run_share, args=(numbers, seed, cache.name, there), daemon=True
        )
        process.start()
        there.close()
        running.append((process, here, numbers))

    def collect(process: Any, here: Any, numbers: range) -> None:
        done = numbers.start
        for number, kind, what, detail, _ in _received(here, process):
            counts[kind] += 1
            done = number + 1
            if what:
                faults.append(Fault(seed, number, kind, what, detail))
                say(f"--seed {seed} --first {number} --cases 1: {kind}: {what}: {detail}")
        process.join()
        if done < numbers.stop:
            kind = KINDS[done % len(KINDS)]
            what = "time" if process.exitcode == -signal.SIGKILL else "died"
            faults.append(Fault(seed, done, kind, what, f"exit status {process.exitcode}"))
            counts[kind] += 1
            say(f"--seed {seed} --first {done} --cases 1: {kind}: {what}: {process.exitcode}")
            if done + 1 < numbers.stop:
                todo.insert(0, range(done + 1, numbers.stop))

    with cache:
        while todo or running:
            while todo and len(running) < jobs:
                start(todo.pop(0))
            collect(*running.pop(0))
    return counts, faults


def _received(here: Any, process: Any) -> Iterator[tuple[int, str, str, str, float]]:
    """Yield what a process sends; kill one that is silent for long, in code that no alarm ends."""
    patience = 600.0  # until it is ready: it may have to compile
    while here.poll(patience):
        try:
            result = here.recv()
        except EOFError:
            return
        patience = 2 * BY_THE_CLOCK
        if result is not None:
            yield result
    process.kill()


def table(counts: Counter[str], faults: list[Fault]) -> str:
    """Return the figures as a Markdown table."""
    kinds = ("traceback", "code", "memory", "time", "silent", "died")
    lines = [f"| file | cases | {' | '.join(kinds)} |", "|---" * (len(kinds) + 2) + "|"]
    for kind in sorted(counts):
        found = Counter(fault.what for fault in faults if fault.kind == kind)
        lines.append(f"| {kind} | {counts[kind]:,} | {' | '.join(str(found[k]) for k in kinds)} |")
    total = Counter(fault.what for fault in faults)
    lines.append(f"| all | {counts.total():,} | {' | '.join(str(total[k]) for k in kinds)} |")
    return "\n".join(lines)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    started = time.perf_counter()
    counts, faults = run(options.cases, options.seed, options.jobs, first=options.first)
    print(table(counts, faults))
    print(f"{time.perf_counter() - started:.0f} s")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
