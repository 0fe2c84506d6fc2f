"""Rules that work layer by layer, in networks whose synapses have a delay each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import brianbridge as bb
from brianbridge.encodings import Bernoulli, Latency
from brianbridge.network import Projection, Sparse, SpikingNetwork
from brianbridge.rules import learning_rule

STEPS, DT = 12, 1e-3
X = np.random.default_rng(0).random((8, 6))
LATE = STEPS - 3


def network(neuron: str, *, each: bool, readout: str = "counts") -> SpikingNetwork:
    """Return two layers; the first projection delays all spikes by the same time."""
    draw = np.random.default_rng(1)
    source, target = np.nonzero(np.ones((6, 5)))
    delays = {"delays": np.full(30, LATE * DT)} if each else {}
    encoding = Latency(STEPS) if readout == "first_spike" else Bernoulli(STEPS)
    first = Projection(
        "input", "hidden", draw.normal(0.4, 0.5, 30), connection=Sparse(source, target, **delays),
        delay=0.0 if each else LATE * DT,
    )  # fmt: skip
    second = Projection("hidden", "output", draw.normal(0.3, 0.6, (3, 5)))
    populations = tuple(
        bb.network.Population(name, (size,), bb.neuron_model(neuron))
        for name, size in (("hidden", 5), ("output", 3))
    )
    return SpikingNetwork((6,), encoding, populations, (first, second), readout)


def gradients(net: SpikingNetwork, rule: str) -> list[torch.Tensor]:
    twin = bb.to_torch(net, dtype=torch.float64)
    chosen = learning_rule(rule)
    chosen.check(net)
    response = chosen.respond(twin, *twin.encode(X))
    chosen.loss(response.output, torch.arange(8) % 3).backward()
    return [p.grad.flatten() for p in twin.parameters()]


@pytest.mark.parametrize(
    ("rule", "readout"), [("spike_count", "counts"), ("leaky_backprop", "potential")]
)
def test_equal_delays_of_synapses_have_the_gradient_of_one_delay(rule, readout):
    one, each = (
        gradients(network("lif", each=e, readout=readout), rule) for e in (False, True)
    )  # fmt: skip
    assert one[0].abs().max() > 0
    for given, wanted in zip(each, one, strict=True):
        torch.testing.assert_close(given, wanted)


def test_spikes_in_transit_at_the_end_do_not_count():
    net = network("lif", each=True)
    first, second = net.projections
    never = replace(
        first, connection=Sparse(first.connection.source, first.connection.target,
                                 np.where(np.arange(30) < 15, STEPS * DT, 0.0)),
    )  # fmt: skip
    found, _ = gradients(replace(net, projections=(never, second)), "spike_count")
    assert found[:15].abs().max() < 1e-12 < 1e-3 < found[15:].abs().max()


@pytest.mark.parametrize("rule", ["first_spike", "single_spike_vectorised"])
def test_rules_of_single_spikes_refuse_a_delay_for_each_synapse(refused, rule):
    with refused(f"learning rule '{rule}'", "have a delay each", "give the projection one delay"):
        learning_rule(rule).check(network("single_spike_if", each=True, readout="first_spike"))


@pytest.mark.parametrize("rule", ["spike_count", "spide"])
def test_rules_without_a_gradient_of_delays_refuse_to_learn_them(refused, rule):
    neuron, readout = ("if_rest", "potential") if rule == "spide" else ("lif", "counts")
    net = network(neuron, each=True, readout=readout)
    learned = net.learn_delays(STEPS * DT, net.projections[0].name)
    with refused(f"learning rule '{rule}' has no gradient of the delays", "leave out learn_delays"):
        learning_rule(rule).check(learned)
