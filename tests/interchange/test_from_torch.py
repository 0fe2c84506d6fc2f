"""`from_torch`: what it follows, what it refuses, and that it leaves the module alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import brianbridge as bb

snn = pytest.importorskip("snntorch")
STEPS = 6


def leaky(**options: Any) -> nn.Module:
    return snn.Leaky(beta=0.9, **options)


class Loop(nn.Module):
    """A loop over time around a function of one step."""

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.memories: dict[str, Any] = {}

    def fire(self, name: str, current: Tensor) -> Tensor:
        fired, self.memories[name] = getattr(self, name)(current, self.memories.get(name))
        return fired

    def once(self, x: Tensor) -> Tensor:
        return self.fire("lif", self.fc(x))

    def forward(self, x: Tensor) -> Tensor:
        self.memories = {}
        return torch.stack([self.once(now) for now in x])


def network(once: Any = None, *shape: int, **layers: nn.Module) -> bb.SpikingNetwork:
    """Read a loop around `once`, with samples of a shape."""
    module = Loop(**({"fc": nn.Linear(4, 3), "lif": leaky()} | layers))
    if once is not None:
        module.once = once.__get__(module)
    return bb.from_torch(module, torch.zeros(STEPS, 2, *(shape or (4,))), dt="1 ms")


def test_a_network_says_where_it_comes_from():
    facts = network().provenance["interchange"]
    assert facts["format"] == "torch"
    assert list(facts["frameworks"]) == ["snntorch"]
    assert facts["dt"] == 1e-3
    assert facts["names"] == {"lif": "lif"}


def test_weights_biases_and_learned_values_are_taken_over():
    betas = torch.tensor([0.5, 0.75, 0.875])
    layer = nn.Linear(4, 3)
    net = network(fc=layer, lif=snn.Leaky(beta=betas, learn_beta=True, threshold=2.0))
    projection, neuron = net.projections[0], net.populations[0].neuron
    np.testing.assert_array_equal(projection.weight, layer.weight.detach())
    np.testing.assert_array_equal(projection.bias, layer.bias.detach())
    np.testing.assert_allclose(np.asarray(neuron.parameters["tau"]), [2e-3, 4e-3, 8e-3])
    assert neuron.parameters["theta"] == 2.0


def test_batch_normalisation_is_folded_with_its_statistics():
    norm = nn.BatchNorm1d(3)
    norm.running_mean.fill_(0.5)
    norm.running_var.fill_(4.0)
    layer = nn.Linear(4, 3)
    net = network(lambda m, x: m.fire("lif", m.norm(m.fc(x))), norm=norm, fc=layer)
    scale = 1 / np.sqrt(4 + 1e-5)
    weight, bias = (one.detach().numpy().astype(float) for one in (layer.weight, layer.bias))
    np.testing.assert_allclose(net.projections[0].weight, scale * weight)
    np.testing.assert_allclose(net.projections[0].bias, scale * (bias - 0.5))


def test_two_layers_without_neurons_are_multiplied():
    net = network(lambda m, x: m.fire("lif", m.fc(m.before(x))), before=nn.Linear(4, 4))
    assert net.projections[0].weight.shape == (3, 4)


def test_the_module_keeps_its_mode_and_its_states():
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), leaky(init_hidden=True))
    module(torch.ones(2, 4))
    memory = module[2].mem.clone()
    before = {name: values.clone() for name, values in module.state_dict().items()}
    bb.from_torch(module, torch.ones(2, 4), axes="b", steps=5, dt="1 ms")
    assert module.training
    assert torch.equal(module[2].mem, memory)
    assert all(torch.equal(values, before[name]) for name, values in module.state_dict().items())
    assert not module[0]._forward_hooks


def test_a_loop_in_the_module_shows_its_steps():
    class Constant(Loop):
        def forward(self, x: Tensor) -> Tensor:
            self.memories = {}
            return torch.stack([self.once(x) for _ in range(7)])

    module = Constant(fc=nn.Linear(4, 3), lif=leaky())
    net = bb.from_torch(module, torch.zeros(2, 4), axes="b", dt="1 ms")
    assert net.encoding == bb.Current(steps=7, dt=1e-3)
    poisson = bb.from_torch(module, torch.zeros(2, 4), axes="b", dt="1 ms", encoding="poisson")
    assert poisson.encoding.kind == "poisson"


REFUSED: dict[str, tuple[Any, dict[str, nn.Module], tuple[str, ...]]] = {
    "pooling by maximum": (
        lambda m, x: m.fire("lif", m.fc(m.pool(x))),
        {"pool": nn.MaxPool1d(2), "fc": nn.Linear(2, 3)},
        ("'pool' (MaxPool1d)", "average pooling"),
    ),
    "another activation": (
        lambda m, x: m.fire("lif", m.relu(m.fc(x))),
        {"relu": nn.ReLU()},
        ("'relu' (ReLU)",),
    ),
    "a function": (
        lambda m, x: m.fire("lif", torch.tanh(m.fc(x))),
        {},
        ("function 'tanh'", "modules of torch.nn"),
    ),
    "a constant": (lambda m, x: m.fire("lif", m.fc(x) + 0.5), {}, ("sum with a constant",)),
    "a product": (lambda m, x: m.fire("lif", m.fc(x) * m.fc(x)), {}, ("product with a tensor",)),
    "a part": (
        lambda m, x: m.fire("lif", m.fc(x[:, :2])),
        {"fc": nn.Linear(2, 3)},
        ("choice of some of its values",),
    ),
    "a normalisation without a layer": (
        lambda m, x: m.fire("lif", m.fc(m.norm(x))),
        {"norm": nn.BatchNorm1d(4)},
        ("'norm' (BatchNorm1d)", "right after one"),
    ),
    "inhibition": (None, {"lif": snn.Leaky(beta=0.9, inhibition=True)}, ("inhibition",)),
    "a membrane that forgets": (None, {"lif": snn.Leaky(beta=0.0)}, ("beta = 0", "reset_delay")),
    "the subtraction of alpha neurons": (
        lambda m, x: m.lif(m.fc(x))[0],
        {"lif": snn.Alpha(alpha=0.9, beta=0.8, reset_mechanism="subtract")},
        ("Alpha", "reset_mechanism='zero'"),
    ),
    "a membrane as output": (
        lambda m, x: m.lif(m.fc(x))[1],
        {},
        ("state of 'lif'", "return their spikes"),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_is_named(what, refused):
    once, layers, said = REFUSED[what]
    with pytest.MonkeyPatch.context() as patch, refused(*said):
        patch.setattr("warnings.warn", lambda *_, **__: None)
        network(once, **layers)


def test_wrong_arguments_are_named(refused):
    module = nn.Sequential(nn.Linear(4, 3), leaky(init_hidden=True))
    x = torch.zeros(2, 4)
    with refused("nothing says how long a step is", "dt=1*ms"):
        bb.from_torch(module, x, axes="b", steps=5)
    with refused("state the number of steps", "steps=25"):
        bb.from_torch(module, x, axes="b", dt="1 ms")
    with refused("axes = 'time'"):
        bb.from_torch(module, x, axes="time", dt="1 ms")
    with refused("example has the shape (2, 4)", "give an input with features"):
        bb.from_torch(module, x, dt="1 ms")
    with refused("encoding has 9 steps", "give the same"):
        bb.from_torch(module, x, axes="b", steps=5, encoding=bb.Current(steps=9, dt=1e-3))
    with refused("does not depend on its input"):
        network(lambda m, x: torch.zeros(2, 3))


def test_a_state_from_elsewhere_is_refused(refused):
    class Started(Loop):
        def forward(self, x: Tensor) -> Tensor:
            self.memories = {"lif": torch.ones(2, 3)}
            return torch.stack([self.once(now) for now in x])

    with refused("'lif' starts from a state", "start it at rest"):
        module = Started(fc=nn.Linear(4, 3), lif=leaky())
        bb.from_torch(module, torch.zeros(STEPS, 2, 4), dt="1 ms")


class Skipping(Loop):
    """A loop that leaves out its recurrent layer in the first step."""

    def forward(self, x: Tensor) -> Tensor:
        self.memories, result = {}, []
        for now in x:
            current = self.fc(now)
            if result:
                current = current + self.back(result[-1])
            result.append(self.fire("lif", current))
        return torch.stack(result)


def test_a_bias_that_is_missing_in_the_first_step_is_refused(refused):
    def read(bias: bool) -> bb.SpikingNetwork:
        layers = {"fc": nn.Linear(4, 3), "lif": leaky(), "back": nn.Linear(3, 3, bias=bias)}
        return bb.from_torch(Skipping(**layers), torch.zeros(STEPS, 2, 4), dt="1 ms")

    with refused("'lif' gets nothing from 'back' in the first step", "give it no bias"):
        read(bias=True)
    assert [p.name for p in read(bias=False).projections if p.feedback] == ["lif_to_lif"]
