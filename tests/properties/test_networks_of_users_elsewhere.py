"""Networks of users on Brian2's Cython target, as C++ programs, and with float32.

Their spikes are those of the NumPy target, or the simulation is refused. A C++ program draws random
numbers of its own, so its networks have none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brian2 import NeuronGroup, SpikeGeneratorGroup, Synapses, TimedArray, linked_var, ms, prefs
from user_networks import Size, constructs, draw_network

import brianbridge as bb
from brianbridge.network.samples import checked_samples

SIZE = Size((14,), sources=10, steps=200, samples=3)
PLAIN = bb.Backend(path="reference")
NOISE = constructs("rand()", "randn()", "random=True", "xi", "poisson(")


def drawn(number: int, without: Any = ()) -> tuple[bb.SpikingNetwork, np.ndarray]:
    """Return a network of one group, and its samples."""
    mine = draw_network(number, SIZE, without)
    net = mine.read()
    return net, checked_samples(net, mine.x)


def check(net: bb.SpikingNetwork, x: Any, backend: bb.Backend, target: str = "numpy") -> None:
    """Check that spikes are those of the reference path with NumPy."""
    wanted = bb.simulate(net, x, seed=5, backend=PLAIN)
    prefs.codegen.target = target
    found = bb.simulate(net, x, seed=5, backend=backend)
    for name, raster in wanted.spikes.items():
        assert raster.sum() > 5
        np.testing.assert_array_equal(found.spikes[name], raster)


def small(threshold: str = "v > 0.5 + 0.1*rand()") -> bb.SpikingNetwork:
    """Return few objects with many constructs, as each takes seconds to compile."""
    given = SpikeGeneratorGroup(2, [0, 1] * 9, np.arange(18) * ms, name="given")
    other = NeuronGroup(2, "x : 1 (constant)", name="other")
    other.x = [0.3, 0.5]
    cells = NeuronGroup(
        3, "dv/dt = (stimulus(t) + q - v)/(5*ms) : 1 (unless refractory)\nq : 1 (linked)",
        threshold=threshold, reset="x = 0.1*i; v = clip(x, 0, 0.15)", name="cells",
        refractory=1 * ms, method="exact",
        namespace={"stimulus": TimedArray([0.4, 0.1, 0.6], dt=6 * ms)},
    )  # fmt: skip
    cells.q = linked_var(other, "x", index=[0, 1, 0])
    wires = Synapses(
        given, cells, "w : 1\ndx/dt = (1 - x)/(20*ms) : 1 (event-driven)",
        on_pre="v_post += w*x*(1 - v_post); x *= 0.6", name="wires",
    )  # fmt: skip
    wires.connect()
    wires.w, wires.x, wires.delay = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 1, "0.3*j*ms"
    return bb.from_brian2([given, other, cells, wires], steps=180)


def test_the_cython_target_emits_the_spikes_of_numpy():
    check(small(), np.zeros((2, 1)), PLAIN, "cython")


@pytest.mark.slow
def test_a_program_emits_the_spikes_of_numpy():
    check(small("v > 0.5"), np.zeros((2, 1)), bb.Backend(device="cpp_standalone"))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))
def test_random_networks_on_the_cython_target(number):
    net, x = drawn(number)
    check(net, x, PLAIN, "cython")
    if not net.modelled:
        check(net, x, bb.Backend(), "cython")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(2))
def test_random_networks_as_programs(number):
    net, x = drawn(number, [*NOISE, *constructs("hill(")])
    check(net, x, bb.Backend(device="cpp_standalone"))


def test_functions_of_users_are_refused_in_programs(refused):
    model = bb.NeuronModel("dv/dt = (hill(v) - v)/(5*ms) : 1", threshold="v > 1", method="euler")
    net = bb.SpikingNetwork.sequential(
        (2,), [bb.Dense(2, model, bias=False)], encoding=bb.Bernoulli(3)
    )
    with refused("population 'output': function 'hill' has no C++ code", "add_implementation"):
        bb.simulate(net, np.ones((1, 2)), backend=bb.Backend(device="cpp_standalone"))


def test_single_precision_emits_the_same_spikes_or_is_refused(refused):
    seen = {"equal": 0, "refused": 0}
    for number in range(4):
        net, x = drawn(number)
        if net.modelled:
            with refused("dtype = float32", f"'{net.modelled[0].name}' have a model", "drop dtype"):
                bb.simulate(net, x, backend=bb.Backend(dtype=np.float32))
        else:
            check(net, x, bb.Backend(dtype=np.float32))
        seen["refused" if net.modelled else "equal"] += 1
    assert min(seen.values()) > 0
