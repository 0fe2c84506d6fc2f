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
from brianbridge.bench.scaling import Report, encoded, scaling_of, seconds_of_batched
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
        Whether to measure, too, how time grows with samples, width and steps.
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
    given = encoded(network, data, samples)
    rows = [row for divisor in divisors for row in _rows(network, given, divisor, report)]
    result: dict[str, Any] = {
        "samples": samples,
        "rows": rows,
        "ratios": _ratios(rows),
        "input_spikes_per_sample": _input_spikes(given),
    }
    if scaling:
        result["scaling"] = scaling_of(network, data, report)
    if memory:
        peak = result["peak_memory_mb"] = peak_memory_of_simulation_mb(network, data.x, samples)
        report(f"peak memory of {samples} samples: {peak:.0f} MB")
    result["provenance"] = collect(network=network.to_dict(), dataset=data.name)
    return result


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
