"""First spikes under the rungs of a ladder: spikes that fail to arrive, or that arrive later."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brianbridge.encoding import Latency
from brianbridge.errors import InputError
from brianbridge.ladder.rungs import Rung
from brianbridge.network import Conv2d, Dense, MaxPool2d, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import FirstSpike
from brianbridge.twin.network import to_torch

ONCE = neuron_model("single_spike_if")
T = 6
RUNGS = {
    "failing": Rung(name="failing", perturb={"synaptic_failure": {"probability": 0.3}}),
    "anywhere": Rung(
        name="anywhere",
        perturb={"finer_dt": {"divisor": 4}, "input_timing": {"kind": "uniform"}},
    ),
    "late": Rung(name="late", perturb={"delay": {"time": "1 ms"}}),
}


def network(seed=0):
    layers = [
        Conv2d(6, 3, ONCE, padding=1, bias=False), MaxPool2d(2),
        Dense(20, ONCE, bias=False), Dense(4, ONCE, bias=False),
    ]  # fmt: skip
    return SpikingNetwork.sequential(
        (2, 8, 6), layers, encoding=Latency(T), readout="first_spike", weight_gain=6.0, seed=seed
    ).with_steps_after(3)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", RUNGS)
def test_spikes_are_those_of_the_steps(name, seed):
    net = network(seed)
    twin = to_torch(net, condition=RUNGS[name], seed=seed, dtype=torch.float64)
    rule = FirstSpike(loss_function="cross_entropy")
    rule.check(twin.network)
    x = np.random.default_rng(seed).random((20, *net.input_shape))
    inputs = twin.encode(np.where(x < 0.3, 0, x))
    # Both draw which spikes fail from torch's generator.
    torch.manual_seed(seed)
    response = rule.respond(twin, *inputs)
    torch.manual_seed(seed)
    activity = twin.run(*inputs)
    for population, spikes in activity.spikes.items():
        assert torch.equal(response.spike_counts(population), spikes.sum(0))
    torch.testing.assert_close(response.output, activity.output, atol=1e-9, rtol=0)
    fired = activity.spikes["output"].sum(0)
    assert 0 < fired.mean() < 1, "some fire and some do not"


def test_a_failure_changes_spikes_and_reaches_the_weights():
    net = network()
    inputs = to_torch(net).encode(np.random.default_rng(0).random((20, *net.input_shape)))
    counts = []
    for condition in (None, RUNGS["failing"]):
        twin = to_torch(net, condition=condition)
        torch.manual_seed(0)
        response = FirstSpike().respond(twin, *inputs)
        counts.append(response.spike_counts("hidden").detach())
        FirstSpike().loss(response.loss_input, torch.zeros(20, dtype=torch.int64)).backward()
        for projection in net.projections:
            if not projection.frozen:
                gradient = twin.projection(projection.name).weight.grad
                assert gradient.abs().max() > 0, projection.name
    assert not torch.equal(*counts)


def test_at_the_spike_alone_all_spikes_must_arrive():
    failing = RUNGS["failing"].applied_to(network(), 0).network
    with pytest.raises(InputError, match="does not draw which spikes fail to arrive"):
        FirstSpike("unit", loss_function="cross_entropy").check(failing)
