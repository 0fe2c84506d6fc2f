"""Every rule, encoding and twin on a GPU: what they compute on the processor, without waiting.

Two tests run on the processor too, so that the others are known to run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from test_growth_with_time import BATCH, INPUTS, NETWORKS, OF_RULES, presented
from test_no_waiting import LISTING, LOOKING

import brianbridge as bb
from brianbridge.encoding import Bernoulli, Current, Frames, Latency, Poisson
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.rules.base import learning_rule, rule_names
from brianbridge.rules.choice import rules_for
from brianbridge.twin.network import to_torch

STEPS = 12
no_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")
GPU = [pytest.param("cuda", marks=[pytest.mark.cuda, no_gpu], id="GPU")]
DEVICES = [pytest.param("cpu", id="processor"), *GPU]
ENCODINGS = {
    "current": Current(STEPS), "bernoulli": Bernoulli(STEPS), "latency": Latency(STEPS),
    "poisson": Poisson(STEPS, rate="200 Hz"), "frames": Frames(STEPS),
}  # fmt: skip


@contextmanager
def no_waiting(device: str, wanted: bool = True) -> Iterator[None]:
    """Let torch raise an error where the processor would wait for the GPU."""
    if device != "cuda" or not wanted:
        yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def gradients(
    network: SpikingNetwork, name: str, device: str, waits: bool = False, **options: Any
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return output and gradients of the second of two equal steps."""
    rule, recompute = learning_rule(name), options.pop("recompute", False)
    twin = to_torch(network, dtype=torch.float64, device=device, **options)
    rule.prepare(twin)
    twin.train()
    inputs = [None if x is None else x.to(twin.like) for x in presented(twin, STEPS)]
    labels = (torch.arange(BATCH) % 2).to(device)
    for wanted in (False, not waits):
        twin.zero_grad()
        with no_waiting(device, wanted), twin.recomputing(recompute):
            for response, loss in rule.learn(twin, *inputs, labels):
                output = response.output.detach()
                loss.backward()
    found = {n: p.grad.cpu() for n, p in twin.named_parameters() if p.grad is not None}
    return output.cpu(), found


def assert_same(network: SpikingNetwork, rule: str, device: str, **options: Any) -> None:
    output, found = gradients(network, rule, device, **options)
    options.pop("waits", None)
    wanted, expected = gradients(network, rule, "cpu", **options)
    torch.testing.assert_close(output, wanted)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("device", GPU)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_twin_has_the_gradients_of_the_processor(name, device):
    assert_same(NETWORKS[name](STEPS), "surrogate_gradient", device, waits=name in LISTING)


@pytest.mark.parametrize("device", GPU)
@pytest.mark.parametrize("rule", sorted(rule_names()))
def test_every_rule_has_the_gradients_of_the_processor(rule, device):
    network = next(made(STEPS) for made in OF_RULES if rule in rules_for(made(STEPS)))
    assert_same(network, rule, device, waits=rule in LOOKING)


@pytest.mark.parametrize("device", DEVICES)
def test_recomputed_parts_have_the_gradients_of_the_processor(device):
    for name in ("layers", "one delay", "recurrent"):
        assert_same(NETWORKS[name](STEPS), "surrogate_gradient", device, recompute=True)
    network = OF_RULES[1](STEPS)
    assert_same(network, "leaky_backprop", device, recompute=True)


@pytest.mark.parametrize("device", GPU)
def test_recomputed_parts_have_the_masks_of_the_first_pass(device):
    found = []
    for recompute in (False, True):
        torch.manual_seed(1)
        options = {"dropout": 0.5, "recompute": recompute}
        found.append(gradients(NETWORKS["layers"](STEPS), "surrogate_gradient", device, **options))
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("device", GPU)
@pytest.mark.parametrize("kind", ENCODINGS)
def test_every_encoding_is_that_of_the_processor(kind, device):
    lif = bb.neuron_model("lif")
    shape = (STEPS, INPUTS) if kind == "frames" else (INPUTS,)
    net = SpikingNetwork.sequential(shape, [Dense(2, lif)], encoding=ENCODINGS[kind])
    x = np.random.default_rng(0).random((BATCH, *shape))
    twins = [to_torch(net, dtype=torch.float64, device=d).eval() for d in (device, "cpu")]
    found, wanted = ([x for x in twin.encode(x) if x is not None] for twin in twins)
    assert found[0].device.type == device
    assert torch.equal(found[0].cpu(), wanted[0])
    outputs = [twin(x).detach().cpu() for twin in twins]
    assert torch.equal(*outputs)


@pytest.mark.parametrize("device", DEVICES)
def test_training_gives_the_weights_of_the_processor(device):
    x = np.random.default_rng(0).random((40, INPUTS))
    data = bb.from_arrays("few", x, (x[:, 0] > x[:, 1]).astype(np.int64))
    weights = []
    for each in (device, "cpu"):
        twin = to_torch(NETWORKS["layers"](STEPS), dtype=torch.float64, device=each)
        result = bb.train(twin, data, "surrogate_gradient", epochs=2, batch_size=8)
        assert np.isfinite(result.curve["train_loss"]).all()
        weights.append(bb.to_torch(twin.to_network()).state_dict())
    for name, values in weights[1].items():
        torch.testing.assert_close(weights[0][name], values, rtol=1e-6, atol=1e-6)
