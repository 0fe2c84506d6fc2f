"""Uses of `from_torch` that once gave another network in silence, or a traceback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import brianbridge as bb

snn = pytest.importorskip("snntorch")
X = (torch.rand(6, 4, 4, generator=torch.Generator().manual_seed(0)) < 0.6).float()


class Net(nn.Module):
    """Two layers in a loop over time, with functions before, between and after."""

    def __init__(
        self,
        before: Callable[[Tensor], Tensor] = lambda x: x,
        between: Callable[[Tensor], Tensor] = lambda x: x,
        after: Callable[[list[Tensor]], Tensor] = torch.stack,
        **layers: nn.Module,
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.before, self.between, self.after = before, between, after
        self.fc1, self.fc2 = nn.Linear(4, 4), nn.Linear(4, 3)
        self.lif1, self.lif2 = snn.Leaky(beta=0.9), snn.Leaky(beta=0.9)
        self.fc2.bias.data += 0.5  # so that they fire
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: Tensor) -> Tensor:
        memory1, memory2 = torch.zeros_like(self.before(x[0])), None
        fired = []
        for now in x:
            one, memory1 = self.lif1(self.fc1(self.before(now)), memory1)
            two, memory2 = self.lif2(self.fc2(self.between(one)), memory2)
            fired.append(two)
        return self.after(fired)


class Signs(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.sign(), self.bias)


def with_nan() -> nn.Module:
    return snn.Leaky(beta=float("nan"))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (lambda: Net(between=lambda a: F.dropout(a, 0.5)), "'dropout' with training=True"),
        (lambda: Net(before=lambda a: a.T), "an exchange of axes"),
        (lambda: Net(before=lambda a: (2 * a).to(torch.int32).float()), "a cast to torch.int32"),
        (lambda: Net(before=lambda a: a - 0.5), "apply it to the samples"),
        (lambda: Net(after=lambda fired: torch.stack(fired[2:])), "another order of the steps"),
        (lambda: Net(fc1=Signs(4, 4)), r"'fc1' \(Signs\) cannot be read"),
        (lambda: Net(lif1=with_nan()), r"'lif1' \(Leaky\): one of its parameters is not a number"),
        (lambda: Net(lif1=snn.Leaky(beta=0.9, threshold=-1.0)), "threshold of at least 0"),
        (lambda: Net(fc1=nn.Linear(5, 4)), r"fails on an example of shape \(6, 4, 4\)"),
        (lambda: Net().double(), "must have the same dtype"),
        (lambda: "net.pt", "and not a str and a Tensor"),
    ],
)  # fmt: skip
def test_what_would_be_another_network_is_refused(module: Callable[[], Any], message: str):
    with pytest.raises(bb.InputError, match=message) as error:
        bb.from_torch(module(), X, dt="1 ms")
    assert "\n" not in str(error.value)


def test_neurons_of_single_steps_are_given_no_sequence():
    module = nn.Sequential(nn.Linear(4, 3), snn.Leaky(beta=0.9, init_hidden=True))
    with pytest.raises(bb.InputError, match=r"'1' \(Leaky\) takes a single step, but gets all"):
        bb.from_torch(module, X, dt="1 ms")


def test_neurons_of_sequences_need_their_own_order_of_axes():
    layers = pytest.importorskip("sinabs.layers")
    module = nn.Sequential(nn.Linear(4, 3), layers.LIF(tau_mem=10.0))
    with pytest.raises(bb.InputError, match="axes='bt'"):
        bb.from_torch(module, X, dt="1 ms")
    with pytest.raises(bb.InputError, match="takes all steps at once, but gets a single one"):
        bb.from_torch(module, X[0], axes="b", steps=6, dt="1 ms")
    assert bb.from_torch(module, X.transpose(0, 1), axes="bt", dt="1 ms").steps == 6


@pytest.mark.parametrize("example", [X.numpy(), X[:0], X[:, :0]])
def test_an_example_is_a_tensor_with_values(example: Any):
    with pytest.raises(bb.InputError, match="example"):
        bb.from_torch(Net(), example, dt="1 ms")


def test_a_loop_in_the_module_decides_how_many_steps_there_are():
    module = nn.Sequential(nn.Linear(4, 3), snn.Leaky(beta=0.9, init_hidden=True))
    with pytest.raises(bb.InputError, match="steps = 0; give a whole number"):
        bb.from_torch(module, X[0], axes="b", steps=0, dt="1 ms")
    with pytest.raises(bb.InputError, match="steps = 5, but the module runs 6; leave it out"):
        bb.from_torch(Net(), X, steps=5, dt="1 ms")


@pytest.mark.parametrize("around", [torch.compile, nn.DataParallel])
def test_wrappers_are_looked_through(around: Callable[[nn.Module], nn.Module]):
    module = Net()
    counts = bb.simulate(bb.from_torch(around(module), X, dt="1 ms"), X.transpose(0, 1).numpy())
    assert (counts.output == module(X).sum(0).detach().numpy()).all()
    assert np.any(counts.output)


def test_operands_may_have_names():
    module = Net(between=lambda a: torch.add(input=torch.mul(input=a, other=2), other=0))
    counts = bb.simulate(bb.from_torch(module, X, dt="1 ms"), X.transpose(0, 1).numpy())
    assert (counts.output == module(X).sum(0).detach().numpy()).all()
