"""Recomputed parts of a presentation: the same gradients from less memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from saved_bytes import peak_of_saved_bytes

import brianbridge as bb
from brianbridge.network import Population, Projection, Recurrent, Sparse
from brianbridge.remedies.in_the_loop import InTheLoop
from brianbridge.rules.base import learning_rule, rule_names
from brianbridge.training.spike_rate import SpikeRate
from brianbridge.twin.recompute import part_lengths

STEPS, INPUTS = 24, 4
LIF, GRADED = bb.neuron_model("lif"), bb.neuron_model("multi_threshold_lif")
NOISY = bb.NeuronModel(
    "dv/dt = -v/(10*ms) + drive + 5*xi*Hz**0.5 : 1\ndrive : Hz", name="noisy",
    emit="int(v > 1)", reset="v = 0", method="euler", refractory="3*ms", drive="drive",
)  # fmt: skip
RNG = np.random.default_rng(0)


def stack(*layers, delay=0.0, encoding=None, **options):
    net = bb.SpikingNetwork.sequential(
        (INPUTS,), layers, encoding=encoding or bb.Bernoulli(STEPS, gain=0.6), seed=2, **options
    )
    strong = [p if p.feedback else replace(p, weight=2 * abs(p.weight)) for p in net.projections]
    return replace(net, projections=tuple(replace(p, delay=delay) for p in strong))


def listed(longest=None):
    source, target = np.nonzero(RNG.random((INPUTS, 5)) < 0.8)
    wires = Sparse(source, target, delays=RNG.integers(0, 6, len(source)) * 1e-3)
    weight = RNG.normal(2, 1, len(source))
    cells = Population("cells", (5,), LIF), Population("output", (3,), LIF)
    projections = (
        Projection("input", "cells", weight, None, wires, longest_delay=longest),
        Projection("cells", "output", RNG.normal(1, 1, (3, 5))),
    )
    return bb.SpikingNetwork((INPUTS,), bb.Bernoulli(STEPS, gain=0.6), cells, projections)


def brian2_order(net):
    projections = tuple(replace(p, feedback=False) for p in net.projections)
    return replace(net, projections=projections, schedule="default")


def plain(neuron=LIF, **options):
    return stack(bb.Dense(6, neuron), bb.Dense(3, LIF), **options)


NETWORKS = {
    "in turn": (plain(), "surrogate_gradient"),
    "current": (plain(encoding=bb.Current(STEPS)), "surrogate_gradient"),
    "delays": (plain(delay=4e-3), "surrogate_gradient"),
    "Brian2's order": (brian2_order(plain(delay=2e-3)), "surrogate_gradient"),
    "loop": (stack(bb.Dense(6, LIF), Recurrent(), bb.Dense(3, LIF)), "surrogate_gradient"),
    "noise": (plain(NOISY), "surrogate_gradient"),
    "delay of each synapse": (listed(), "surrogate_gradient"),
    "learned delays": (listed(8e-3), "surrogate_gradient"),
    "potential": (plain(readout="potential"), "surrogate_gradient"),
    "graded": (plain(GRADED), "multi_threshold"),
    "windows": (plain(readout="potential"), "leaky_backprop"),
    "windows, current": (
        plain(readout="potential", encoding=bb.Current(STEPS)), "leaky_backprop"
    ),
    "windows, delays": (plain(readout="potential", delay=3e-3), "leaky_backprop"),
}  # fmt: skip


def learned(twin, rule, inputs, recompute):
    """Return output, gradients, and the next random number of torch."""
    torch.manual_seed(5)
    twin.zero_grad()
    with twin.recomputing(recompute):
        response = rule.respond(twin, *inputs)
    names = [p.name for p in twin.network.firing]
    if rule.name == "leaky_backprop":
        names = [name for name in names if name != twin.network.output.name]
    counts = [response.spike_counts(name) for name in names]
    (response.output.square().sum() + sum(c.square().sum() for c in counts)).backward()
    gradients = {n: p.grad for n, p in twin.named_parameters() if p.grad is not None}
    return [response.output.detach(), *counts], gradients, torch.rand(3)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_gradients_and_draws_are_the_same(name, dropout):
    net, rule = NETWORKS[name]
    twin = bb.to_torch(net, dtype=torch.float64, dropout=dropout).train()
    rule = learning_rule(rule)
    rule.prepare(twin)
    inputs = twin.encode(np.random.default_rng(1).random((3, INPUTS)))
    results, gradients, draws = learned(twin, rule, inputs, False)
    found, others, after = learned(twin, rule, inputs, True)
    if dropout:  # spikes of value 1/(1 - p) are added in another order
        torch.testing.assert_close(found, results, rtol=1e-12, atol=0)
    else:
        assert all(torch.equal(a, b) for a, b in zip(results, found, strict=True))
    assert torch.equal(draws, after)
    assert gradients.keys() == others.keys()
    for key, gradient in gradients.items():
        assert gradient.abs().max() > 0, key
        torch.testing.assert_close(others[key], gradient, rtol=1e-12, atol=1e-13)


def test_parameters_of_neurons_and_samples_have_their_gradients():
    twin = bb.to_torch(plain(), dtype=torch.float64, learn={"hidden": ["tau", "theta"]}).train()
    rule = learning_rule("surrogate_gradient")
    _, raster = twin.encode(np.random.default_rng(1).random((3, INPUTS)))
    found = []
    for recompute in (False, True):
        given = raster.clone().requires_grad_()
        _, gradients, _ = learned(twin, rule, (None, given), recompute)
        found.append({**gradients, "raster": given.grad})
    assert any(name.startswith("learned") for name in found[0])
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-12, atol=1e-13)


def test_autocast_holds_when_a_part_runs_again():
    twin = bb.to_torch(stack(bb.Dense(40, LIF), bb.Dense(3, LIF))).train()
    rule = learning_rule("surrogate_gradient")
    inputs = twin.encode(np.random.default_rng(1).random((3, INPUTS)))
    found = []
    for recompute in (False, True):
        with torch.autocast("cpu", torch.bfloat16), twin.recomputing(recompute):
            output = rule.respond(twin, *inputs).output
        twin.zero_grad()
        output.sum().backward()
        found.append(twin.projection("input_to_hidden").weight.grad)
    torch.testing.assert_close(found[1], found[0], rtol=0.02, atol=0.02 * float(found[0].max()))


# ---------------------------------------------------------------------- memory


def saved(steps, recompute, rule, batch, hidden):
    """Return the most bytes that the graph keeps during a step of training."""
    neuron, readout = (GRADED, "counts") if rule == "multi_threshold" else (LIF, "potential")
    net = stack(
        bb.Dense(hidden, neuron), bb.Dense(hidden, neuron), bb.Dense(2, LIF),
        encoding=bb.Bernoulli(steps), readout=readout,
    )  # fmt: skip
    made, twin = learning_rule(rule), bb.to_torch(net).train()
    made.prepare(twin)
    raster = torch.as_tensor(np.random.default_rng(0).random((steps, batch, INPUTS)) < 0.2).float()

    def step():
        with twin.recomputing(recompute):
            output = made.respond(twin, None, raster).output
        output.sum().backward()

    return peak_of_saved_bytes(step, [*twin.parameters(), raster])


# Batch and hidden neurons: torch's own operations, and compiled loops. Products of this size save
# what torch saves; larger ones save lists by hooks of their own, which would hide them here.
@pytest.mark.parametrize(("batch", "hidden"), [(2, 8), (36, 36)])
@pytest.mark.parametrize("rule", ["surrogate_gradient", "multi_threshold", "leaky_backprop"])
def test_memory_grows_with_the_root_of_the_steps(rule, batch, hidden):
    few, more, many = (saved(t, True, rule, batch, hidden) for t in (16, 64, 256))
    assert 1.7 < more / few < 2.3
    assert 1.7 < many / more < 2.3
    without = [saved(t, False, rule, batch, hidden) for t in (16, 64)]
    assert 3.5 < without[1] / without[0] < 4.5
    assert few < without[0]


def test_parts_are_as_long_as_there_are_parts():
    for steps in (1, 2, 10, 100, 1000):
        lengths = part_lengths(steps)
        assert sum(lengths) == steps
        assert max(lengths) - min(lengths) <= 1
        assert abs(len(lengths) - steps**0.5) <= 0.5


# ---------------------------------------------------------------------- training


def test_training_with_it_gives_the_same_network():
    def weights(recompute):
        twin = bb.to_torch(plain(NOISY), dtype=torch.float64, dropout=0.2)
        x = np.random.default_rng(3).random((40, INPUTS))
        data = bb.from_arrays("few", x, np.arange(40) % 3)
        result = bb.train(
            twin, data, "surrogate_gradient", epochs=2, batch_size=8, recompute=recompute,
            spike_rate=SpikeRate(rate=0.1),
        )  # fmt: skip
        assert result.curve["train_loss"][0] > 0
        return twin.state_dict()

    plainly, again = weights(False), weights(True)
    for name, values in plainly.items():
        torch.testing.assert_close(again[name], values, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", sorted(rule_names()))
def test_rules_that_keep_no_graph_refuse_it(rule, refused):
    made = learning_rule(rule)
    if made.recomputes:
        return
    with refused("recompute = true", f"'{rule}' keeps no graph", "leave out recompute"):
        made.check_recompute(bb.to_torch(plain()))


def test_what_a_part_cannot_know_is_refused_before_training(refused):
    data = bb.from_arrays("few", np.ones((9, INPUTS)), np.arange(9) % 3)
    twin = bb.to_torch(plain(), batch_norm=True)
    with refused("batch_norm normalises projection 'input_to_hidden'", "leave out recompute or"):
        bb.train(twin, data, "surrogate_gradient", recompute=True)
    with refused("credit = 'count' keeps no graph"):
        learning_rule("leaky_backprop", credit="count").check_recompute(twin)
    with refused("training in the loop: recompute = true"):
        InTheLoop(learning_rule("surrogate_gradient")).check_recompute(twin)
