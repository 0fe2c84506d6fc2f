"""``brianbridge bench simulate``: how long 10,000 samples take, by every way there is.

One process, one network, the same encoded input for all. Whoever does not produce the spikes of
the batched path ends the benchmark.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.bench.contestants import CONTESTANTS, Outcome, kernel
from brianbridge.datasets import Dataset
from brianbridge.encoding import Bernoulli, EncodedInput
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.provenance import collect
from brianbridge.recording import Events

__all__ = ["DifferentSpikesError", "bench_simulate", "check_same"]

Report = Callable[[str], None]
#: Brian2's steps, as divisors of the twin's.
DIVISORS = (1, 10, 100)


class DifferentSpikesError(RuntimeError):
    """Report that two paths that should produce the same spikes do not."""


def check_same(name: str, found: Outcome, reference: Outcome, sizes: dict[str, int]) -> None:
    """Refuse a contestant whose spikes are not those of the reference, for the samples of both.

    Raises
    ------
    DifferentSpikesError
        If one spike differs.
    """
    samples = min(found.samples, reference.samples)
    for population, neurons in sizes.items():
        if population not in found.events or population not in reference.events:
            continue
        ours, theirs = (
            _cells(outcome.events[population], samples, neurons) for outcome in (found, reference)
        )
        different = np.setxor1d(ours, theirs, assume_unique=True).size
        if different:
            raise DifferentSpikesError(
                f"'{name}' and the batched path differ in {different} spikes of '{population}' "
                f"over {samples} samples"
            )


def _cells(events: Events, samples: int, neurons: int) -> np.ndarray:
    # With the sample in front, a cell is the same however many samples there are.
    kept = events.sample < samples
    cell = events.sample[kept].astype(np.int64) * neurons + events.node[kept]
    return cell * (1 << 24) + events.step[kept]


def bench_simulate(
    network: SpikingNetwork,
    data: Dataset,
    *,
    samples: int = 10_000,
    divisors: Sequence[int] = DIVISORS,
    scaling: bool = True,
    file: Path | None = None,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Time every contestant on a trained network and real samples.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    data : Dataset
        Its samples, used again from the start if there are too few.
    samples : int
        How many samples are simulated.
    divisors : sequence of int
        Brian2's steps: the twin's divided by these.
    scaling : bool
        Whether to measure, too, how time grows with samples, width and steps.
    file : Path, optional
        The network's file, for the peak memory of a process of its own.
    report : callable
        Told each result as it comes.

    Returns
    -------
    dict
        Ready for JSON.

    Raises
    ------
    DifferentSpikesError
        If two paths do not produce the same spikes.
    """
    encoded = _encoded(network, data, samples)
    sizes = {p.name: p.size for p in network.firing}
    rows = []
    for divisor in divisors:
        dt = network.dt / divisor
        reference: Outcome | None = None
        latest = 0.0

        def note(name: str, outcome: Outcome, dt: float = dt) -> None:
            """Add a row; its ratio is to the batched path just before and just after it."""
            nonlocal latest
            row = _row(name, dt, outcome, samples)
            if name != "batched":
                before, latest = latest, _measured(network, encoded, dt)
                row["batched_seconds"] = (before + latest) / 2
            else:
                latest = row["seconds"]
            rows.append(row)
            report(_line(row, samples))

        for name, (contestant, limits) in CONTESTANTS.items():
            limit = limits[min(2, int(np.log10(divisor)))]
            if not limit:
                continue
            part = encoded.part(0, limit)
            outcome = contestant(network, part, dt)
            if reference is None:
                reference = outcome
            check_same(name, outcome, reference, sizes)
            note(name, outcome)
        if divisor == 1:
            assert reference is not None
            seconds = _floor(network, encoded, reference)
            note("bare accumulation", Outcome(seconds, samples, {}))
    result: dict[str, Any] = {
        "samples": samples,
        "rows": rows,
        "ratios": _ratios(rows),
        "input_spikes_per_sample": _input_spikes(encoded),
    }
    if scaling:
        result["scaling"] = {
            "samples": _over_samples(network, data, report),
            "width": _over_width(network, data, report),
            "steps": _over_steps(network, data, report),
        }
    if file is not None:
        result["peak_memory_mb"] = _peak_memory(file, data, samples)
        report(f"peak memory of {samples} samples: {result['peak_memory_mb']:.0f} MB")
    result["provenance"] = collect(network=network.to_dict(), dataset=data.name)
    return result


def _encoded(network: SpikingNetwork, data: Dataset, samples: int) -> EncodedInput:
    index = np.arange(samples)
    return network.encoding.encode(data.x[index % len(data)], index)


def _row(name: str, dt: float, outcome: Outcome, samples: int) -> dict[str, Any]:
    return {
        "name": name,
        "dt_ms": dt * 1e3,
        "measured_samples": outcome.samples,
        "seconds": outcome.seconds * samples / outcome.samples,
    }


def _line(row: dict[str, Any], samples: int) -> str:
    fewer = "" if row["measured_samples"] == samples else f" (from {row['measured_samples']})"
    batched = row.get("batched_seconds")
    beside = "" if batched is None else f", batched beside it {batched:.2f} s"
    return f"dt = {row['dt_ms']:g} ms  {row['name']:42} {row['seconds']:9.2f} s{fewer}{beside}"


def _ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return how many times longer each contestant takes than the batched path beside it."""
    return [
        {"name": r["name"], "dt_ms": r["dt_ms"], "ratio": r["seconds"] / r["batched_seconds"]}
        for r in rows
        if r["name"] != "batched"
    ]


def _floor(network: SpikingNetwork, encoded: EncodedInput, reference: Outcome) -> float:
    from brianbridge.recording import Recording

    shapes = {p.name: p.shape for p in network.firing}
    recording = Recording(
        network.dt, network.steps, encoded.samples, shapes, reference.events, np.zeros((0, 0))
    )
    return kernel(network, encoded, recording)


def _input_spikes(encoded: EncodedInput) -> float:
    raster = encoded.raster
    return 0.0 if raster is None else np.count_nonzero(raster) / encoded.samples


def _measured(network: SpikingNetwork, encoded: EncodedInput, dt: float | None = None) -> float:
    contestant, _ = CONTESTANTS["batched"]
    return contestant(network, encoded, dt or network.dt).seconds


def _over_samples(network: SpikingNetwork, data: Dataset, report: Report) -> list[dict[str, Any]]:
    points = []
    for number in (1_000, 3_000, 10_000, 30_000, 60_000):
        seconds = _measured(network, _encoded(network, data, number))
        points.append({"samples": number, "seconds": seconds})
        report(f"{number:6} samples: {seconds:.2f} s")
    return points


def _variant(network: SpikingNetwork, data: Dataset, width: int, steps: int) -> SpikingNetwork:
    """Return a network of two dense layers of the same neurons, with random weights."""
    hidden, output = network.populations[0].neuron, network.output.neuron
    encoding = Bernoulli(steps, network.dt, gain=0.2, seed=1)
    return SpikingNetwork.sequential(
        data.shape,
        [Dense(width, hidden), Dense(network.output.size, output)],
        encoding=encoding,
        readout=network.readout,
        seed=1,
    )


def _over_width(network: SpikingNetwork, data: Dataset, report: Report) -> list[dict[str, Any]]:
    points = []
    for width in (100, 400, 1_600, 6_400):
        variant = _variant(network, data, width, network.steps)
        seconds = _measured(variant, _encoded(variant, data, 1_000))
        points.append({"width": width, "seconds": seconds})
        report(f"{width:6} hidden neurons, 1,000 samples: {seconds:.2f} s")
    return points


def _over_steps(network: SpikingNetwork, data: Dataset, report: Report) -> list[dict[str, Any]]:
    points = []
    for steps in (1, 10, 100):
        variant = _variant(network, data, network.populations[0].size, steps)
        seconds = _measured(variant, _encoded(variant, data, 1_000))
        points.append({"steps": steps, "seconds": seconds})
        report(f"{steps:6} steps, 1,000 samples: {seconds:.2f} s")
    return points


# Linux tells the peak of this program alone; what getrusage tells includes that of its parent.
_PROGRAM = """
import re, sys
import numpy as np
import brianbridge as bb
network, x = bb.load_network(sys.argv[1]), np.load(sys.argv[2])
bb.simulate(network, x[np.arange(int(sys.argv[3])) % len(x)], keep=False)
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024)
"""


def _peak_memory(file: Path, data: Dataset, samples: int) -> float:
    """Return the peak memory, in MB, of a process that does nothing but simulate."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/x.npy", data.x)
        command = [sys.executable, "-c", _PROGRAM, str(file), f"{folder}/x.npy", str(samples)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
