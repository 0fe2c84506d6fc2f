"""Networks in Brian2's order of operations: which rules train them, and which one is chosen."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
import torch
from brian2 import NeuronGroup, SpikeGeneratorGroup, Synapses, ms, mV

import brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.rules import (
    LeakyBackprop,
    SpikeCount,
    SurrogateGradient,
    chosen_rule,
    learning_rule,
    rules_for,
)
from brianbridge.rules.layerwise import run_layer
from brianbridge.twin.received import inputs_of

LOOPS = r"which feedback does not allow.*'surrogate_gradient'"


def script(loop: bool = False, fires: bool = True, threshold: str = "theta") -> bb.SpikingNetwork:
    """Read pixels, and a group that fires by itself and leads to the hidden group before it."""
    rng = np.random.default_rng(1)
    equations, firing = (
        "dv/dt = -v/(10*ms) : 1",
        {"threshold": f"v > {threshold}", "reset": "v = 0"},
    )
    pixels = SpikeGeneratorGroup(6, [], [] * ms, name="pixels")
    hidden = NeuronGroup(5, equations, method="exact", name="z_hidden", **firing)
    regular = NeuronGroup(2, "dv/dt = (2 - v)/(5*ms) : 1", method="exact", name="regular", **firing)
    out = NeuronGroup(3, equations, method="exact", name="a_out", **(firing if fires else {}))
    ends = [
        (pixels, hidden),
        (hidden, out),
        (regular, hidden),
        *([(hidden, hidden)] if loop else []),
    ]
    wires = []
    for number, (source, target) in enumerate(ends):
        one = Synapses(source, target, "w : 1", on_pre="v += w", name=f"s{number}", delay=0.2 * ms)
        one.connect()
        one.w = rng.normal(0.4, 0.3, len(one))
        wires.append(one)
    return bb.from_brian2(
        [pixels, hidden, regular, out, *wires], steps=40, input="pixels", output="a_out",
        readout="counts" if fires else "potential", namespace={"theta": 1.0, "limit": -50 * mV},
    )  # fmt: skip


def data() -> Any:
    x = np.random.default_rng(2).uniform(0, 0.3, (12, 6))
    return from_arrays("mine", x, np.arange(12) % 3)


@pytest.mark.parametrize("fires", [True, False])
@pytest.mark.parametrize(
    "rule", [SpikeCount(), LeakyBackprop(credit="count"), LeakyBackprop(credit="windowed")]
)
def test_rules_by_layers_run_the_spikes_of_the_twin(rule, fires):
    net = script(fires=fires)
    if fires and isinstance(rule, LeakyBackprop):
        pytest.skip("its output does not fire")
    assert [p.name for p in net.layers] == ["regular", "z_hidden", "a_out"]
    rule.check(net)
    twin = bb.to_torch(net, dtype=torch.float64)
    current, raster = twin.encode(data().x, np.arange(12))
    whole = twin.run(current, raster)
    sources = {"input": raster}
    for population in net.layers:
        x, constant = inputs_of(twin, population.name, sources, current)
        found = run_layer(twin, population.name, x, constant, 12)
        if found.spikes is not None:
            torch.testing.assert_close(found.spikes, whole.spikes[population.name])
            sources[population.name] = found.spikes
    assert whole.spikes["z_hidden"].sum() > 50
    response = rule.respond(twin, current, raster)
    expected = whole.output if isinstance(rule, SpikeCount) else rule.loss_input(twin, whole.output)
    torch.testing.assert_close(response.output, expected)
    response.output.square().sum().backward()
    for name, values in twin.named_parameters():
        assert values.grad is not None, name
        assert values.grad.any(), name


def test_a_read_network_is_trained_and_told(caplog):
    net = script()
    twin = bb.to_torch(net)
    with caplog.at_level(logging.INFO, "brianbridge"):
        result = bb.train(twin, data(), epochs=1, validation_fraction=0.0)
    assert "learning rule: 'surrogate_gradient' (the network is in Brian2's order" in caplog.text
    assert result.rule["name"] == "surrogate_gradient"
    assert bb.write_back(twin).provenance["rule"] == SurrogateGradient().to_dict()
    before, after = net.projections[0].weight, bb.write_back(twin).projections[0].weight
    assert not np.array_equal(before, after)


def test_another_rule_is_chosen_where_the_first_cannot_train(caplog):
    layers = [bb.Dense(4, bb.neuron_model("lif")), bb.layers.Recurrent()]
    net = bb.SpikingNetwork.sequential((3,), layers, encoding=bb.Current(5))
    with caplog.at_level(logging.INFO, "brianbridge"):
        assert chosen_rule(net) == SurrogateGradient()
    assert "learning rule: 'surrogate_gradient' (learning rule 'spike_count'" in caplog.text


def test_a_loop_is_refused_with_a_rule_that_takes_it(refused):
    net = script(loop=True)
    assert net.layers == ()
    with pytest.raises(bb.InputError, match=LOOPS):
        SpikeCount().check(net)
    assert "surrogate_gradient" in rules_for(net)
    assert "spike_count" not in rules_for(net)


@pytest.mark.parametrize("name", ["first_spike", "single_spike_vectorised", "implicit", "spide"])
def test_rules_for_our_own_order_say_so(name):
    net = script(fires=False)
    with pytest.raises(bb.InputError, match=rf"'{name}'"):
        learning_rule(name).check(net)


def test_a_threshold_below_zero_is_no_measure(refused):
    net = script(threshold="limit/volt")
    with refused("learning rule 'spike_count'", "limit = -50 mV", "'surrogate_gradient'"):
        SpikeCount(threshold="limit").check(net)


def test_every_rule_says_which_networks_it_takes(pytestconfig):
    page = (pytestconfig.rootpath / "docs" / "training.md").read_text()
    for name in bb.rules.rule_names():
        rule = learning_rule(name)
        if type(rule).__module__.startswith("brianbridge."):
            (line,) = [x for x in page.splitlines() if x.startswith(f"| `{name}` |")]
            assert rule.takes in line


def test_the_default_of_our_own_networks_stays():
    layers = [bb.Dense(4, bb.neuron_model("lif")), bb.Dense(2, bb.neuron_model("lif"))]
    net = bb.SpikingNetwork.sequential((3,), layers, encoding=bb.Current(5))
    assert chosen_rule(net) == SpikeCount()
    assert rules_for(net) == ("ottt", "spike_count", "surrogate_gradient")
