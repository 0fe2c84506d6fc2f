"""Compare Bernoulli draws from counters with those of NumPy's generators.

    python studies/benchmarks/encoding.py [--samples N] [--rounds N]

Both turn the same images of 784 pixels into the same kind of int8 raster, in chunks of 500 images,
as a simulation does. NumPy's way is that of brianbridge before: one generator for each sample, and
uniform numbers compared with the probabilities. The runs alternate, and the ratio is the median
over pairs of them. `dense` images have no dark pixel; of `dark` ones four fifths are dark. The
listed spikes are what the batched path takes: NumPy's way has to look for them in its raster.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from brianbridge.encoding import Bernoulli
from brianbridge.provenance import collect
from brianbridge.simulation.batched.spikes import from_dense

RESULTS = Path(__file__).parents[1] / "results"
PIXELS, CHUNK, DARK = 784, 500, 0.8
ACTIVITIES = {"dense": (0.01, 0.13, 0.5), "dark": (0.01, 0.13)}


def images(samples: int, activity: float, kind: str) -> np.ndarray:
    """Return images whose pixels fire with this probability on average."""
    random = np.random.default_rng(0)
    x = 2 * activity * random.random((samples, PIXELS))
    return x if kind == "dense" else np.minimum(x * (random.random(x.shape) > DARK) / (1 - DARK), 1)


def by_numpy(x: np.ndarray, index: np.ndarray, steps: int) -> np.ndarray:
    """Draw by one generator of NumPy for each sample."""
    raster = np.empty((steps, *x.shape), np.int8)
    sign = np.sign(x).astype(np.int8)
    for position, number in enumerate(index):
        uniform = np.random.default_rng((0, 0, int(number))).random((steps, x.shape[1]))
        raster[:, position] = (uniform < x[position]) * sign[position]
    return raster


def by_counters(x: np.ndarray, index: np.ndarray, steps: int) -> np.ndarray:
    """Draw as brianbridge does."""
    return Bernoulli(steps).encode(x, index).raster


def listed_by_numpy(x: np.ndarray, index: np.ndarray, steps: int) -> int:
    """Draw by NumPy, and return the number of spikes, which are looked for in the raster."""
    raster = by_numpy(x, index, steps)
    return sum(len(from_dense(step, np.empty(0), False)[1]) for step in raster)


def listed_by_counters(x: np.ndarray, index: np.ndarray, steps: int) -> int:
    """Return the number of spikes, which are listed without a raster."""
    events = Bernoulli(steps).events(x, index)
    assert events is not None
    return sum(len(node) for _, node in events)


def chunks(x: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the images and numbers of each chunk."""
    for low in range(0, len(x), CHUNK):
        part = x[low : low + CHUNK]
        yield part, np.arange(low, low + len(part))


def seconds(draw: Callable[..., object], x: np.ndarray, steps: int) -> float:
    """Return the seconds that drawing all images takes."""
    started = time.perf_counter()
    for part, index in chunks(x):
        draw(part, index, steps)
    return time.perf_counter() - started


def compare(kind: str, activity: float, steps: int, samples: int, rounds: int) -> dict[str, object]:
    """Return the seconds and the ratio of both ways, as rasters and as lists."""
    x = images(samples, activity, kind)
    first, index = x[:CHUNK], np.arange(min(CHUNK, samples))
    ours, theirs = (draw(first, index, steps).mean() for draw in (by_counters, by_numpy))
    assert abs(ours - theirs) < 0.02 * theirs, "the two ways differ in their means"
    listed_by_counters(first, index, steps)  # compiles
    row: dict[str, object] = {
        "images": kind, "activity": round(float(x.mean()), 3), "steps": steps, "samples": samples,
    }  # fmt: skip
    for what, numpy, counters in (
        ("raster", by_numpy, by_counters),
        ("list", listed_by_numpy, listed_by_counters),
    ):
        pairs = np.array(
            [(seconds(numpy, x, steps), seconds(counters, x, steps)) for _ in range(rounds)]
        )
        row[f"{what}_numpy_s"], row[f"{what}_s"] = (round(float(s), 3) for s in np.median(pairs, 0))
        row[f"{what}_ratio"] = round(float(np.median(pairs[:, 0] / pairs[:, 1])), 1)
    return row


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for steps, samples in ((10, options.samples), (100, max(1, options.samples // 10))):
        for kind, activities in ACTIVITIES.items():
            for activity in activities:
                rows.append(compare(kind, activity, steps, samples, options.rounds))
                print(rows[-1], flush=True)
    provenance = collect(
        command="python studies/benchmarks/encoding.py "
        f"--samples {options.samples} --rounds {options.rounds}",
        seed=0,
    )
    RESULTS.mkdir(exist_ok=True)
    result = {"rows": rows, "provenance": provenance}
    (RESULTS / "encoding.json").write_text(json.dumps(result, indent=2) + "\n")
    lines = [
        "# Bernoulli draws from counters and from NumPy's generators", "",
        f"`{provenance['command']}`, {provenance['date']}, "
        f"{provenance['machine']['cores']} cores, {provenance['machine']['processor']}. "
        f"{PIXELS} pixels, one thread, chunks of {CHUNK} images. Times are medians, and ratios are "
        "medians over pairs of alternating runs: how many times faster the counters are. Of `dark` "
        f"images {DARK:.0%} of the pixels are dark.", "",
        "| images | activity | steps | samples | raster: NumPy / ours (s) | ratio "
        "| list: NumPy / ours (s) | ratio |", "|" + "---|" * 8,
    ]  # fmt: skip
    for row in rows:
        lines.append(
            f"| {row['images']} | {row['activity']:.1%} | {row['steps']} | {row['samples']:,} "
            f"| {row['raster_numpy_s']} / {row['raster_s']} | {row['raster_ratio']} "
            f"| {row['list_numpy_s']} / {row['list_s']} | {row['list_ratio']} |"
        )
    (RESULTS / "encoding.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
