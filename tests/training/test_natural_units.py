"""A network in volts, amperes or siemens trains as its dimensionless counterpart does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.encodings import Poisson
from brianbridge.errors import InputError
from brianbridge.neurons.model import NeuronModel
from brianbridge.training.natural_units import natural_units
from brianbridge.twin import Quantisation

TAU, TS = "10 ms", "5 ms"
VOLTS = {"tau": TAU, "EL": "-70 mV", "VT": "-55 mV"}
#: For each unit: the neuron, and its dimensionless counterpart, with (v - EL)/(VT - EL).
PAIRS = {
    "volt": (
        NeuronModel(
            "dv/dt = (EL + drive - v)/tau : volt\ndrive : volt", threshold="v > VT",
            reset="v -= VT - EL", drive="drive", parameters=VOLTS, initial={"v": "EL"},
        ),
        NeuronModel(
            "dv/dt = (drive - v)/tau : 1\ndrive : 1", threshold="v > theta", reset="v -= theta",
            drive="drive", parameters={"tau": TAU, "theta": 1.0},
        ),
    ),
    "amp": (
        NeuronModel(
            "dv/dt = (EL + R*I - v)/tau : volt\ndI/dt = (drive - I)/ts : amp\ndrive : amp",
            threshold="v > VT", reset="v -= VT - EL", drive="drive", receive="I",
            parameters={**VOLTS, "ts": TS, "R": "100 Mohm"}, initial={"v": "EL"},
        ),
        NeuronModel(
            "dv/dt = (c - v)/tau : 1\ndc/dt = (drive - c)/ts : 1\ndrive : 1",
            threshold="v > theta", reset="v -= theta", drive="drive", receive="c",
            parameters={"tau": TAU, "ts": TS, "theta": 1.0},
        ),
    ),
    "siemens": (
        NeuronModel(
            "dv/dt = (EL - v + g/gL*(0*mV - v) + drive)/tau : volt\ndg/dt = -g/ts : siemens\n"
            "drive : volt",
            threshold="v > VT", reset="v = EL", drive="drive", receive="g", method="rk2",
            parameters={**VOLTS, "ts": TS, "gL": "10 nS"}, initial={"v": "EL"},
        ),
        NeuronModel(
            "dv/dt = (-v + g*(14/3 - v) + drive)/tau : 1\ndg/dt = -g/ts : 1\ndrive : 1",
            threshold="v > theta", reset="v = 0", drive="drive", receive="g", method="rk2",
            parameters={"tau": TAU, "ts": TS, "theta": 1.0},
        ),
    ),
}  # fmt: skip
RNG = np.random.default_rng(5)
X, Y = RNG.random((24, 8)), np.arange(24) % 3


def twins(unit, readout="counts", **training):
    """Return the twins of a network and of its counterpart, with the same weights."""
    pair = []
    for model in PAIRS[unit]:
        network = bb.SpikingNetwork.sequential(
            (8,), [bb.Dense(12, model), bb.Dense(3, model)], encoding=Poisson(30),
            readout=readout, seed=2, weight_gain=20.0,
        )  # fmt: skip
        pair.append(bb.to_torch(as_double(network), dtype=torch.float64, **training))
    twin, plain = pair
    units, plain_units = twin.natural_units(), plain.natural_units()
    with torch.no_grad():
        for (name, values), (_, others) in zip(
            twin.named_parameters(), plain.named_parameters(), strict=True
        ):
            values.copy_(others / plain_units[name] * units[name])
    return twin, plain


def as_double(network):
    projections = tuple(
        replace(p, weight=p.weight.astype(float), bias=p.bias.astype(float))
        for p in network.projections
    )
    return replace(network, projections=projections)


def in_units(twin, values=lambda parameter: parameter.detach()):
    units = twin.natural_units()
    return {name: values(p) / units[name] for name, p in twin.named_parameters()}


@pytest.mark.parametrize("readout", ["counts", "potential"])
@pytest.mark.parametrize("unit", PAIRS)
def test_gradients_in_natural_units_are_equal(unit, readout):
    gradients = []
    for twin in twins(unit, readout):
        rule = bb.rules.SurrogateGradient()
        response = rule.respond(twin, *twin.encode(X))
        rule.loss(response.output, torch.as_tensor(Y)).backward()
        units = twin.natural_units()
        parts = [p.grad.flatten() * units[name] for name, p in twin.named_parameters()]
        gradients.append(torch.cat(parts))
    given, plain = gradients
    assert float(torch.cosine_similarity(given, plain, dim=0)) > 0.9999999
    assert float(given.norm() / plain.norm()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("rule", "training", "options"),
    [
        ("surrogate_gradient", {}, {}),
        ("surrogate_gradient", {}, {"optimizer": "sgd", "gradient_clip": 0.1, "ema": 0.9}),
        ("surrogate_gradient", {}, {"weight_decay": 0.5}),
        ("surrogate_gradient", {"batch_norm": True}, {}),
        ("surrogate_gradient", {"quantisation": Quantisation(bits=5)}, {}),
        ("spike_count", {}, {}),
        ("leaky_backprop", {}, {}),
    ],
)
@pytest.mark.parametrize("unit", PAIRS)
def test_training_is_equal(unit, rule, training, options):
    if unit == "siemens" and "batch_norm" in training:
        with pytest.raises(InputError, match=r"adds a constant to 'g', but the drive .* of 'v'"):
            twins(unit, **training)
        return
    weights, data = [], from_arrays("units", X, Y)
    readout = "potential" if rule == "leaky_backprop" else "counts"
    for twin in twins(unit, readout, **training):
        bb.train(twin, data, rule, epochs=3, batch_size=8, validation_fraction=0, **options)
        weights.append(in_units(twin))
    given, plain = weights
    for name, values in plain.items():
        torch.testing.assert_close(given[name], values, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("unit", PAIRS)
def test_initial_weights_are_equal(unit):
    networks = [
        bb.SpikingNetwork.sequential((8,), [bb.Dense(12, model)], encoding=Poisson(5), seed=2)
        for model in PAIRS[unit]
    ]
    given, plain = (bb.to_torch(network) for network in networks)
    for name, values in in_units(plain).items():
        torch.testing.assert_close(in_units(given)[name], values)


def test_an_untrained_network_comes_back_bit_for_bit():
    network = bb.SpikingNetwork.sequential(
        (8,), [bb.Dense(12, PAIRS["amp"][0])], encoding=Poisson(5), seed=2
    )
    [before], [after] = network.projections, bb.to_torch(network).to_network().projections
    assert np.array_equal(before.weight, after.weight)
    assert 0 < np.abs(before.weight).max() < 1e-8  # amperes


def test_weights_are_in_si_units_outside_the_block_even_after_an_error():
    twin, _ = twins("volt")
    weight = twin.projection("input_to_hidden").weight
    twin(X).sum().backward()
    before = weight.detach().clone()
    seen = []

    def interrupted():
        with natural_units(twin):
            seen.append(weight.detach().clone())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        interrupted()
    torch.testing.assert_close(seen[0], before / 0.015)
    torch.testing.assert_close(weight.detach(), before)
