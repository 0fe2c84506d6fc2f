"""Another framework as the referee: its own forward pass against ours, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from brian2 import ms
from torch import Tensor, nn

import brianbridge as bb
from brianbridge.interchange.assemble import assemble
from brianbridge.interchange.frameworks import Reading, reader_of
from brianbridge.interchange.graph import Graph, Input, Linear, Output
from brianbridge.interchange.torch.graph import add_cell

STEPS, SAMPLES = 30, 4
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.AvgPool1d, nn.AvgPool2d)


@contextmanager
def double() -> Iterator[None]:
    """Let new tensors be of float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def in_double(module: nn.Module, gain: float = 1.0) -> nn.Module:
    """Return a network in float64 with larger weights; snnTorch's spikes are float32 always."""
    module = module.double().eval()
    for one in module.modules():
        if isinstance(one, LAYERS):
            one.register_forward_pre_hook(lambda _, given: (given[0].double(),))
        if hasattr(one, "p") and hasattr(one.p, "_replace"):  # Norse keeps parameters in a tuple
            values = one.p._asdict().items()
            one.p = one.p._replace(**{k: v.double() for k, v in values if torch.is_tensor(v)})
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.mul_(gain)
    return module


def spikes(*shape: int, rate: float = 0.4, seed: int = 0) -> np.ndarray:
    """Return random spikes ``(samples, steps, *shape)``."""
    draws = np.random.default_rng(seed).random((SAMPLES, STEPS, *shape))
    return (draws < rate).astype(np.float64)


def outputs(network: bb.SpikingNetwork, samples: np.ndarray) -> dict[str, np.ndarray]:
    """Return the output of the twin and of both paths through Brian2."""
    samples = samples.reshape(len(samples), *network.input_shape)
    twin = bb.to_torch(network, dtype=torch.float64)
    with torch.no_grad():
        found = {"twin": twin(samples).numpy()}
    found["batched"] = bb.simulate(network, samples).output
    reference = bb.Backend(path="reference")
    found["reference"] = bb.simulate(network, samples, backend=reference).output
    return found


def assert_same(network: bb.SpikingNetwork, samples: np.ndarray, referee: Tensor) -> None:
    """Compare the output of each sample with the referee's, which must have done something."""
    expected = referee.double().numpy().reshape(len(samples), -1)
    assert np.abs(expected).sum() > (10 if network.readout == "counts" else 0.1)
    assert np.ptp(expected) > 0.01
    for path, found in outputs(network, samples).items():
        np.testing.assert_allclose(
            found.reshape(expected.shape), expected, rtol=0, atol=1e-9, err_msg=path
        )


Run = Callable[[nn.Module, Tensor], Tensor]


def check_neuron(module: nn.Module, run: Run, scale: float = 1.0, neurons: int = 9) -> None:
    """Compare neurons alone: random spikes, weights and biases, in the framework and here."""
    rng = np.random.default_rng(0)
    weight = scale * rng.normal(0.1, 0.5, (neurons, 12))
    bias = scale * rng.normal(0.05, 0.1, neurons)
    samples = spikes(12, rate=0.3)
    current = torch.tensor(np.einsum("mn,btn->tbm", weight, samples) + bias)
    nodes: dict[str, Any] = {"in": Input((12,)), "fc": Linear(weight, bias)}
    edges: list[tuple[str, str]] = [("in", "fc")]
    with double():
        module = in_double(module)
        cell = reader_of(module)(Reading(module, "cell", 1e-3, (neurons,)))
        into = add_cell(nodes, edges, "cell", cell, (neurons,))
        graph = Graph({**nodes, "out": Output()}, (*edges, ("fc", into), ("cell", "out")))
        network = assemble(graph, bb.Frames(steps=STEPS, dt=1 * ms)).network
        with torch.no_grad():
            result = run(module, current)
        referee = result.sum(0) if cell.fires else result[-1]
        assert_same(network, samples, referee)


def check_network(
    module: nn.Module, samples: np.ndarray, run: Run, *, gain: float = 2.5, **options: Any
) -> bb.SpikingNetwork:
    """Compare a whole network, read by `from_torch`; `run` returns what its output must be."""
    with double():
        module = in_double(module, gain)
        given = torch.tensor(samples)
        axes = options.setdefault("axes", "tb")
        if axes == "tb":
            given = given.transpose(0, 1)
        elif axes == "merged":
            given = given.flatten(0, 1)
        network = bb.from_torch(module, given, **options)
        with torch.no_grad():
            assert_same(network, samples, run(module, given))
    return network
