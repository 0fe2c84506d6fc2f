"""Dropout in training: one mask for all steps of a presentation, and none in evaluation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brianbridge.encoding import Current
from brianbridge.network import Dense, Recurrent, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import learning_rule
from brianbridge.rules.layerwise import run_layer
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.twin.network import NetworkTwin, to_torch
from brianbridge.twin.received import inputs_of

IF = neuron_model("if")
STEPS, NEURONS, BATCH = 6, 40, 30


def network(*between, readout="counts") -> SpikingNetwork:
    """Return one whose neurons all fire in every step."""
    layers = [Dense(NEURONS, IF), *between, Dense(NEURONS, IF), Dense(3, IF)]
    net = SpikingNetwork.sequential((2,), layers, encoding=Current(STEPS), readout=readout)
    loud = {
        p.name: (np.zeros(p.weight.shape), None if p.bias is None else np.full(p.bias.shape, 1.25))
        for p in net.projections
    }
    return net.with_weights(loud)


def run(twin: NetworkTwin, seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    with torch.no_grad():
        return twin.run(torch.ones(BATCH, 2)).spikes


WAYS = pytest.mark.parametrize("between", [(), (Recurrent(),)], ids=["in turn", "together"])


@WAYS
def test_a_neuron_is_silent_for_a_whole_presentation_or_not_at_all(between):
    net = network(*between)
    assert net.has_loops == bool(between)
    twin = to_torch(net, dropout=0.25)
    spikes = run(twin)
    for name in ("hidden1", "hidden2"):
        values = spikes[name]
        assert torch.equal(values, values[:1].expand_as(values)), "the same in every step"
        assert values.unique().tolist() == pytest.approx([0, 4 / 3])
        silent = (values[0] == 0).double()
        # Of 1200 a share of 1/4, within 4 standard deviations.
        assert abs(silent.mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 1200)
        assert abs(values.double().mean() - 1) < 0.1, "the expected value is kept"
        assert len({tuple(row) for row in silent.tolist()}) == BATCH, "each sample has its own"
    assert not torch.equal(spikes["hidden1"][0], spikes["hidden2"][0])
    assert torch.equal(spikes["output"], torch.ones_like(spikes["output"]))
    again = run(twin, seed=1)
    assert not torch.equal(again["hidden1"], spikes["hidden1"])
    assert torch.equal(run(twin)["hidden1"], spikes["hidden1"]), "from torch's seed alone"


@WAYS
def test_what_is_silenced_reaches_nobody(between):
    net = network(*between)
    ones = {
        p.name: (np.ones(p.weight.shape) / 64, p.bias * 0)
        for p in net.projections
        if p.source == "hidden1" and p.target == "hidden2"
    }
    twin = to_torch(net.with_weights(ones), dropout={"hidden1": 0.5})
    torch.manual_seed(0)
    activity = twin.run(torch.ones(BATCH, 2), record=("v",))
    received = activity.spikes["hidden1"].sum(2) / 64
    spikes, v = activity.spikes["hidden2"], activity.traces["hidden2"]["v"]
    added = v.diff(dim=0) + spikes[1:]
    torch.testing.assert_close(added, received[1:, :, None].expand_as(added), rtol=0, atol=1e-5)


@WAYS
def test_there_is_none_in_evaluation(between):
    twin = to_torch(network(*between), dropout=0.5).eval()
    spikes = run(twin)
    for name, values in spikes.items():
        assert torch.equal(values, torch.ones_like(values)), name
    assert twin.mask("hidden1", BATCH) is None
    assert write_back(twin).to_dict() == twin.network.to_dict()
    assert "dropout" not in str(list(twin.state_dict()))


def test_by_population():
    twin = to_torch(network(), dropout={"hidden2": 0.5, "hidden1": 0.0})
    assert twin.dropout == {"hidden2": 0.5}
    spikes = run(twin)
    assert (spikes["hidden1"] == 1).all()
    assert set(spikes["hidden2"].unique().tolist()) == {0.0, 2.0}
    assert to_torch(network(), dropout=0.3).dropout == {"hidden1": 0.3, "hidden2": 0.3}
    assert to_torch(network(readout="potential"), dropout=0.3).dropout.keys() == {
        "hidden1", "hidden2",
    }  # fmt: skip
    assert to_torch(network()).dropout == {}


def test_a_rule_that_runs_layer_by_layer_has_one_mask_too():
    twin = to_torch(network(), dropout=0.5)
    x, constant = inputs_of(twin, "hidden1", {}, torch.ones(BATCH, 2))
    ran = run_layer(twin, "hidden1", x, constant, BATCH)
    assert set(ran.mask.unique().tolist()) == {0.0, 2.0}
    assert ran.mask.shape == (BATCH, NEURONS)
    # A silenced neuron has no gradient; one that is not has that of its weight, doubled.
    torch.manual_seed(3)
    rule = learning_rule("spike_count")
    with torch.no_grad():
        twin.projection("hidden2_to_output").weight.fill_(0.01)
    rule.respond(twin, torch.ones(BATCH, 2), None).output.sum().backward()
    bias = twin.projection("hidden1_to_hidden2").bias.grad
    kept = bias / (3 * STEPS * 0.01 * 2)
    torch.testing.assert_close(kept, kept.round(), rtol=0, atol=1e-3)
    assert kept.min() > 0
    assert kept.max() < BATCH
    assert len(kept.round().unique()) > 3


def test_populations_that_are_not_there_and_the_output_are_refused(refused):
    with refused("dropout", "no population 'hiden1'", "Did you mean 'hidden1'"):
        to_torch(network(), dropout={"hiden1": 0.5})
    with refused("dropout", "no population 'output' before the output"):
        to_torch(network(), dropout={"output": 0.5})


@pytest.mark.parametrize("value", [-0.1, 1.0, 7, float("nan")])
def test_probabilities_out_of_range_are_refused(refused, value):
    with refused("dropout of 'hidden1'", repr(value), "less than 1"):
        to_torch(network(), dropout=value)
    with refused("dropout of 'hidden2'", repr(value), "less than 1"):
        to_torch(network(), dropout={"hidden2": value})
