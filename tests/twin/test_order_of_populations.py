"""Whether populations take their steps one after another or together, the result is the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from brian2 import ms

from brianbridge.encoding import Bernoulli
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.model import NeuronModel
from brianbridge.twin.network import to_torch
from brianbridge.twin.scan import run
from brianbridge.twin.together import run_together

LEAKY = NeuronModel(
    "dv/dt = -v/(10*ms) : 1 (unless refractory)\nu : 1", threshold="v > 0.4", reset="v = 0; u += 1",
    refractory=2 * ms,
)  # fmt: skip


def network(schedule: str, delay: float = 0.0) -> SpikingNetwork:
    layers = [Dense(6, LEAKY, bias=False), Dense(5, LEAKY, bias=False), Dense(4, LEAKY, bias=False)]
    net = SpikingNetwork.sequential((3,), layers, encoding=Bernoulli(30, gain=0.6), seed=2)
    later = [replace(p, delay=delay, weight=2 * p.weight) for p in net.projections]
    return replace(net, projections=tuple(later), schedule=schedule)


def gradients(twin, scan, x):
    twin.zero_grad()
    spikes, state, traces = scan(twin, *twin.encode(x), len(x), ["v", "u"])
    sum(s.sum() for s in spikes.values()).backward()
    return spikes, state, traces, [p.grad.clone() for p in twin.parameters()]


@pytest.mark.parametrize("schedule", ["canonical", "default"])
@pytest.mark.parametrize("delay", [0.0, 0.003])
def test_feed_forward_populations_may_run_in_turn(schedule, delay):
    net = network(schedule, delay)
    assert not net.has_loops
    twin = to_torch(net, dtype=torch.float64)
    x = np.random.default_rng(1).random((7, 3))
    turn, together = (gradients(twin, scan, x) for scan in (run, run_together))
    assert all(values.any() for values in turn[0].values())
    for of_turn, of_together in zip(turn[:3], together[:3], strict=True):
        torch.testing.assert_close(of_turn, of_together, rtol=0, atol=0)
    torch.testing.assert_close(turn[3], together[3])


def test_the_order_of_the_list_does_not_matter():
    net = network("default")
    first, second, last = net.populations
    listed = replace(net, populations=(second, first, last))
    assert not listed.has_loops
    x = np.random.default_rng(1).random((7, 3))
    expected, found = (to_torch(n).record(x) for n in (net, listed))
    for name in expected.spikes:
        np.testing.assert_array_equal(expected.spikes[name], found.spikes[name])


def test_the_cost_of_a_gradient_grows_with_the_steps():
    """The gradient of ``x[k]`` would fill an array of all steps in every step."""
    twin = to_torch(network("default"))
    output = twin(np.ones((2, 3)))
    seen, left = set(), [output.grad_fn]
    while left:
        node = left.pop()
        if node is not None and node not in seen:
            seen.add(node)
            left += [following for following, _ in node.next_functions]
    names = {node.name() for node in seen}
    assert "UnbindBackward0" in names
    assert "SelectBackward0" not in names
