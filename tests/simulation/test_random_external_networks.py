"""Networks with random sources, currents in time and regular code: twin, Brian2 and batched path.

Each network is run as its user runs it. Spikes of Poisson groups are recorded there and replayed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brian2 import (
    Hz,
    Network,
    PoissonGroup,
    SpikeGeneratorGroup,
    Synapses,
    TimedArray,
    ms,
    seed,
)
from brian2_objects import cells
from external_sources import check_all_paths, own_spikes

import brianbridge as bb

STEPS = 200


def generator(draw: np.random.Generator, name: str) -> SpikeGeneratorGroup:
    size, steps = int(draw.integers(1, 8)), int(draw.integers(20, 2 * STEPS))
    step, node = np.nonzero(draw.random((steps, size)) < draw.uniform(0, 0.05))
    # Anywhere within the step, but not so late that Brian2 moves it to the next one.
    times = (step + draw.choice([0.0, 0.3, 0.99], len(step))) * 0.1 * ms
    period = draw.choice([0, steps]) * 0.1 * ms
    return SpikeGeneratorGroup(size, node, times, period=period, name=name)


def driven(draw: np.random.Generator, name: str) -> Any:
    """Return a group whose current is constant, of a timed array, or set by regular code."""
    size = int(draw.integers(1, 8))
    current = draw.choice(["b", "b*stimulus(t)", "b + columns(t, i)"])
    flag = draw.choice(["", " (unless refractory)"])
    linear = f"dv/dt = ({current} + g - v)/(10*ms) : 1{flag}\ndg/dt = -g/(5*ms) : 1\nb : 1"
    group = cells(
        size, name, linear, refractory=draw.choice([0, 0.5, 2]) * ms,
        method=str(draw.choice(["exact", "euler", "rk4"])),
        reset=str(draw.choice(["v = 0", "v -= 1"])),
        namespace={
            "stimulus": TimedArray(draw.uniform(0, 1.5, 9), dt=draw.choice([0.5, 2]) * ms),
            "columns": TimedArray(draw.uniform(-1, 1, (9, size)), dt=draw.choice([0.1, 3]) * ms),
        },
    )  # fmt: skip
    group.b, group.v = draw.uniform(0, 1.4, size), draw.uniform(0, 0.9, size)
    if draw.random() < 0.5:
        code = draw.choice(["b = 1.3 - b", "g *= 0.9; v += 0.02", "b = 1 + 0.5*sin(t/ms)"])
        every = {"dt": draw.choice([0.1, 0.7, 3]) * ms} if draw.random() < 0.7 else {}
        group.run_regularly(str(code), **every)
    return group


def network(draw: np.random.Generator) -> tuple[list[Any], list[Any], list[Any]]:
    """Return all objects of a network, its Poisson groups, and its groups with equations."""
    groups = [driven(draw, f"group{k}") for k in range(draw.integers(1, 3))]
    noise = [
        PoissonGroup(int(draw.integers(1, 6)), draw.uniform(0, 500) * Hz, name=f"noise{k}")
        for k in range(draw.integers(0, 3))
    ]
    fixed = [generator(draw, f"fixed{k}") for k in range(draw.integers(0, 3))]
    wires = []
    for source in [*groups, *noise, *fixed]:
        for target in groups:
            whole = isinstance(source, SpikeGeneratorGroup)  # which has no subgroups
            low = 0 if whole else int(draw.integers(0, len(source)))
            one = Synapses(
                source if whole else source[low:], target, "w : 1",
                on_pre=str(draw.choice(["g += w", "v += w"])),
                delay=draw.choice([0, 0.1, 1.3]) * ms, name=f"{source.name}_{target.name}",
            )  # fmt: skip
            chosen = draw.random((len(source) - low, len(target))) < 0.7
            chosen[0, 0] = True  # Brian2 refuses an empty list of pairs
            pre, post = np.nonzero(chosen)
            one.connect(i=pre, j=post)
            one.w = draw.uniform(-0.3, 0.6, len(one))
            wires.append(one)
    return [*groups, *noise, *fixed, *wires], noise, groups


def check(number: int) -> float:
    """Check one network; return its number of spikes."""
    draw = np.random.default_rng(number)
    objects, noise, groups = network(draw)
    frames = bb.Frames(STEPS, dt=0.1 * ms)
    net = bb.from_brian2(
        Network(objects), steps=STEPS, input=noise,
        encoding={one.name: frames for one in noise} or None,
    )  # fmt: skip
    seed(number)
    rasters = own_spikes(objects, [*groups, *noise], STEPS * 0.1 * ms)
    drawn = {one.name: r[None] for one, r in zip(noise, rasters[len(groups) :], strict=True)}
    x = drawn if len(noise) > 1 else drawn[noise[0].name] if noise else None
    for group, raster in zip(groups, rasters, strict=False):
        check_all_paths(net, x, raster, group.name)
    return float(sum(raster.sum() for raster in rasters[: len(groups)]))


def test_random_networks():
    assert sum(check(number) for number in (1, 5, 6, 9)) > 50


@pytest.mark.slow
def test_many_random_networks():
    assert sum(check(number) for number in range(100, 300)) > 10_000
