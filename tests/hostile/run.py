"""Run hostile files through the command line, and count what must not happen.

    python tests/hostile/run.py --cases 100000 --seed 1 --jobs 2

Each case may end with exit status 0 to 3 and at most one line of error. Counted are tracebacks
(also status 70), code that was run, more than 1 GB of memory of the process with all its imports
(a file may use 256 MB: `BRIANBRIDGE_MEMORY`), more than 10 seconds of processor time, processes
that died, and silent changes: a file whose bytes were changed and that is read as if it said
something else.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent))

from corpus import CANARY, KINDS, Case, make_case
from hostile_bases import Bases, make_bases

#: Seconds of processor time that a case may take; of the clock, several times as many, for the
#: machine may have other work.
SECONDS, BY_THE_CLOCK = 10.0, 300.0
#: Bytes that a process may take with all its imports, and megabytes that it may take for a file.
MEMORY, MEGABYTES = 1_000_000_000, 256
#: Cases that one process runs; a process that dies loses no others. Imports take half a minute.
SHARE = 5_000


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
    if case.kind.startswith("npz file"):
        return ["verify", str(bases.networks[0]), "--data", str(case.path), "--samples", "3"]
    if case.kind.startswith(("SONATA", "CSV", "Parquet", "NWB")):
        out = "out.csv" if "members" in case.kind else "out.h5"
        step = ["--dt", "0.1 ms"] if "SONATA" in case.kind else []
        return ["spikes", "convert", str(case.path), str(case.path.parent / out), *step]
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


def _shortcuts() -> dict[str, Any]:
    """Return what cases need not do each anew: training, the parser of arguments, and git."""
    from brianbridge import cli

    return {
        "brianbridge.study.train.train": _no_training,
        "brianbridge.cli.command_parser": functools.cache(cli.command_parser),
        "brianbridge.provenance._commit": lambda *_: None,
    }


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


def peak_memory() -> int:
    """Return the most memory of this process since the last call, in bytes."""
    status = Path("/proc/self/status").read_text()
    Path("/proc/self/clear_refs").write_text("5")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def _prepared(base: Path, cache: str) -> Bases:
    """Import all that cases need, write the bases, and bound this process's memory."""
    os.chdir(base)
    os.environ["XDG_CACHE_HOME"] = cache
    os.environ["BRIANBRIDGE_MEMORY"] = str(MEGABYTES)
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
        with contextlib.ExitStack() as patches:
            for target, other in _shortcuts().items():
                patches.enter_context(patch(target, other))
            for number in numbers:
                folder = base / "case"
                folder.mkdir()
                case = make_case(bases, folder, seed, number)
                peak_memory()
                what, detail = judge(case, bases)
                if (peak := peak_memory()) > MEMORY and not what:
                    what, detail = "memory", f"{peak / 1e6:.0f} MB"
                results.send((number, case.kind, what, detail, peak))
                shutil.rmtree(folder)
        os.chdir("/")


def run(
    cases: int, seed: int, jobs: int = 1, say: Callable[[str], None] = print, first: int = 0
) -> tuple[Counter[str], list[Fault], int]:
    """Run cases; return the number of each kind, what must not have happened, and most memory."""
    shares = [
        range(low, min(low + SHARE, first + cases)) for low in range(first, first + cases, SHARE)
    ]
    counts: Counter[str] = Counter()
    faults: list[Fault] = []
    peaks = [0]
    # A thread for each process: one that nobody listens to stands still when its pipe is full.
    with (
        tempfile.TemporaryDirectory(prefix="hostile-cache-") as cache,  # of compiled code, for all
        ThreadPoolExecutor(jobs) as pool,
    ):
        for results in pool.map(lambda numbers: _results(numbers, seed, cache, say), shares):
            for number, kind, what, detail, peak in results:
                counts[kind] += 1
                peaks.append(peak)
                if what:
                    faults.append(Fault(seed, number, kind, what, detail))
    return counts, faults, max(peaks)


def _results(
    numbers: range, seed: int, cache: str, say: Callable[[str], None]
) -> list[tuple[int, str, str, str, int]]:
    """Run cases in a process, and those after one in which it dies in another."""
    context = multiprocessing.get_context("spawn")
    found: list[tuple[int, str, str, str, int]] = []

    def add(number: int, kind: str, what: str, detail: str, peak: int) -> None:
        found.append((number, kind, what, detail, peak))
        if what:
            say(f"--seed {seed} --first {number} --cases 1: {kind}: {what}: {detail}")

    while left := numbers[len(found) :]:
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_run_share, args=(left, seed, cache, there), daemon=True)
        process.start()
        there.close()
        for result in _received(here, process):
            add(*result)
        process.join()
        if len(found) < len(numbers):
            number = numbers[len(found)]
            what = "time" if process.exitcode == -signal.SIGKILL else "died"
            add(number, KINDS[number % len(KINDS)], what, f"exit status {process.exitcode}", 0)
    say(f"{len(found):,} cases from {numbers.start:,} are done")
    return found


def _received(here: Any, process: Any) -> Iterator[tuple[int, str, str, str, int]]:
    """Yield what a process sends; kill one that is silent for long, in code that no alarm ends."""
    patience = 3600.0  # until it is ready: it may have to compile, on a machine with other work
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
    counts, faults, peak = run(options.cases, options.seed, options.jobs, first=options.first)
    print(table(counts, faults))
    print(f"most memory of a process: {peak / 1e6:.0f} MB; {time.perf_counter() - started:.0f} s")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
