"""SpikingJelly as the referee: its own spikes are those of the twin and of Brian2.

``pip install --no-deps spikingjelly loguru`` is enough; its torchvision is not needed.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from framework_cases import check_network, check_neuron, spikes
from torch import Tensor, nn

neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
layer = pytest.importorskip("spikingjelly.activation_based.layer")
functional = pytest.importorskip("spikingjelly.activation_based.functional")


def alone(module: nn.Module, current: Tensor) -> Tensor:
    """Run neurons over time, from rest."""
    functional.reset_net(module)
    return torch.stack([module(now) for now in current])


def counts(module: nn.Module, x: Tensor) -> Tensor:
    """Return the spike counts of a network that starts at rest."""
    functional.reset_net(module)
    return module(x).sum(0)


NEURONS: dict[str, Any] = {
    "if": (1.0, lambda v: neuron.IFNode(v_reset=v)),
    "lif": (2.0, lambda v: neuron.LIFNode(tau=3.0, v_reset=v)),
    "lif, input whole": (0.7, lambda v: neuron.LIFNode(tau=3.0, v_reset=v, decay_input=False)),
    "plif": (2.0, lambda v: neuron.ParametricLIFNode(init_tau=3.0, v_reset=v)),
    "plif, input whole": (
        0.7,
        lambda v: neuron.ParametricLIFNode(init_tau=3.0, v_reset=v, decay_input=False),
    ),
    "cuba": (0.5, lambda v: neuron.CUBALIFNode(v_reset=v)),
}


@pytest.mark.parametrize("v_reset", [0.0, 0.2, None])
@pytest.mark.parametrize("kind", NEURONS)
def test_neurons_fire_as_in_spikingjelly(kind, v_reset):
    scale, make = NEURONS[kind]
    check_neuron(make(v_reset), alone, scale)


def multi_step(*layers: nn.Module) -> nn.Module:
    net = nn.Sequential(*layers)
    functional.set_step_mode(net, "m")
    return net


def test_an_mlp():
    torch.manual_seed(0)
    net = multi_step(
        layer.Linear(20, 30), neuron.LIFNode(tau=2.0), layer.Linear(30, 5), neuron.IFNode()
    )
    check_network(net, 2 * spikes(20), counts, dt="1 ms")


def test_a_cnn_with_batch_norm_and_pooling():
    torch.manual_seed(0)
    net = multi_step(
        layer.Conv2d(1, 6, 3, padding=1, bias=False), layer.BatchNorm2d(6),
        neuron.LIFNode(v_reset=None), layer.AvgPool2d(2, 2), layer.Conv2d(6, 8, 3),
        neuron.ParametricLIFNode(), layer.Flatten(), layer.Dropout(0.5), layer.Linear(128, 5),
        neuron.LIFNode(),
    )  # fmt: skip
    check_network(net, 3 * spikes(1, 12, 12), counts, dt="1 ms", gain=9.0)


def test_a_cnn_in_containers():
    torch.manual_seed(0)
    net = nn.Sequential(
        layer.SeqToANNContainer(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6)),
        neuron.IFNode(step_mode="m"),
        layer.SeqToANNContainer(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(54, 5)),
        neuron.LIFNode(step_mode="m"),
    )
    check_network(net, 3 * spikes(1, 12, 12), counts, dt="1 ms", gain=30.0)


class Recurrent(nn.Module):
    """A loop through the step before."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.back, self.b = nn.Linear(20, 30), nn.Linear(30, 30), nn.Linear(30, 5)
        self.hidden, self.out = neuron.LIFNode(), neuron.LIFNode()

    def forward(self, x: Tensor) -> Tensor:
        before, result = torch.zeros(x.shape[1], 30), []
        for now in x:
            before = self.hidden(self.a(now) + self.back(before))
            result.append(self.out(self.b(before)))
        return torch.stack(result)


def test_a_recurrent_network():
    torch.manual_seed(0)
    check_network(Recurrent(), 2 * spikes(20), counts, dt="1 ms", gain=5.0)
