"""``brianbridge bench own``: one presentation of a user's own network, beside plain Brian2.

Each size runs in fresh processes: one in which plain Brian2 and brianbridge take turns, for the
times, and one for each of them alone, for the memory; so what simulates is imported late. Times are
CPU seconds, which other programs disturb less. The benchmark ends with an error if any spike
differs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.bench.differing import DifferentSpikesError
from brianbridge.bench.fresh_process import in_fresh_process
from brianbridge.bench.memory import peak_memory_mb
from brianbridge.bench.own_network import DT, random_network
from brianbridge.provenance import collect

__all__ = ["SIZES", "bench_own"]

Row = dict[str, Any]
#: Numbers of neurons.
SIZES = (4_000, 16_000, 64_000, 256_000)
#: Neurons of the network that is written to a file, and of the one that warms up.
_STREAMED, _SMALL = 10_000, 100


def bench_own(
    sizes: Sequence[int] = SIZES,
    *,
    synapses: int = 120,
    seconds: float = 0.2,
    rounds: int = 5,
    stream: float = 0.0,
    seed: int = 1,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure time and memory of one presentation of random networks.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of neurons.
    synapses : int
        Number of synapses from each neuron.
    seconds : float
        Length of a presentation, in biological seconds.
    rounds : int
        Number of presentations by each, after the first.
    stream : float
        Biological seconds that are written to a spike file, to see whether memory grows; 0 leaves
        this out.
    seed : int
        Seed of the networks.
    report : callable
        Called with one line for each result.

    Returns
    -------
    dict
        The results, ready for JSON.

    Raises
    ------
    DifferentSpikesError
        If any spike differs.

    Examples
    --------
    >>> result = bench_own([200], seconds=0.01, rounds=1)     # doctest: +SKIP
    >>> result["rows"][0]["differing_spikes"]                 # doctest: +SKIP
    0
    """
    rows = []
    for neurons in sizes:
        how = (neurons, synapses, seconds, seed)
        row = {"neurons": neurons, "synapses": neurons * synapses}
        row |= in_fresh_process(_times, *how, rounds)
        for name, alone in (("plain", _plain_alone), ("ours", _ours_alone)):
            row[f"{name}_mb"] = in_fresh_process(alone, *how)
        rows.append(row)
        report(_line(row))
        if row["differing_spikes"]:
            raise DifferentSpikesError(
                f"brianbridge and plain Brian2 differ in {row['differing_spikes']} of "
                f"{row['spikes']} spikes of {neurons} neurons"
            )
    result: dict[str, Any] = {"rows": rows, "seconds": seconds, "rounds": rounds, "seed": seed}
    if stream:
        result["stream"] = [
            in_fresh_process(_streamed, length, synapses, seed) for length in (stream / 10, stream)
        ]
        for row in result["stream"]:
            report(_stream_line(row))
    result["provenance"] = collect(seed=seed)
    return result


def _cpu_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def _times(neurons: int, synapses: int, seconds: float, seed: int, rounds: int) -> Row:
    """Return the times of both, which take turns; the first presentation is apart."""
    from brianbridge.simulation.reader.from_brian2 import from_brian2
    from brianbridge.simulation.simulate import simulate

    small = random_network(_SMALL, synapses, seed)
    # Imports and compilers are then ready for both.
    simulate(from_brian2(small.brian2, steps=round(seconds / DT)), None)
    small.run(seconds)
    mine = random_network(neurons, synapses, seed)
    mine.brian2.store()
    reading, net = _cpu_seconds(lambda: from_brian2(mine.brian2, steps=round(seconds / DT)))
    plain, ours = [], []
    for _ in range(rounds + 1):
        mine.brian2.restore()
        plain.append(_cpu_seconds(lambda: mine.run(seconds))[0])
        took, recording = _cpu_seconds(lambda: simulate(net, None))
        ours.append(took)
    wanted, found = mine.events(), recording.events("cells")
    different = np.setxor1d(wanted.cells(1, neurons), found.cells(1, neurons))
    return {
        "reading": reading,
        "plain_first": plain[0],
        "ours_first": ours[0],
        "plain": float(np.median(plain[1:])),
        "ours": float(np.median(ours[1:])),
        "ratio": float(np.median(np.divide(ours[1:], plain[1:]))),
        "spikes": len(wanted),
        "differing_spikes": int(different.size),
    }


def _plain_alone(neurons: int, synapses: int, seconds: float, seed: int) -> float | None:
    """Return the peak memory of plain Brian2, in MB."""
    random_network(neurons, synapses, seed).run(seconds)
    return peak_memory_mb()


def _ours_alone(neurons: int, synapses: int, seconds: float, seed: int) -> float | None:
    """Return the peak memory of reading and simulating; it includes the user's objects."""
    from brianbridge.simulation.reader.from_brian2 import from_brian2
    from brianbridge.simulation.simulate import simulate

    mine = random_network(neurons, synapses, seed)
    simulate(from_brian2(mine.brian2, steps=round(seconds / DT)), None)
    return peak_memory_mb()


def _streamed(seconds: float, synapses: int, seed: int) -> Row:
    """Write the spikes of a long presentation to a file; return the peak memory."""
    from brianbridge.simulation.reader.from_brian2 import from_brian2
    from brianbridge.simulation.simulate import simulate

    mine = random_network(_STREAMED, synapses, seed)
    net = from_brian2(mine.brian2, steps=round(seconds / DT))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spikes.h5"
        took, recording = _cpu_seconds(lambda: simulate(net, None, spikes=file))
        written = file.stat().st_size / 1e6
    return {
        "neurons": _STREAMED,
        "biological_seconds": seconds,
        "seconds": took,
        "spikes": int(recording.output.sum()),
        "file_mb": written,
        "peak_mb": peak_memory_mb(),
    }


def _line(row: Row) -> str:
    return (
        f"{row['neurons']:9,} neurons: plain {row['plain']:.2f} s, ours {row['ours']:.2f} s "
        f"(first {row['plain_first']:.2f} and {row['ours_first']:.2f} s), "
        f"memory {row['plain_mb']:.0f} and {row['ours_mb']:.0f} MB, {row['spikes']:,} spikes"
    )


def _stream_line(row: Row) -> str:
    return (
        f"{row['biological_seconds']:g} s of {row['neurons']:,} neurons, written to a file: "
        f"{row['seconds']:.0f} s, peak memory {row['peak_mb']:.0f} MB, {row['spikes']:,} spikes"
    )
