"""Random neurons that use what Brian2's neurons may use: twin, Brian2 and batched path agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from brian2 import Network, NeuronGroup, Synapses, TimedArray, check_units, linked_var, ms
from external_sources import own_spikes
from test_random_external_networks import generator

import brianbridge as bb
from brianbridge.neurons.functions import USER_FUNCTIONS
from brianbridge.simulation.random.code_objects import Presentation, draw_by_counter

STEPS = 200


@check_units(x=1, result=1)
def bump(x: Any) -> Any:
    return 1 / (1 + x**2)


@pytest.fixture(autouse=True)
def known_function():
    bb.register_function(bump, torch=lambda x: 1 / (1 + x**2))


DECLARATIONS = (
    "c : 1\nk : integer\nn : integer (constant)\non : boolean\nfixed : boolean (constant)\n"
    "s : 1 (shared)\nf = 0.1*s + sin(t/ms)/5 : 1 (shared)\nlow : 1 (constant)\nq : 1 (linked)"
)
TERMS = (
    "c", "0.3*i", "0.2*N", "int(on)", "int(fixed and not on)", "0.1*(k % 3)", "n//2", "s", "f", "q",
    "clip(v + c, low, 1.5)", "bump(v)", "column(t, i)", "0.02*randn()", "0.1*rand()",
)  # fmt: skip
THRESHOLDS = (
    "v > 0.8", "v > 0.5 + 0.1*i", "v > 0.6 + 0.2*rand()", "v > 0.6 and (on or i != 1)",
    "v > 0.7*bump(low)", "v >= 0.1*N + f", "v > 0.4 + 0.1*(k % 3) or rand() < 0.002",
)  # fmt: skip
RESETS = (
    "v = 0", "v -= 0.9", "v = 0; w = 0", "w = v - 0.5; w += 0.1*i; v = clip(w, -0.5, 0.3)",
    "v = low - 0.1; k += n", "on = not on; v = 0",
    "k = (k + 1) % 4; high = v > 0.9; v = -0.1*int(high)",
    "v = 0.3*rand(); c = clip(c + 0.1*randn(), 0, 1.5)", "x = 0.2*N; v = x*bump(v) - x",
)  # fmt: skip
REGULAR = (
    "", "c = 1.3 - c", "s = 1.5 - s", "c = 0.5 + 0.1*i; on = i > 1", "x = 0.1*rand(); v += x",
    "k += 1; c = 0.2*(k % 4)",
)  # fmt: skip


def cells(draw: np.random.Generator, size: int) -> tuple[NeuronGroup, Any]:
    """Return a group of random neurons, and the group that holds its linked constants."""
    terms = " + ".join(str(term) for term in draw.choice(TERMS, 3, replace=False))
    noise = draw.choice(["", " + 0.2*xi*(5*ms)**-0.5"], p=[0.7, 0.3])
    noise = "" if "rand" in terms else noise  # Brian2's own run fails with both in one equation
    flag = draw.choice(["", " (unless refractory)"])
    options = {
        "threshold": str(draw.choice(THRESHOLDS)),
        "reset": str(draw.choice(RESETS)),
        "namespace": {
            "column": TimedArray(draw.uniform(0, 1, (9, size)), dt=2 * ms),
            # The function itself would do, but not with the random numbers of `check`.
            "bump": USER_FUNCTIONS["bump"].brian2,
        },
    }
    equation = f"dv/dt = ({terms} - v)/(5*ms){noise} : 1{flag}"
    if draw.random() < 0.2:
        equation = "v : 1"
    elif draw.random() < 0.5:
        options["refractory"] = str(draw.choice(["1.05*ms", "i*ms", "(0.95 + int(on))*ms"]))
    group = NeuronGroup(
        size, f"{equation}\n{DECLARATIONS}", method="euler", name="cells", **options
    )
    other = NeuronGroup(2, "x : 1 (constant)", name="other")
    other.x = draw.uniform(0, 1, 2)
    group.q = linked_var(other, "x", index=draw.integers(0, 2, size))
    group.c, group.low, group.s = draw.uniform(0, 1, size), draw.uniform(0, 0.2, size), 0.7
    group.k, group.n = draw.integers(0, 3, size), draw.integers(0, 3, size)
    group.on, group.fixed = draw.random(size) < 0.5, draw.random(size) < 0.5
    if code := str(draw.choice(REGULAR)):
        group.run_regularly(code, dt=draw.choice([0.1, 0.7, 3]) * ms)
    return group, other


def objects(number: int) -> tuple[list[Any], NeuronGroup]:
    """Return the objects of a random network, and its neurons."""
    draw = np.random.default_rng(number)
    group, other = cells(draw, int(draw.integers(1, 5)))
    source = generator(draw, "source")
    inputs, loop = (
        Synapses(one, group, "weight : 1", on_pre="v += weight", name=f"from_{one.name}")
        for one in (source, group)
    )
    for one in (inputs, loop):
        one.connect()
        one.weight = draw.uniform(-0.2, 0.6, len(one))
    return [group, other, source, inputs, loop], group


def check(number: int) -> float:
    """Check one network; return its number of spikes."""
    mine, group = objects(number)
    net = bb.from_brian2(Network(mine), steps=STEPS, output=group)
    x = np.zeros((2, 1))
    twin = bb.to_torch(net, dtype=torch.float64).record(x, seed=number).raster("cells")
    for path in ("reference", "batched"):
        found = bb.simulate(net, x, seed=number, backend=bb.Backend(path=path)).raster("cells")
        np.testing.assert_array_equal(found, twin, err_msg=f"network {number}, {path}")
    mine, group = objects(number)
    now = Presentation(group.clock, STEPS)
    now.begin(np.array([1]), 1)
    draw_by_counter({"cells": group}, number, 1, now)
    (spikes,) = own_spikes(mine, [group], STEPS * 0.1 * ms)
    np.testing.assert_array_equal(spikes, twin[:, 1], err_msg=f"network {number}")
    return float(spikes.sum())


def test_random_neurons():
    assert sum(check(number) for number in range(6)) > 20


@pytest.mark.slow
def test_many_random_neurons():
    assert sum(check(number) for number in range(100, 300)) > 1000
