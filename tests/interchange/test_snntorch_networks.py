"""snnTorch as the referee: its own spikes are those of the twin and of Brian2."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from framework_cases import STEPS, check_network, check_neuron, spikes
from torch import Tensor, nn

snn = pytest.importorskip("snntorch")
utils = pytest.importorskip("snntorch.utils")
MS = "1 ms"


def alone(module: nn.Module, current: Tensor) -> Tensor:
    """Run neurons over time, and pass them their states."""
    states: list[Tensor] = []
    result = []
    for now in current:
        found = module(now, *states)
        states = list(found if hasattr(module, "recurrent") else found[1:])
        result.append(found[0])
    return torch.stack(result)


BETAS = torch.linspace(0.6, 0.95, 9)
RESETS = ("subtract", "zero", "none")
NEURONS: dict[str, Any] = {
    "leaky": (0.8, lambda reset: snn.Leaky(beta=BETAS, reset_mechanism=reset)),
    "no leak": (0.5, lambda reset: snn.Leaky(beta=1.0, reset_mechanism=reset)),
    "thresholds": (0.8, lambda r: snn.Leaky(beta=0.9, threshold=2 * BETAS, reset_mechanism=r)),
    "at once": (1.0, lambda r: snn.Leaky(beta=0.9, reset_mechanism=r, reset_delay=False)),
    "lapicque": (3.0, lambda r: snn.Lapicque(R=2.0, C=5.0, time_step=1.0, reset_mechanism=r)),
    "synaptic": (0.5, lambda reset: snn.Synaptic(alpha=0.8, beta=BETAS, reset_mechanism=reset)),
    "synaptic at once": (
        0.5,
        lambda r: snn.Synaptic(alpha=0.8, beta=0.9, reset_mechanism=r, reset_delay=False),
    ),
    "synaptic no leak": (0.3, lambda r: snn.Synaptic(alpha=0.8, beta=1.0, reset_mechanism=r)),
    "rleaky": (1.0, lambda r: snn.RLeaky(beta=0.9, linear_features=9, reset_mechanism=r)),
    "rleaky one to one": (
        1.0,
        lambda r: snn.RLeaky(beta=0.9, all_to_all=False, V=BETAS - 1, reset_mechanism=r),
    ),
    "rsynaptic": (
        0.5,
        lambda r: snn.RSynaptic(alpha=0.8, beta=0.9, linear_features=9, reset_mechanism=r),
    ),
}


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("kind", NEURONS)
def test_neurons_fire_as_in_snntorch(kind, reset):
    torch.manual_seed(0)
    scale, make = NEURONS[kind]
    check_neuron(make(reset), alone, scale)


@pytest.mark.parametrize("reset", ["zero", "none"])
def test_alpha_neurons_fire_as_in_snntorch(reset):
    check_neuron(snn.Alpha(alpha=0.9, beta=0.8, reset_mechanism=reset), alone, 0.5)


class MLP(nn.Module):
    """Two layers in a loop over time, as in the tutorials."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(20, 30), snn.Leaky(beta=0.9)
        self.fc2, self.lif2 = nn.Linear(30, 5), snn.Leaky(beta=0.8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        fired, mems = [], []
        for _ in range(STEPS):
            spk1, mem1 = self.lif1(self.fc1(x), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            fired.append(spk2)
            mems.append(mem2)
        return torch.stack(fired), torch.stack(mems)


def test_an_mlp_with_constant_input():
    torch.manual_seed(1)
    x = np.random.default_rng(0).random((4, 20))
    network = check_network(MLP(), x, lambda m, x: m(x)[0].sum(0), axes="b", dt=MS)
    assert [p.name for p in network.projections] == ["input_to_lif1", "lif1_to_lif2"]
    assert network.encoding.kind == "current"
    assert network.encoding.steps == STEPS


def test_a_trained_mlp():
    torch.manual_seed(0)
    net, x = MLP(), torch.rand(64, 20)
    labels = torch.arange(64) % 5
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(15):
        loss = nn.functional.cross_entropy(net(x)[0].sum(0), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    check_network(net, x.double().numpy(), lambda m, x: m(x)[0].sum(0), axes="b", dt=MS, gain=1.0)


def test_a_sequential_network_of_a_single_step():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Flatten(),
        nn.Linear(20, 30),
        snn.Synaptic(alpha=0.7, beta=0.9, init_hidden=True),
        nn.Dropout(0.5),
        nn.Linear(30, 5),
        snn.Leaky(beta=0.9, init_hidden=True, output=True),
    )

    def run(module: nn.Module, x: Tensor) -> Tensor:
        utils.reset(module)
        return torch.stack([module(x)[0] for _ in range(STEPS)]).sum(0)

    x = np.random.default_rng(0).random((4, 4, 5))
    check_network(net, x, run, axes="b", dt=MS, steps=STEPS)


class CNN(nn.Module):
    """Convolutions with normalisation and pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.norm = nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.c2, self.pool = nn.Conv2d(6, 8, 3, stride=2), nn.AvgPool2d(2)
        self.fc = nn.Linear(32, 5)
        self.l1, self.l2, self.l3 = (snn.Leaky(beta=0.9) for _ in range(3))
        self.norm.running_mean.uniform_(-0.1, 0.1)
        self.norm.running_var.uniform_(0.5, 1.5)

    def forward(self, x: Tensor) -> Tensor:
        m1 = m2 = m3 = None
        result: Any = 0
        for now in x:
            a, m1 = self.l1(self.norm(self.c1(now)), m1)
            b, m2 = self.l2(self.c2(self.pool(a)), m2)
            c, m3 = self.l3(self.fc(b.view(b.shape[0], -1)), m3)
            result = result + c
        return result


def test_a_cnn_with_batch_norm_and_pooling():
    torch.manual_seed(0)
    network = check_network(CNN(), 2 * spikes(1, 12, 12), lambda m, x: m(x), dt=MS)
    assert network.projections[1].pool is not None


class Loops(nn.Module):
    """A sum of two layers, a product with a number, and a loop written by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(20, 30), nn.Linear(30, 30), nn.Linear(30, 5)
        self.back = nn.Linear(30, 30, bias=False)
        self.l1, self.l2, self.l3 = (snn.Leaky(beta=0.9) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        m1 = m2 = m3 = None
        before, result = torch.zeros(x.shape[1], 30), []
        for t in range(x.shape[0]):
            a, m1 = self.l1(self.a(x[t]), m1)
            b, m2 = self.l2(self.b(a) + self.back(before), m2)
            before = b
            c, m3 = self.l3(self.c(a + b) * 1.5, m3)
            result.append(c)
        return torch.stack(result)


def test_residual_sums_and_a_loop_of_ones_own():
    torch.manual_seed(0)
    network = check_network(Loops(), spikes(20), lambda m, x: m(x).sum(0), dt=MS)
    assert [p.name for p in network.projections if p.feedback] == ["l2_to_l2"]
    assert {"l1_to_l3", "l2_to_l3"} <= {p.name for p in network.projections}


class Recurrent(nn.Module):
    """Neurons of snnTorch that have recurrent weights of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(20, 30), nn.Linear(30, 5)
        self.l1, self.l2 = (
            snn.RSynaptic(alpha=0.7, beta=0.9, linear_features=30),
            snn.Leaky(beta=0.9),
        )

    def forward(self, x: Tensor) -> Tensor:
        spk, syn, mem = self.l1.reset_mem()
        mem2, result = None, []
        for now in x:
            spk, syn, mem = self.l1(self.a(now), spk, syn, mem)
            out, mem2 = self.l2(self.b(spk), mem2)
            result.append(out)
        return torch.stack(result)


def test_a_recurrent_network():
    torch.manual_seed(0)
    check_network(Recurrent(), spikes(20), lambda m, x: m(x).sum(0), dt=MS)


class OfSequences(nn.Module):
    """A convolution of sequences, with channels and pooling over all positions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.l1 = nn.Conv1d(2, 6, 3, stride=2, padding=1), snn.Leaky(beta=0.9)
        self.pool, self.fc, self.l2 = nn.AvgPool1d(2), nn.Linear(24, 5), snn.Leaky(beta=0.9)

    def forward(self, x: Tensor) -> Tensor:
        m1 = m2 = None
        result = []
        for now in x:
            a, m1 = self.l1(self.conv(now), m1)
            b, m2 = self.l2(self.fc(torch.flatten(self.pool(a), 1)), m2)
            result.append(b)
        return torch.stack(result)


def test_a_network_of_sequences():
    torch.manual_seed(0)
    check_network(OfSequences(), spikes(2, 16), lambda m, x: m(x).sum(0), dt=MS, gain=8.0)
