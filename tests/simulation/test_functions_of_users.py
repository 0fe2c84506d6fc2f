"""Functions of the user in equations: registered for tensors, the twin runs them as Brian2 does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from brian2 import Function, NeuronGroup, check_units, ms, mV, prefs, volt
from external_sources import check_all_paths, own_spikes

import brianbridge as bb
from brianbridge.neurons.functions import USER_FUNCTIONS

STEPS = 200


@check_units(x=1, result=1)
def bump(x: Any) -> Any:
    return 1 / (1 + x**2)


@check_units(u=volt, low=volt, result=volt)
def above(u: Any, low: Any) -> Any:
    return np.maximum(u, low)


def both() -> None:
    """Register both functions."""
    bb.register_function(bump, torch=lambda x: 1 / (1 + x**2))
    bb.register_function(above, torch=torch.maximum)


@pytest.fixture(autouse=True)
def afterwards():
    """Forget what a test registered; compile nothing."""
    before, target = dict(USER_FUNCTIONS), prefs["codegen.target"]
    prefs["codegen.target"] = "numpy"
    yield
    prefs["codegen.target"] = target
    USER_FUNCTIONS.clear()
    USER_FUNCTIONS.update(before)


def cells(**options: Any) -> NeuronGroup:
    equations = "dv/dt = (c*bump(v) - v)/(5*ms) : 1\nc : 1 (constant)"
    given = {"threshold": "v > 0.5*bump(c - 2)", "reset": "v = -0.3*bump(v)", "method": "euler"}
    given["namespace"] = {"bump": bump}
    group = NeuronGroup(3, equations, name="cells", **{**given, **options})
    group.c = [1, 1.5, 2]
    return group


def test_all_paths_call_the_function(tmp_path, refused):
    both()
    group = cells()
    net = bb.from_brian2([group], steps=STEPS)
    (spikes,) = own_spikes([group], [group], STEPS * 0.1 * ms)
    assert spikes.sum() > 5
    check_all_paths(net, None, spikes)
    bb.save_network(net, tmp_path / "net.h5")
    check_all_paths(bb.load_network(tmp_path / "net.h5"), None, spikes)
    del USER_FUNCTIONS["bump"]
    with refused("unknown function 'bump'", "bb.register_function(bump, torch=...)"):
        bb.load_network(tmp_path / "net.h5")


def test_units_constants_and_other_names():
    both()
    square = Function(np.square, arg_units=[1], return_unit=1)
    bb.register_function(square, torch=torch.square, name="squared")
    group = NeuronGroup(
        2, "dv/dt = (above(30*mV, low)*squared(1.1) - v)/(5*ms) : volt\nlow : volt (constant)",
        threshold="v > 20*mV", reset="v = 0*mV", method="euler", name="cells",
        namespace={"squared": square, "above": above},
    )  # fmt: skip
    group.low = [10, 40] * mV
    (spikes,) = own_spikes([group], [group], STEPS * 0.1 * ms)
    group.v = 0 * mV
    net = bb.from_brian2([group], steps=STEPS)
    check_all_paths(net, None, spikes)


def test_the_gradient_is_that_of_the_torch_function():
    both()
    model = bb.NeuronModel("dv/dt = (2*bump(v) - v)/(5*ms) : 1", method="euler")
    twin = bb.twin.PopulationTwin(model, (1,), 1 * ms, dtype=torch.float64)
    x = torch.zeros(5, 1, 1, dtype=torch.float64, requires_grad=True)
    twin.run(x).state["v"].sum().backward()
    with torch.no_grad():
        step = torch.zeros_like(x)
        step[1] = 1e-6
        ends = [float(twin.run(x + s * step).state["v"].sum()) for s in (1, -1)]
    assert float(x.grad[1].sum()) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)


def test_functions_that_the_twin_does_not_know(refused):
    with refused("group 'cells': 'bump' is a function", "bb.register_function(bump, torch=...)"):
        bb.from_brian2([cells()], steps=STEPS)
    both()
    other = check_units(x=1, result=1)(lambda x: x)
    with refused("'bump' is a function, another than the one", "name='bump'"):
        bb.from_brian2([cells(namespace={"bump": other})], steps=STEPS)


def test_functions_that_cannot_be_registered(refused):
    with refused("'plain' has no units", "@check_units"):
        bb.register_function(lambda x: x, torch=torch.exp, name="plain")
    with refused("equations cannot call a function '<lambda>'", "name='...'"):
        bb.register_function(lambda x: x, torch=torch.exp)
    with refused("'exp' is a function of Brian2"):
        bb.register_function(bump, torch=torch.exp, name="exp")
    dice = Function(np.random.rand, arg_units=[], return_unit=1, stateless=False)
    with refused("'dice' returns another value", "rand()"):
        bb.register_function(dice, torch=torch.rand, name="dice")
    with refused("function 'bump': torch = 3 is no function"):
        bb.register_function(bump, torch=3)
