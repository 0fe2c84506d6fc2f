"""The range, the sign and the natural unit of what is learned, and values that a user sets."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from brian2 import Hz, Mohm, Network, NeuronGroup, PoissonGroup, Synapses, ms, mV, nS, pA, second
from learning_networks import LIF, two_layers

import brianbridge as bb
from brianbridge.training import natural_units


def cells_of_a_script():
    """Return a network whose neurons keep all constants in variables without a flag."""
    group = NeuronGroup(
        4, """dv/dt = (E_L - v + R*I_0)/tau : volt
              tau : second
              I_0 : amp
              E_L : volt
              v_t : volt
              extra : siemens""",
        threshold="v > v_t", reset="v = E_L - extra*mV/nS", method="euler", name="cells",
        namespace={"R": 100 * Mohm},
    )  # fmt: skip
    group.tau, group.I_0, group.v_t = 10 * ms, 80 * pA, -50 * mV
    group.E_L = group.v = -60 * mV
    group.extra = [-1, 0, 1, 2] * nS
    noise = PoissonGroup(4, rates=50 * Hz, name="noise")
    wires = Synapses(noise, group, "w : volt", on_pre="v += w", name="wires")
    wires.connect()
    wires.w = 2 * mV
    return bb.from_brian2(Network(group, noise, wires), steps=20 * ms, dt=1 * ms)


def test_variables_without_an_equation_learn_like_constants():
    names = ["tau", "I_0", "E_L", "v_t", "R"]
    twin = bb.to_torch(cells_of_a_script(), learn={"cells": names})
    optimizer = torch.optim.SGD(twin.learned.parameters(), lr=1.0)
    for raw in twin.learned.parameters():
        raw.grad = torch.full_like(raw, 0.5)
    with natural_units(twin):
        optimizer.step()
    found = {name: value.item() for name, value in twin.parameters_of("cells").items()}
    for name, before in {"tau": 0.01, "I_0": 80e-12, "R": 1e8}.items():
        np.testing.assert_allclose(found[name], before * np.exp(-0.5), rtol=1e-6)
    for name, before in {"E_L": -0.06, "v_t": -0.05}.items():
        assert 0.5e-3 < before - found[name] < 5e-3, "half a natural unit"


def test_a_variable_of_both_signs_and_unknown_size_needs_a_range():
    net = cells_of_a_script()
    message = "'extra' of population 'cells' may be 0, so that its size is unknown; give it a range"
    with pytest.raises(bb.InputError, match=message):
        bb.to_torch(net, learn={"cells": [bb.Learn("extra", each="neuron")]})
    bb.to_torch(net, learn={"cells": [bb.Learn("extra", each="neuron", low=-5 * nS, high=5 * nS)]})


REFUSED = {
    "low = 10 ms is not below high = 10 ms; give other": bb.Learn("tau", low="10 ms", high="10 ms"),
    "0 is between low = -5 ms and high = 50 ms, but the equations divide by it": bb.Learn(
        "tau", low="-5 ms", high="50 ms"
    ),
    "its initial value 10 ms is not below 9 ms; widen": bb.Learn("tau", high="9 ms"),
    "not above 2 and below 3; widen": bb.Learn("theta", low=2, high=3),
}


@pytest.mark.parametrize("message", REFUSED)
def test_ranges_that_cannot_work_are_refused(message):
    with pytest.raises(bb.InputError, match=re.escape(message)):
        bb.to_torch(two_layers(), learn={"hidden": [REFUSED[message]]})


def twin_of(*learn, dtype=torch.float64):
    return bb.to_torch(two_layers(), dtype=dtype, learn={"hidden": list(learn)})


def test_an_upper_limit_alone_keeps_the_sign():
    twin = twin_of(bb.Learn("tau", high="50 ms"))
    for raw, low, high in ((-20.0, 0, 1e-8), (20.0, 0.0499, 0.05)):
        with torch.no_grad():
            next(twin.learned.parameters()).fill_(raw)
        assert low < twin.parameters_of("hidden")["tau"].item() <= high
    assert twin_of(bb.Learn("theta", low=-2.0)).parameters_of("hidden")["theta"] == 1.0


@pytest.mark.parametrize("limits", [{}, {"low": 0}, {"low": 0, "high": 1 * second}])
def test_small_values_keep_their_precision(limits):
    twin = twin_of(bb.Learn("tau", **limits), dtype=torch.float32)
    with torch.no_grad():
        next(twin.learned.parameters()).fill_(-12.0)
    live = twin.parameters_of("hidden")["tau"].item()
    written = bb.write_back(twin).populations[0].neuron.parameters["tau"] / second
    assert 0 < live < 1e-7
    np.testing.assert_allclose(live, written, rtol=1e-6)
    with torch.no_grad():
        next(twin.learned.parameters()).fill_(-60.0)
    assert twin.parameters_of("hidden")["tau"].item() > 0


@pytest.mark.parametrize("limits", [
    {}, {"high": 0}, {"low": -90 * mV}, {"low": -90 * mV, "high": 0}, {"high": -30 * mV},
    {"low": -90 * mV, "high": -30 * mV},
])  # fmt: skip
@pytest.mark.parametrize("value", [-0.089, -0.06, -0.031])
def test_what_is_set_is_what_is_read(limits, value):
    neuron = bb.NeuronModel(
        "dv/dt = (E - v)/tau : volt", receive="v", threshold="v > -50*mV", reset="v = -70*mV",
        parameters={"E": "-60 mV", "tau": "10 ms"}, initial={"v": "-60 mV"},
    )  # fmt: skip
    layer = bb.Dense(3, neuron, bias=False)
    net = bb.SpikingNetwork.sequential((4,), [layer], encoding=bb.Bernoulli(5))
    twin = bb.to_torch(net, dtype=torch.float64, learn={"output": [bb.Learn("E", **limits)]})
    assert twin.parameters_of("output")["E"].item() == -0.06
    twin.learned.output.E = value
    assert twin.parameters_of("output")["E"].item() == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [0.02, 20 * ms, "20 ms", torch.tensor(0.02), np.float64(0.02)])
def test_a_parameter_takes_numbers_quantities_and_tensors(dtype, value):
    twin = twin_of("tau", bb.Learn("theta", each="neuron"), dtype=dtype)
    twin.learned.hidden.tau = value
    twin.learned.hidden.theta = 2
    found = twin.parameters_of("hidden")
    assert found["tau"].item() == pytest.approx(0.02)
    assert found["theta"].tolist() == pytest.approx([2.0] * 5)
    assert {v.dtype for v in found.values()} == {dtype}


def test_a_parameter_refuses_other_units_and_shapes():
    twin = twin_of("tau")
    for value, message in (
        (20 * mV, "'tau' of population 'hidden' = 20 mV is not in second"),
        ("twenty", "not a quantity"),
        (torch.ones(5), r"has values of shape \(\), not \(5,\)"),
    ):
        with pytest.raises(bb.InputError, match=message):
            twin.learned.hidden.tau = value


def test_a_state_dict_with_another_range_is_refused():
    narrow, wide = (
        twin_of(bb.Learn("tau", low=low, high=high))
        for low, high in (("9 ms", "11 ms"), ("1 ms", "99 ms"))
    )
    with pytest.raises(bb.InputError, match=r"between 0.009 and 0.011, but between 0.001 and 0.09"):
        narrow.load_state_dict(wide.state_dict())
    with pytest.raises(bb.InputError, match="has 1 values, but 5 in the state dict"):
        twin_of("tau").load_state_dict(twin_of(bb.Learn("tau", each="neuron")).state_dict())


def test_parameters_of_an_unknown_population_are_refused():
    twin = twin_of("tau")
    assert twin.parameters_of("output") is None
    with pytest.raises(bb.InputError, match="Did you mean 'hidden'"):
        twin.parameters_of("hiddens")


def test_subexpressions_are_looked_through():
    neuron = bb.NeuronModel(
        """dv/dt = -v/double : 1 (unless refractory)
           double = 2*tau : second
           long = k*double : second""",
        receive="v", threshold="v > 1", reset="v = 0", refractory="long", method="euler",
        parameters={"tau": "10 ms", "k": 0.2},
    )  # fmt: skip
    layers = [bb.Dense(3, neuron, bias=False), bb.Dense(2, LIF)]
    net = bb.SpikingNetwork.sequential((4,), layers, encoding=bb.Bernoulli(5))
    for name in ("tau", "k"):
        with pytest.raises(bb.InputError, match=f"'{name}' sets the refractory period"):
            bb.to_torch(net, learn={"hidden": [name]})
    with pytest.raises(bb.InputError, match=re.escape("is the expression 2*tau; learn what it na")):
        bb.to_torch(net, learn={"hidden": ["double"]})
