"""Our networks run in other frameworks, by way of `to_nir`: the same counts there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from framework_cases import STEPS, double, in_double, spikes
from torch import nn

import brianbridge as bb
from brianbridge.interchange.neuron_models import Firing, lif

to_nir = pytest.importorskip("brianbridge.interchange.nir.to_nir").to_nir
pytest.importorskip("nir")
pytest.importorskip("nirtorch")
SAMPLES = spikes(20)


def network(tau: float, firing: Firing, dt: float) -> bb.SpikingNetwork:
    """Return an MLP of neurons that the framework has."""
    model = lif(tau, firing=firing)
    encoding = bb.Frames(steps=STEPS, dt=dt)
    net = bb.SpikingNetwork.sequential(
        (STEPS, 20), [bb.Dense(30, model), bb.Dense(5, model)],
        encoding=encoding, weight_gain=3.0,
    )  # fmt: skip
    return net.with_weights({p.name: (p.weight, 0 * p.bias + 0.05) for p in net.projections})


def counts(module: nn.Module) -> np.ndarray:
    """Return the spike counts of an imported network, which passes its states on."""
    state, total = None, torch.zeros(())
    with torch.no_grad():
        for x in torch.tensor(SAMPLES).transpose(0, 1):
            fired, state = module(x, state)
            total = total + fired
    return total.double().numpy()


def snntorch_module(graph: Any) -> nn.Module:
    return pytest.importorskip("snntorch.import_nir").import_from_nir(graph)


def spikingjelly_module(graph: Any) -> nn.Module:
    exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange")
    return exchange.import_from_nir(graph, dt=1e-3)


@pytest.mark.parametrize(
    ("framework", "module_of", "strict", "dt"),
    [("snntorch", snntorch_module, True, 1e-4), ("spikingjelly", spikingjelly_module, False, 1e-3)],
)
def test_counts_are_the_same(
    framework: str, module_of: Callable[[Any], nn.Module], strict: bool, dt: float
):
    net = network(10 * dt, Firing(strict=strict), dt)
    ours = bb.simulate(net, SAMPLES).output
    assert ours.sum() > 10
    with double():
        module = in_double(module_of(to_nir(net, framework=framework)))
        np.testing.assert_array_equal(counts(module), ours)
