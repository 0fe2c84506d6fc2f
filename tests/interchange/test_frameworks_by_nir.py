"""The frameworks as referees of `from_nir`: networks that their own exporters wrote.

What an exporter leaves out cannot be read: the tests say what that is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from framework_cases import STEPS, assert_same, double, in_double, outputs, spikes
from torch import Tensor, nn

import brianbridge as bb

from_nir = pytest.importorskip("brianbridge.interchange.nir.from_nir").from_nir
pytest.importorskip("nir")
pytest.importorskip("nirtorch")
SAMPLES = 2 * spikes(20)
INPUT = torch.tensor(SAMPLES).transpose(0, 1)


def read(graph: Any, framework: str, **options: Any) -> bb.SpikingNetwork:
    return from_nir(graph, framework, encoding="frames", steps=STEPS, **options)


# ---------------------------------------------------------------------- snnTorch


def ones(size: int, value: float = 1.0) -> Tensor:
    return torch.full((size,), value)


def of_snntorch(kind: str, size: int, **options: Any) -> nn.Module:
    """Return neurons with a value for each: the exporter does not spread a single one."""
    snn = pytest.importorskip("snntorch")
    times = {"beta": ones(size, 0.9), "threshold": ones(size)}
    if kind in ("Synaptic", "RSynaptic"):
        times["alpha"] = ones(size, 0.7)
    if kind.startswith("R"):
        options["linear_features"] = size
    return getattr(snn, kind)(**times, init_hidden=True, **options)


@pytest.mark.parametrize(
    ("hidden", "reset"),
    [
        ("Leaky", "subtract"),
        ("Leaky", "zero"),
        ("Synaptic", "subtract"),
        ("RLeaky", "subtract"),
        ("RSynaptic", "subtract"),
    ],
)
def test_networks_of_snntorch(hidden, reset):
    export = pytest.importorskip("snntorch.export_nir")
    utils = pytest.importorskip("snntorch.utils")
    torch.manual_seed(0)
    with double():
        net = in_double(
            nn.Sequential(
                nn.Linear(20, 30), of_snntorch(hidden, 30, reset_mechanism=reset),
                nn.Linear(30, 5), of_snntorch("Leaky", 5, reset_mechanism=reset),
            ),
            2.5,
        )  # fmt: skip
        graph = export.export_to_nir(net, torch.zeros(1, 20), ignore_dims=[0])
        with torch.no_grad():
            utils.reset(net)
            referee = torch.stack([net(x) for x in INPUT]).sum(0)
        chosen = "subtract_later" if reset == "subtract" else "to_value"
        assert_same(read(graph, "snntorch", reset=chosen), SAMPLES, referee)


# ---------------------------------------------------------------------- Norse


@pytest.mark.parametrize(
    ("cell", "gain"), [("LIFBoxCell", 14.0), ("LIFCell", 5.0), ("IAFCell", 1.5)]
)
def test_networks_of_norse(cell, gain):
    norse = pytest.importorskip("norse.torch")
    export = pytest.importorskip("norse.torch.utils.export_nir")
    torch.manual_seed(0)
    with double():
        make = getattr(norse, cell)
        net = norse.SequentialState(nn.Linear(20, 30), make(), nn.Linear(30, 5), make())
        net = in_double(net, gain)
        graph = export.to_nir(net, torch.zeros(1, 20))
        state, counts = None, torch.zeros(())
        with torch.no_grad():
            for x in INPUT:
                fired, state = net(x, state)
                counts = counts + fired
        assert_same(read(graph, "norse", dt="1 ms"), SAMPLES, counts)


# ---------------------------------------------------------------------- SpikingJelly


def multi_step(*layers: nn.Module) -> nn.Module:
    functional = pytest.importorskip("spikingjelly.activation_based.functional")
    net = in_double(nn.Sequential(*layers), 4.0)
    functional.set_step_mode(net, "m")
    return net


def test_an_mlp_of_spikingjelly():
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    layer = pytest.importorskip("spikingjelly.activation_based.layer")
    exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange")
    torch.manual_seed(0)
    with double():
        net = multi_step(
            layer.Linear(20, 30), neuron.LIFNode(tau=2.0), layer.Linear(30, 5), neuron.IFNode()
        )
        graph = exchange.export_to_nir(net, torch.zeros(3, 1, 20))
        with torch.no_grad():
            referee = net(INPUT).sum(0)
        assert_same(read(graph, "spikingjelly"), SAMPLES, referee)


def test_a_cnn_of_spikingjelly():
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    layer = pytest.importorskip("spikingjelly.activation_based.layer")
    exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange")
    torch.manual_seed(0)
    images = 3 * spikes(1, 8, 8)
    with double():
        net = multi_step(
            layer.Conv2d(1, 4, 3, padding=1), neuron.LIFNode(decay_input=False),
            layer.AvgPool2d(2, 2), layer.Flatten(), layer.Linear(64, 5), neuron.LIFNode(),
        )  # fmt: skip
        graph = exchange.export_to_nir(net, torch.zeros(3, 1, 1, 8, 8))
        with torch.no_grad():
            referee = net(torch.tensor(images).transpose(0, 1)).sum(0)
        assert_same(read(graph, "spikingjelly"), images, referee)


# ---------------------------------------------------------------------- sinabs


def of_sinabs(normalised: bool) -> tuple[nn.Module, Tensor]:
    layers = pytest.importorskip("sinabs.layers")
    net = nn.Sequential(
        nn.Linear(20, 30), layers.LIF(tau_mem=10.0, norm_input=normalised),
        nn.Linear(30, 5), layers.IAF(),
    )  # fmt: skip
    net = in_double(net, 8.0 if normalised else 1.5)
    with torch.no_grad():
        net(torch.zeros(1, 3, 20))
        for one in net:
            if hasattr(one, "reset_states"):
                one.reset_states()
        return net, net(torch.tensor(SAMPLES)).sum(1)


def test_a_network_of_sinabs():
    export = pytest.importorskip("sinabs.nir")
    torch.manual_seed(0)
    with double():
        net, referee = of_sinabs(normalised=True)
        graph = export.to_nir(net, torch.zeros(1, 3, 20))
        assert_same(read(graph, "sinabs", dt="1 ms"), SAMPLES, referee)


def test_sinabs_leaves_out_that_the_input_is_not_normalised():
    """The exporter writes r = 1 always, so that input that is not normalised is read too weak."""
    export = pytest.importorskip("sinabs.nir")
    torch.manual_seed(0)
    with double():
        net, referee = of_sinabs(normalised=False)
        graph = export.to_nir(net, torch.zeros(1, 3, 20))
        found = outputs(read(graph, "sinabs", dt="1 ms"), SAMPLES)
    assert all(np.abs(one).sum() < 0.6 * float(referee.abs().sum()) for one in found.values())


def test_a_leak_of_sinabs_takes_input_that_is_not_normalised():
    """The default of ExpLeak is ``norm_input=False``, that of LIF is True."""
    export = pytest.importorskip("sinabs.nir")
    torch.manual_seed(0)
    with double(), torch.no_grad():
        net = in_double(
            nn.Sequential(
                nn.Linear(20, 5), pytest.importorskip("sinabs.layers").ExpLeak(tau_mem=10.0)
            )
        )
        referee = net(torch.tensor(SAMPLES))[:, -1]
        net[1].reset_states()
        graph = export.to_nir(net, torch.zeros(1, 3, 20))
        assert_same(read(graph, "sinabs", dt="1 ms"), SAMPLES, referee)


# ---------------------------------------------------------------------- Rockpool


def test_a_network_of_rockpool():
    """Rockpool computes in float32."""
    modules = pytest.importorskip("rockpool.nn.modules")
    combinators = pytest.importorskip("rockpool.nn.combinators")
    export = pytest.importorskip("rockpool.nn.modules.torch.nir")
    torch.manual_seed(0)

    def neurons(size: int) -> Any:
        times = {"tau_mem": 0.01 * torch.ones(size), "tau_syn": 0.005 * torch.ones(size, 1)}
        return modules.LIFTorch(size, dt=1e-3, **times)

    net = combinators.Sequential(
        modules.LinearTorch((20, 30), has_bias=False), neurons(30),
        modules.LinearTorch((30, 5), has_bias=False), neurons(5),
    )  # fmt: skip
    referee = net(torch.tensor(SAMPLES, dtype=torch.float32))[0].sum(1).detach()
    graph = export.to_nir(net, torch.zeros(1, 3, 20))
    assert_same(read(graph, "rockpool", dt="1 ms"), SAMPLES, referee)
