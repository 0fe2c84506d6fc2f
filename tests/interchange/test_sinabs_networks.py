"""sinabs as the referee: its own spikes are those of the twin and of Brian2."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from framework_cases import SAMPLES, STEPS, check_network, check_neuron, spikes
from torch import Tensor, nn

layers = pytest.importorskip("sinabs.layers")
activation = pytest.importorskip("sinabs.activation")


def from_rest(module: nn.Module, x: Tensor) -> Tensor:
    """Run layers whose states are 0."""
    for one in module.modules():
        if hasattr(one, "reset_states"):
            one.reset_states()
    return module(x)


def alone(module: nn.Module, current: Tensor) -> Tensor:
    return from_rest(module, current.transpose(0, 1)).transpose(0, 1)


def counts(module: nn.Module, x: Tensor) -> Tensor:
    return from_rest(module, x).sum(1)


SPIKES = {
    "single": activation.SingleSpike,
    "multi": activation.MultiSpike,
    "max": activation.MaxSpike(2),
}
RESETS = {
    "subtract": activation.MembraneSubtract(),
    "subtract 0.7": activation.MembraneSubtract(0.7),
    "zero": activation.MembraneReset(),
}


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("spike", SPIKES)
@pytest.mark.parametrize("tau_syn", [None, 4.0])
def test_lif_neurons_fire_as_in_sinabs(spike, reset, tau_syn):
    module = layers.LIF(
        tau_mem=10.0, tau_syn=tau_syn, spike_fn=SPIKES[spike], reset_fn=RESETS[reset],
        norm_input=False, min_v_mem=-1.0,
    )  # fmt: skip
    check_neuron(module, alone, 0.7 if tau_syn is None else 0.3)


@pytest.mark.parametrize("tau_syn", [None, 4.0])
def test_normalised_input(tau_syn):
    module = layers.LIF(tau_mem=10.0, tau_syn=tau_syn, train_alphas=True)
    check_neuron(module, alone, 8.0 if tau_syn is None else 2.0)


@pytest.mark.parametrize("tau_syn", [None, 4.0])
@pytest.mark.parametrize("spike", SPIKES)
def test_iaf_neurons_fire_as_in_sinabs(spike, tau_syn):
    module = layers.IAF(spike_fn=SPIKES[spike], tau_syn=tau_syn, min_v_mem=-0.5)
    check_neuron(module, alone, 0.7 if tau_syn is None else 0.3)


OTHERS: dict[str, Any] = {
    "leak": (1.0, lambda: layers.ExpLeak(tau_mem=10.0)),
    "normalised leak": (3.0, lambda: layers.ExpLeak(tau_mem=10.0, norm_input=True)),
    "recurrent": (
        6.0,
        lambda: layers.LIFRecurrent(tau_mem=10.0, rec_connect=nn.Linear(9, 9, bias=False)),
    ),
    "recurrent bias": (6.0, lambda: layers.LIFRecurrent(10.0, nn.Linear(9, 9), norm_input=True)),
    "recurrent bias and current": (
        0.5,
        lambda: layers.LIFRecurrent(10.0, nn.Linear(9, 9), tau_syn=4.0, norm_input=False),
    ),
    "recurrent iaf": (
        1.0,
        lambda: layers.IAFRecurrent(rec_connect=nn.Linear(9, 9), min_v_mem=-1.0),
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_neurons_do_as_in_sinabs(kind):
    torch.manual_seed(0)
    scale, make = OTHERS[kind]
    check_neuron(make(), alone, scale)


def test_a_recurrent_bias_that_the_lower_bound_hides_is_refused(refused):
    hidden = layers.LIFRecurrent(10.0, nn.Linear(3, 3), min_v_mem=-0.01, norm_input=False)
    with torch.no_grad():
        hidden.rec_connect.bias.fill_(0.5)
    from brianbridge import from_torch

    with refused("'1' (LIFRecurrent)", "min_v_mem", "bias=False"):
        from_torch(nn.Sequential(nn.Linear(4, 3), hidden), torch.zeros(1, 5, 4), axes="bt", dt=1e-3)


def test_an_mlp():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(20, 30),
        layers.LIF(tau_mem=10.0, norm_input=False),
        nn.Linear(30, 5),
        layers.IAF(),
    )
    check_network(net, spikes(20), counts, axes="bt", dt="1 ms", gain=1.5)


def test_a_membrane_as_output():
    torch.manual_seed(0)
    hidden = layers.LIF(tau_mem=10.0, tau_syn=5.0, spike_fn=activation.SingleSpike)
    net = nn.Sequential(nn.Linear(20, 30), hidden, nn.Linear(30, 5), layers.ExpLeak(tau_mem=10.0))
    check_network(net, 4 * spikes(20), lambda m, x: from_rest(m, x)[:, -1], axes="bt", dt="1 ms")


def test_a_cnn_of_squeezed_layers():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3), layers.IAFSqueeze(batch_size=SAMPLES), layers.SumPool2d(2),
        nn.Conv2d(6, 8, 3), layers.IAFSqueeze(batch_size=SAMPLES), nn.Flatten(),
        nn.Linear(72, 5), layers.IAFSqueeze(batch_size=SAMPLES),
    )  # fmt: skip

    def run(module: nn.Module, x: Tensor) -> Tensor:
        return from_rest(module, x).reshape(SAMPLES, STEPS, -1).sum(1)

    check_network(net, spikes(1, 12, 12), run, axes="merged", dt="1 ms", steps=STEPS, gain=1.5)


def test_a_recurrent_network():
    torch.manual_seed(0)
    back = nn.Linear(30, 30, bias=False)
    hidden = layers.LIFRecurrent(tau_mem=10.0, norm_input=False, rec_connect=back)
    net = nn.Sequential(nn.Linear(20, 30), hidden, nn.Linear(30, 5), layers.IAF())
    check_network(net, spikes(20), counts, axes="bt", dt="1 ms", gain=1.0)
