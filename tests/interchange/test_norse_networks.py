"""Norse as the referee: its own spikes are those of the twin and of Brian2."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from framework_cases import check_network, check_neuron, spikes
from torch import Tensor, nn

norse = pytest.importorskip("norse.torch")
reset = pytest.importorskip("norse.torch.functional.reset")
value = torch.as_tensor


def alone(module: nn.Module, current: Tensor) -> Tensor:
    """Run neurons over time, and pass them their states."""
    state, result = None, []
    for now in current:
        found, state = module(now, state)
        result.append(found)
    return torch.stack(result)


ODD = {"v_leak": value(0.1), "v_reset": value(-0.2), "v_th": value(0.8)}
NEURONS: dict[str, Any] = {
    "lif": (2.0, lambda: norse.LIFCell(norse.LIFParameters(**ODD))),
    "lif in volts": (2.0, lambda: norse.LIFCell(norse.LIFParameters(tau_mem_inv=value(50.0)))),
    "recurrent": (1.5, lambda: norse.LIFRecurrentCell(9, 9)),
    "box": (6.0, lambda: norse.LIFBoxCell(norse.LIFBoxParameters(**ODD))),
    "box that subtracts": (
        6.0,
        lambda: norse.LIFBoxCell(norse.LIFBoxParameters(reset_method=reset.reset_subtract)),
    ),
    "iaf": (1.0, lambda: norse.IAFCell(norse.IAFParameters(v_reset=value(0.1)))),
    "li": (1.0, lambda: norse.LICell(norse.LIParameters(v_leak=value(0.2)))),
    "li box": (1.0, norse.LIBoxCell),
}


@pytest.mark.parametrize("kind", NEURONS)
def test_neurons_fire_as_in_norse(kind):
    torch.manual_seed(0)
    scale, make = NEURONS[kind]
    check_neuron(make(), alone, scale)


class Stepwise(nn.Module):
    """Layers in a `SequentialState`, one step at a time."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = norse.SequentialState(*layers)

    def forward(self, x: Tensor) -> Tensor:
        state, result = None, []
        for now in x:
            found, state = self.layers(now, state)
            result.append(found)
        return torch.stack(result)


def test_an_mlp_takes_norses_own_step():
    torch.manual_seed(0)
    net = Stepwise(nn.Linear(20, 30), norse.LIFCell(), nn.Linear(30, 5), norse.LIFCell())
    network = check_network(net, 6 * spikes(20), lambda m, x: m(x).sum(0))
    assert network.dt == 1e-3


def test_an_mlp_of_whole_sequences():
    torch.manual_seed(0)
    net = norse.SequentialState(nn.Linear(20, 30), norse.LIF(), nn.Linear(30, 5), norse.LIF())
    check_network(net, 6 * spikes(20), lambda m, x: m(x)[0].sum(0))


def test_a_membrane_as_output():
    torch.manual_seed(0)
    net = Stepwise(nn.Linear(20, 30), norse.LIFCell(), nn.Linear(30, 5), norse.LICell())
    network = check_network(net, 6 * spikes(20), lambda m, x: m(x)[-1], gain=4.0)
    assert network.readout == "potential"


def test_a_cnn():
    torch.manual_seed(0)
    net = Stepwise(
        nn.Conv2d(1, 6, 3), norse.LIFBoxCell(), nn.AvgPool2d(2), nn.Conv2d(6, 8, 3),
        norse.LIFCell(), nn.Flatten(), nn.Linear(72, 5), norse.LIFCell(),
    )  # fmt: skip
    check_network(net, 3 * spikes(1, 12, 12), lambda m, x: m(x).sum(0), gain=12.0)


class Recurrent(nn.Module):
    """Neurons of Norse with weights of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.fc, self.out = norse.LIFRecurrent(20, 30), nn.Linear(30, 5), norse.LI()

    def forward(self, x: Tensor) -> Tensor:
        fired, _ = self.hidden(x)
        membrane, _ = self.out(self.fc(fired))
        return membrane


def test_a_recurrent_network():
    torch.manual_seed(0)
    check_network(Recurrent(), spikes(20), lambda m, x: m(x)[-1])


def test_another_step_is_refused(refused):
    net = nn.Sequential(nn.Linear(4, 3), norse.LIF())
    from brianbridge import from_torch

    with refused("'1' (LIF)", "its own dt is 0.001 s", "give dt=1*ms"):
        from_torch(net, torch.zeros(5, 1, 4), dt="2 ms")
