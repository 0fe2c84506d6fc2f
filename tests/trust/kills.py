"""Kill commands at random moments, run them again, and compare with a run that nobody disturbed.

    python tests/trust/kills.py --kills 100 --seed 1 --jobs 2

Each scenario runs once undisturbed. Then it starts again in an empty folder, gets SIGKILL (with all
processes that it started) at a random moment, and is killed once more in every third case. Four of
five moments lie after the first file has appeared: loading the libraries takes long, and a kill
before that proves little. Whatever files are there must open. Then the same command runs
to its end; its results must be those of the undisturbed run, but for dates and durations.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from kill_scenarios import INPUTS, SCENARIOS, Scenario

#: Share of the kills before the first file.
EARLY = 0.2
#: Facts that differ between two runs of the same command.
VOLATILE = ("date", "seconds", "seconds_per_epoch", "machine", "commit")


@dataclass(frozen=True)
class Outcome:
    """Hold the outcome of one killed run.

    Parameters
    ----------
    scenario : str
        Its name.
    share : float
        When it was killed, as a share of the undisturbed run's time.
    before_any_file : bool
        Whether no file was there yet.
    problem : str
        What went wrong; empty if nothing did.
    """

    scenario: str
    share: float
    before_any_file: bool
    problem: str


def results_of(folder: Path) -> dict[str, Any]:
    """Return everything that a run left, without dates and durations, by file."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".json":
            found[name] = _settled(json.loads(path.read_text()))
        elif path.suffix == ".h5":
            with h5py.File(path, "r") as file:
                found[name] = _members(file)
        elif path.is_file():
            # Pages and checkpoints hold durations; that they are there is compared.
            found[name] = "a file"
    return found


def check_files(out: Path, keeps: str) -> None:
    """Check that an earlier file is there, and that the hidden file of a run opens.

    Raises
    ------
    RuntimeError, InputError
        If not.
    """
    from brianbridge.errors import InputError
    from brianbridge.io.spikes.file import check_spikes, read_spikes

    files = {path.name for path in out.iterdir()}
    if keeps and files - {"copy"} and keeps not in files:
        raise RuntimeError(f"'{keeps}' is lost; there are {sorted(files)}")
    partial = out / ".spikes.h5.part"
    if not (partial.exists() and partial.stat().st_size):
        return
    with suppress(InputError):  # killed after the file had its name, and before the log was removed
        check_spikes(out / "spikes.h5")
        return
    check_spikes(partial)
    if read_spikes(partial).complete:
        raise RuntimeError("a killed run calls itself complete")


def _members(file: h5py.File) -> dict[str, Any]:
    """Return datasets as bytes, texts as JSON, and the attributes that say what is there."""
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        if h5py.check_string_dtype(item.dtype) is not None:
            text = np.ravel(item[()])[0]
            found[name] = _settled(json.loads(text)) if text[:1] == b"{" else text
        else:
            found[name] = (str(item.dtype), item.shape, item[()].tobytes())

    file.visititems(visit)
    if "complete" in file.attrs:
        found["complete"] = bool(file.attrs["complete"])
    return found


def _settled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _settled(v) for key, v in value.items() if not key.endswith(VOLATILE)}
    if isinstance(value, list):
        return [_settled(entry) for entry in value]
    return value


def prepare(folder: Path) -> None:
    """Write the inputs of all scenarios."""
    for name, text in INPUTS.items():
        (folder / name).write_text(text)
    trained = folder / "trained"
    _finish(["-m", "brianbridge", "train", str(folder / "study.toml"), "--out", str(trained)])
    shutil.copy(trained / "network.h5", folder / "network.h5")
    shutil.copy(trained / "network.h5", folder / "spikes.h5")  # an earlier file, of any kind


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Timing:
    """Hold when an undisturbed run wrote its first file and when it ended, in seconds."""

    first_file: float
    end: float


def _undisturbed(arguments: Sequence[str], out: Path) -> Timing:
    """Run Python to its end and return its timing."""
    started = time.perf_counter()
    first: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.005):
            if _any_file(out):
                first.append(time.perf_counter() - started)
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        _finish(arguments)
    finally:
        ended.set()
        watcher.join()
    end = time.perf_counter() - started
    return Timing(first[0] if first else end, end)


def _any_file(folder: Path) -> bool:
    return any(path.is_file() for path in folder.rglob("*"))


def _finish(arguments: Sequence[str]) -> None:
    """Run Python to its end."""
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=_environment()
    )
    # 1 and 3 say that a rung fell short, or that the samples do not tell.
    if done.returncode not in (0, 1, 3):
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.strip()[-500:]}")


def _kill(arguments: Sequence[str], out: Path, timing: Timing, share: float) -> None:
    """Start Python, and kill it and its processes: before its first file, if `share` is below 0.2.

    A later moment counts from the first file on, so that a slower machine does not change it.
    """
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, env=_environment(),
    )  # fmt: skip
    try:
        if share < EARLY:
            process.wait(share / EARLY * timing.first_file)
            return
        while process.poll() is None and not _any_file(out):
            time.sleep(0.005)
        process.wait((share - EARLY) / (1 - EARLY) * (timing.end - timing.first_file))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def kill_and_rerun(
    scenario: Scenario, given: Path, wanted: Any, timing: Timing, shares: Sequence[float]
) -> Outcome:
    """Kill a scenario at the given shares of its time, run it to its end, and compare."""
    out = Path(tempfile.mkdtemp(prefix="kills-"))
    try:
        command = scenario.command(given, out)
        for share in shares:
            _kill(command, out, timing, share)
        before = not _any_file(out)
        problem = ""
        try:
            results_of(out)  # every file that is there opens
            check_files(out, scenario.keeps)
            _finish(command)
            found = results_of(out)
            if found != wanted:
                problem = f"differs: {_first_difference(found, wanted)}"
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        return Outcome(scenario.name, shares[0], before, problem)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _first_difference(found: Any, wanted: Any, where: str = "") -> str:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted({*found, *wanted}):
            if key not in found or key not in wanted:
                return f"{where}/{key} is {'missing' if key in wanted else 'left over'}"
            if found[key] != wanted[key]:
                return _first_difference(found[key], wanted[key], f"{where}/{key}")
    return f"{where}: {str(found)[:80]} for {str(wanted)[:80]}"


def run(
    kills: int,
    seed: int,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    scenarios: Sequence[Scenario] = SCENARIOS,
) -> list[Outcome]:
    """Kill every scenario in turn until there were so many kills."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="kills-") as base:
        given = Path(base) / "given"
        given.mkdir()
        prepare(given)
        undisturbed: dict[str, tuple[Any, Timing]] = {}
        for scenario in scenarios:
            out = Path(base) / "undisturbed" / scenario.name.replace(" ", "")
            out.mkdir(parents=True)
            timing = _undisturbed(scenario.command(given, out), out)
            undisturbed[scenario.name] = results_of(out), timing
            say(f"{scenario.name}: {timing.end:.1f} s, first file after {timing.first_file:.1f} s")
        plans = []
        for number in range(kills):
            # Two kills in every third case, so that what goes on is interrupted too.
            times = [rng.random() for _ in range(2 if number % 3 == 2 else 1)]
            plans.append((scenarios[number % len(scenarios)], times))

        def work(plan: tuple[Scenario, list[float]]) -> Outcome:
            scenario, times = plan
            outcome = kill_and_rerun(scenario, given, *undisturbed[scenario.name], times)
            if outcome.problem:
                say(f"{scenario.name}, killed at {times}: {outcome.problem}")
            return outcome

        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(work, plans))


def table(outcomes: Iterable[Outcome]) -> str:
    """Return the figures as a Markdown table."""
    every = list(outcomes)
    lines = ["| command | killed | before its first file | other result |", "|---|---|---|---|"]
    for name in dict.fromkeys(outcome.scenario for outcome in every):
        of = [outcome for outcome in every if outcome.scenario == name]
        early = sum(outcome.before_any_file for outcome in of)
        wrong = sum(bool(outcome.problem) for outcome in of)
        lines.append(f"| {name} | {len(of)} | {early} | {wrong} |")
    return "\n".join(lines)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="names of scenarios (default: all)")
    options = parser.parse_args()
    chosen = [s for s in SCENARIOS if options.only is None or s.name in options.only]
    outcomes = run(options.kills, options.seed, options.jobs, scenarios=chosen)
    print(table(outcomes))
    return int(any(outcome.problem for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
