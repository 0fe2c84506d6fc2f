"""`from_state_dict`: weights by name or in order; what does not fit is named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import brianbridge as bb


@pytest.fixture
def net() -> bb.SpikingNetwork:
    lif = bb.neuron_model("lif")
    return bb.SpikingNetwork.sequential(
        (1, 6, 6), [bb.Conv2d(2, 3, lif), bb.layers.Flatten(), bb.Dense(5, lif), bb.Dense(3, lif)],
        encoding=bb.Current(steps=5),
    )  # fmt: skip


@pytest.fixture
def module() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 5), nn.Linear(5, 3))


def test_weights_are_taken_in_order(net, module):
    new = bb.from_state_dict(net, module.state_dict())
    for projection, layer in zip(new.projections, (module[0], module[2], module[3]), strict=True):
        np.testing.assert_array_equal(projection.weight, layer.weight.detach())
        np.testing.assert_array_equal(projection.bias, layer.bias.detach())


def test_weights_are_taken_by_name(net, module):
    last = net.projections[-1].name
    state = {key: values for key, values in module.state_dict().items() if key.startswith("3.")}
    new = bb.from_state_dict(net, state, {last: "3"})
    np.testing.assert_array_equal(new.projections[-1].weight, module[3].weight.detach())
    assert new.projections[0] is net.projections[0]


def test_what_does_not_fit_is_named(net, module, refused):
    state = module.state_dict()
    first, middle, last = (p.name for p in net.projections)
    names = {first: "0", middle: "2", last: "3"}
    with refused("no 'nein.weight'", "Choose from: '0', '2'"):
        bb.from_state_dict(net, _without(state, "3."), {**names, last: "nein"})
    with refused("'3.weight' belongs to no projection", "ignore=['3.*']"):
        bb.from_state_dict(net, state, {first: "0", middle: "2"})
    with refused("no projection 'hidden_to_nowhere'"):
        bb.from_state_dict(net, state, {**names, "hidden_to_nowhere": "3"})
    with refused("'3.weight' has the shape (3, 5)", f"'{middle}'", "that of '2' does"):
        bb.from_state_dict(net, state, {first: "0", middle: "3", last: "2"})
    with refused("2 layers (0, 2) for 3 projections", "names={projection: layer}"):
        bb.from_state_dict(net, _without(state, "3."))
    with refused("'lif.beta' is neither weight nor bias", "ignore=['lif.beta']"):
        bb.from_state_dict(net, {**state, "lif.beta": torch.ones(())})
    with refused("'4.bias' has no weight", "ignore=['4.*']"):
        bb.from_state_dict(net, {**state, "4.bias": torch.ones(3)})


def test_the_remedies_work(net, module):
    state = {**module.state_dict(), "lif.beta": torch.ones(()), "4.bias": torch.ones(3)}
    new = bb.from_state_dict(net, state, ignore=["lif.beta", "4.*"])
    np.testing.assert_array_equal(new.projections[-1].weight, module[3].weight.detach())


def _without(state: dict[str, torch.Tensor], start: str) -> dict[str, torch.Tensor]:
    return {key: values for key, values in state.items() if not key.startswith(start)}
