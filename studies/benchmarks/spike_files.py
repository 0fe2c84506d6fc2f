"""Measure how fast spikes are written to files, and how much memory and disk that takes.

    python studies/benchmarks/spike_files.py [--spikes 10000000]

Spikes of 2,000 neurons arrive in batches of 200,000, in order of sample, step and neuron. Each
writer runs in a fresh process: ours; bare h5py with the same four columns, resized for each batch,
without filters and with gzip; then `convert_spikes` from our file to NWB, Parquet and CSV, and a
block of Neo, of a hundredth of the spikes. Bytes are on the disk when the time ends. Memory is the
most that the process held, beyond what it held before; the disk is the most in the folder, over the
final size. Ours should write at half the rate of bare h5py or better, with at most 300 MB and 1.3
times the size. Linux only. Writes studies/results/spike_files.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import brianbridge as bb
from brianbridge.bench.memory import peak_memory_mb, resident_memory_mb
from brianbridge.io.atomic import write_whole
from brianbridge.provenance import collect
from brianbridge.recording import Events, Recording

RESULTS = Path(__file__).parents[1] / "results"
BATCH, NEURONS, STEPS, SAMPLES = 200_000, 2000, 100, 100
MOST_MB, MOST_DISK, LEAST_RATE = 300.0, 1.3, 0.5
GZIP = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def batches(number: int) -> list[Recording]:
    """Return a few batches that take turns."""
    rng = np.random.default_rng(0)
    shape = (SAMPLES, STEPS, NEURONS)
    found = []
    for _ in range(4):
        cell = np.sort(rng.choice(SAMPLES * STEPS * NEURONS, BATCH, replace=False))
        sample, step, node = (i.astype(np.int32) for i in np.unravel_index(cell, shape))
        events = Events(sample, node, step, np.ones(BATCH, np.int8), 1e-3)
        nothing = np.zeros((SAMPLES, 0))
        found.append(Recording(1e-3, STEPS, SAMPLES, {"a": (NEURONS,)}, {"a": events}, nothing))
    return [found[i % 4] for i in range(number // BATCH)]


def ours(given: list[Recording], folder: Path) -> Path:
    """Write a spike file."""
    with bb.io.SpikeFileWriter(folder / "s.h5", {"a": (NEURONS,)}, 1e-3, STEPS) as file:
        for recording in given:
            file.append(recording)
    return folder / "s.h5"


def bare(given: list[Recording], folder: Path, **storage: Any) -> Path:
    """Write the same columns with h5py alone."""
    path = folder / "bare.h5"
    types = {"timestamps": "f8", "node_ids": "u8", "sample": "u4", "spike_value": "i2"}
    with h5py.File(path, "w") as file:
        for name, dtype in types.items():
            file.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(16_384,), **storage)
        for number, recording in enumerate(given):
            events, low = recording.events("a"), number * BATCH
            values = (events.step * 1.0, events.node, events.sample, events.value)
            for name, column in zip(types, values, strict=True):
                file[name].resize((low + BATCH,))
                file[name][low:] = column
    descriptor = os.open(path, os.O_RDWR)
    os.fsync(descriptor)
    os.close(descriptor)
    return path


def converted(ending: str) -> Callable[[list[Recording], Path], Path]:
    """Return a function that converts our file."""

    def write(_: list[Recording], folder: Path) -> Path:
        bb.io.convert_spikes(folder.parent / "given.h5", folder / f"s.{ending}")
        return folder / f"s.{ending}"

    return write


def neo_block(given: list[Recording], folder: Path) -> Path:
    """Make a block of a hundredth of the spikes; Neo has no file that is written here."""
    part = given[0].of_samples(0, max(1, SAMPLES * len(given) // 100))
    assert len(bb.io.to_neo(part).segments) == part.samples
    (folder / "none").touch()
    return folder / "none"


WRITERS: dict[str, Callable[..., Path]] = {
    "brianbridge": ours,
    "h5py": bare,
    "h5py, gzip": lambda given, folder: bare(given, folder, **GZIP),
    "NWB, from our file": converted("nwb"),
    "Parquet, from our file": converted("parquet"),
    "CSV, from our file": converted("csv"),
    "Neo, in memory, a hundredth": neo_block,
}


def measured(name: str, number: int, folder: Path) -> dict[str, Any]:
    """Write in this process, and return what it took."""
    given, out = batches(number), folder / "out"
    out.mkdir()
    disk, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            try:
                disk[0] = max(disk[0], sum(p.stat().st_blocks * 512 for p in out.iterdir()))
            except FileNotFoundError:
                continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = resident_memory_mb() or 0.0
    started, used = time.perf_counter(), time.process_time()
    path = WRITERS[name](given, out)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    ended.set()
    watcher.join()
    size = path.stat().st_size
    return {
        "writer": name, "spikes": number // (100 if "hundredth" in name else 1),
        "seconds": seconds, "cpu_seconds": used, "size_mb": size / 1e6,
        "memory_mb": (peak_memory_mb() or 0.0) - before,
        "disk": disk[0] / size if size else None,
    }  # fmt: skip


def in_a_process(name: str, number: int) -> dict[str, Any]:
    """Return what a fresh process measures."""
    with tempfile.TemporaryDirectory() as folder:
        if "our file" in name:
            ours(batches(number), Path(folder)).rename(Path(folder) / "given.h5")
        words = ["--writer", name, "--spikes", str(number), "--folder", folder]
        command = [sys.executable, __file__, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(rows: list[dict[str, Any]]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| writer | spikes | seconds | processor seconds | million a second | size (MB) "
        "| memory (MB) | disk, over size |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        disk = "" if row["disk"] is None else f"{row['disk']:.2f}"
        rate = row["spikes"] / row["seconds"] / 1e6
        lines.append(
            f"| {row['writer']} | {row['spikes']:,} | {row['seconds']:.2f} "
            f"| {row['cpu_seconds']:.2f} | {rate:.2f} | {row['size_mb']:.1f} "
            f"| {row['memory_mb']:.0f} | {disk} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spikes", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--writer", choices=WRITERS, help="only this, in this process")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.writer:
        print(json.dumps(measured(options.writer, options.spikes, options.folder)))
        return 0
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in WRITERS}
    for number in range(options.rounds):  # in turns, as others may use the machine
        for name in list(WRITERS)[: 3 if number else None]:
            runs[name].append(in_a_process(name, options.spikes))
    rows = [min(of, key=lambda run: run["seconds"]) for of in runs.values()]
    by = {row["writer"]: row for row in rows}
    one = by["brianbridge"]
    rates = {name: by[name]["seconds"] / one["seconds"] for name in ("h5py", "h5py, gzip")}
    text = (
        f"# Writing {options.spikes:,} spikes\n\n{table(rows)}\n\n"
        f"Our rate is {rates['h5py']:.2f} times that of h5py without filters, and "
        f"{rates['h5py, gzip']:.2f} times that of h5py with gzip (best of {options.rounds}).\n"
        f"Bounds: {LEAST_RATE} times, {MOST_MB:.0f} MB, {MOST_DISK} times the size on disk.\n"
    )
    print(text)
    entry = {"rows": rows, "rates": rates, "provenance": collect()}
    write_whole(RESULTS / "spike_files.json", json.dumps(entry, indent=1) + "\n")
    write_whole(RESULTS / "spike_files.md", text)
    held = one["memory_mb"] <= MOST_MB and one["disk"] <= MOST_DISK
    return 0 if held and rates["h5py"] >= LEAST_RATE else 1


if __name__ == "__main__":
    sys.exit(main())
