"""``brianbridge bench simulate``: the time for 10,000 samples, on every path.

All contestants run in one process, with the same network and the same encoded input. The benchmark
ends with an error if one of them does not produce the spikes of the batched path.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from brianbridge.bench.comparison import check_same
from brianbridge.bench.contestants import CONTESTANTS, Outcome, kernel
from brianbridge.bench.differing import DifferentSpikesError
from brianbridge.bench.memory import peak_memory_of_simulation_mb
from brianbridge.bench.regimes import (
    at_high_activity,
    charged,
    charged_line,
    hidden_spikes,
)
from brianbridge.bench.scaling import (
    Report,
    bytes_per_spike,
    encoded,
    scaling_of,
    seconds_of_batched,
)
from brianbridge.datasets import Dataset
from brianbridge.encoding import EncodedInput
from brianbridge.network import SpikingNetwork
from brianbridge.provenance import collect
from brianbridge.recording import Recording

__all__ = ["DIVISORS", "DifferentSpikesError", "bench_simulate"]

Row = dict[str, Any]
#: Brian2's steps, as divisors of the twin's.
DIVISORS = (1, 10, 100)


def bench_simulate(
    network: SpikingNetwork,
    data: Dataset,
    *,
    samples: int = 10_000,
    divisors: Sequence[int] = DIVISORS,
    scaling: bool = True,
    memory: bool = False,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Measure the time of every contestant on a trained network and real samples.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    data : Dataset
        The samples, repeated if there are too few.
    samples : int
        Number of samples to simulate.
    divisors : sequence of int
        Divisors of the twin's step, which give Brian2's steps.
    scaling : bool
        Whether to measure, too, how time grows with samples, steps and neurons, and memory with
        spikes.
    memory : bool
        Whether to measure the peak memory of a process that only simulates.
    report : callable
        Called with one line for each result.

    Returns
    -------
    dict
        The results, ready for JSON.

    Raises
    ------
    DifferentSpikesError
        If two paths do not produce the same spikes.
    """
    x = data.x[np.arange(samples) % len(data)]
    given = encoded(network, data, samples)
    result: dict[str, Any] = {"samples": samples, "input_spikes_per_sample": _input_spikes(given)}
    result |= _regime(network, x, given, divisors, report)
    if divisors and result["input_spikes_per_sample"]:
        busy = at_high_activity(network, x)
        report(f"high activity: {hidden_spikes(busy, x):.0f} hidden spikes a sample")
        result["high_activity"] = _regime(busy, x, given, divisors[:1], report)
    if scaling:
        result["scaling"] = scaling_of(network, data, report)
        result["bytes_per_spike"] = bytes_per_spike(network, data, max(samples, 2))
        report(f"{result['bytes_per_spike']:.1f} bytes of peak memory for each spike that is kept")
    if memory:
        peak = result["peak_memory_mb"] = peak_memory_of_simulation_mb(network, data.x, samples)
        report(f"peak memory of {samples} samples: {peak:.0f} MB")
    result["provenance"] = collect(network=network.to_dict(), dataset=data.name)
    return result


def _regime(
    network: SpikingNetwork, x: np.ndarray, given: EncodedInput, divisors: Sequence[int],
    report: Report,
) -> dict[str, Any]:  # fmt: skip
    """Return the rows and ratios of a network, and its times with encoding."""
    rows, with_encoding = [], []
    for divisor in divisors:
        here = _rows(network, given, divisor, report)
        with_encoding.append(charged(network, x, here, divisor))
        report(charged_line(with_encoding[-1]))
        rows += here
    return {
        "hidden_spikes_per_sample": hidden_spikes(network, x) if rows else 0.0,
        "rows": rows, "ratios": _ratios(rows), "with_encoding": with_encoding,
    }  # fmt: skip


def _rows(network: SpikingNetwork, given: EncodedInput, divisor: int, report: Report) -> list[Row]:
    """Return a row for each contestant at one step of Brian2."""
    dt, samples = network.dt / divisor, given.samples
    rows: list[Row] = []
    batched = 0.0
    for name, outcome in _outcomes(network, given, divisor):
        row = _row(name, dt, outcome, samples)
        if name == "batched":
            batched = row["seconds"]
        else:
            # The ratio is to the batched path just before and just after the contestant.
            before, batched = batched, seconds_of_batched(network, given, dt)
            row["batched_seconds"] = (before + batched) / 2
        rows.append(row)
        report(_line(row, samples))
    return rows


def _outcomes(
    network: SpikingNetwork, given: EncodedInput, divisor: int
) -> Iterator[tuple[str, Outcome]]:
    """Yield the name and the outcome of each contestant; the batched path is the first."""
    sizes = {p.name: p.size for p in network.firing}
    reference: Outcome | None = None
    for name, (contestant, limits) in CONTESTANTS.items():
        limit = limits[min(2, int(np.log10(divisor)))]
        if not limit:
            continue
        outcome = contestant(network, given.part(0, limit), network.dt / divisor)
        reference = reference or outcome
        check_same(name, outcome, reference, sizes)
        yield name, outcome
    if divisor == 1:
        assert reference is not None
        seconds = _bare_accumulation(network, given, reference)
        yield "bare accumulation", Outcome(seconds, given.samples, {})


def _row(name: str, dt: float, outcome: Outcome, samples: int) -> Row:
    return {
        "name": name,
        "dt_ms": dt * 1e3,
        "measured_samples": outcome.samples,
        "seconds": outcome.seconds * samples / outcome.samples,
    }


def _line(row: Row, samples: int) -> str:
    fewer = "" if row["measured_samples"] == samples else f" (from {row['measured_samples']})"
    batched = row.get("batched_seconds")
    beside = "" if batched is None else f", batched beside it {batched:.2f} s"
    return f"dt = {row['dt_ms']:g} ms  {row['name']:42} {row['seconds']:9.2f} s{fewer}{beside}"


def _ratios(rows: list[Row]) -> list[Row]:
    """Return how many times longer each contestant takes than the batched path."""
    return [
        {"name": r["name"], "dt_ms": r["dt_ms"], "ratio": r["seconds"] / r["batched_seconds"]}
        for r in rows
        if r["name"] != "batched"
    ]


def _bare_accumulation(network: SpikingNetwork, given: EncodedInput, reference: Outcome) -> float:
    """Return the time of adding the weights of all spikes and nothing else, in seconds."""
    shapes = {p.name: p.shape for p in network.firing}
    recording = Recording(
        network.dt, network.steps, given.samples, shapes, reference.events, np.zeros((0, 0))
    )
    return kernel(network, given, recording)


def _input_spikes(given: EncodedInput) -> float:
    raster = given.raster
    return 0.0 if raster is None else np.count_nonzero(raster) / given.samples
