"""A population alone inside a torch model: shapes, types, state, inputs, errors."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from brian2 import ms, mV
from torch import nn

from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.twin.population import PopulationTwin
from brianbridge.twin.spike_function import SpikeFunction

DECAY = float(np.exp(-0.1))  # of the library's lif over 1 ms


def lif(shape=(2,), **options) -> PopulationTwin:
    return PopulationTwin(neuron_model("lif"), shape, 1 * ms, **options)


def by_hand(x: torch.Tensor, gain_drive: torch.Tensor | float, step) -> torch.Tensor:
    """Step the leaky neuron as its definition says."""
    v, spikes = torch.zeros_like(x[0]), []
    for row in x:
        v = DECAY * v + gain_drive + row
        s = step(v - 1.0)
        v = v - s
        spikes.append(s)
    return torch.stack(spikes)


# ---------------------------------------------------------------------- what it computes


def test_spikes_are_those_of_the_definition():
    torch.manual_seed(0)
    x = torch.rand(50, 4, 2, dtype=torch.float64)
    spikes = lif(dtype=torch.float64)(x)
    assert 0 < spikes.mean() < 1
    assert torch.equal(spikes, by_hand(x, 0.0, lambda d: (d >= 0).double()))


@pytest.mark.parametrize("name", ["arctan", "triangle", "fast_sigmoid"])
def test_gradients_are_autograds_of_the_definition(name):
    torch.manual_seed(1)
    function = SpikeFunction(name, width=0.7, scale=0.8)
    neurons = lif(dtype=torch.float64, spike_function=function)
    gain = -10e-3 * np.expm1(-0.1)
    weights = torch.rand(20, 3, 2, dtype=torch.float64)
    gradients = []
    for run in (
        lambda x, drive: neurons(x, drive),
        lambda x, drive: by_hand(x, gain * drive, function.step),
    ):
        x = torch.rand(20, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        drive = torch.full((3, 2), 30.0, dtype=torch.float64)
        x.requires_grad_(), drive.requires_grad_()
        (run(x, drive) * weights).sum().backward()
        gradients.append((x.grad, drive.grad))
    assert gradients[0][0].abs().sum() > 0
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_every_call_is_a_presentation_of_its_own():
    neurons, x = lif(), torch.full((7, 1, 2), 0.4)
    assert torch.equal(neurons(x), neurons(x))


def test_samples_and_neurons_do_not_mix():
    torch.manual_seed(0)
    neurons, x = lif((2, 3)), torch.rand(10, 4, 2, 3)
    assert torch.equal(neurons(x)[:, 1:2], neurons(x[:, 1:2]))


def test_a_free_potential_neither_fires_nor_resets():
    x = torch.ones(3, 1, 2, dtype=torch.float64)
    neurons = lif(fires=False, dtype=torch.float64)
    assert neurons.run(x).spikes is None
    expected = 1 + DECAY + DECAY**2
    assert neurons(x).flatten().tolist() == pytest.approx([expected, expected])


def test_a_model_without_emit_is_a_free_potential():
    model = NeuronModel("dv/dt = -v/tau : 1", parameters={"tau": 10 * ms})
    assert PopulationTwin(model, (1,), 1 * ms).run(steps=2, batch=1).spikes is None


def test_parameters_of_each_neuron_have_the_shape_of_the_population():
    model = neuron_model("lif", theta=np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0]))
    counts = PopulationTwin(model, (2, 3), 1 * ms)(torch.full((40, 1, 2, 3), 0.4)).sum(0)
    assert counts.shape == (1, 2, 3)
    assert (counts.flatten().diff() <= 0).all()


# ---------------------------------------------------------------------- inside a model


def test_it_trains_inside_any_torch_model():
    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights, self.neurons = nn.Linear(3, 2), lif()

        def forward(self, x):
            return self.neurons(self.weights(x)).sum(0)

    net, x = Net(), torch.rand(10, 8, 3)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        loss = ((net(x) - 3.0) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    assert len(list(net.parameters())) == 2


def test_it_adds_nothing_to_a_state_dict():
    assert list(lif().state_dict()) == []
    assert list(lif().parameters()) == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["lif", "lif_refractory", "single_spike_if", "ternary_lif"])
def test_the_type_is_the_one_asked_for(name, dtype):
    neurons = PopulationTwin(neuron_model(name), (2,), 1 * ms, dtype=dtype)
    output = neurons.run(torch.ones(3, 1, 2, dtype=dtype))
    assert output.spikes.dtype == dtype
    assert output.state["v"].dtype == dtype


def test_the_type_may_change_with_the_model():
    neurons = nn.Sequential(lif()).double()[0]
    assert neurons(torch.ones(2, 1, 2, dtype=torch.float64)).dtype == torch.float64


def test_it_moves_between_devices():
    model = neuron_model("lif_refractory", tau=["5 ms", "10 ms"])
    neurons = PopulationTwin(model, (2,), 1 * ms).to("meta")
    output = neurons.run(torch.ones(3, 1, 2, device="meta"), torch.ones(2, device="meta"))
    assert output.spikes.device.type == output.state["lastspike"].device.type == "meta"


def test_a_copy_computes_the_same():
    neurons, x = lif(), torch.full((5, 1, 2), 0.4)
    assert torch.equal(copy.deepcopy(neurons)(x), neurons(x))


def test_it_says_what_it_is():
    assert repr(lif()) == "PopulationTwin(lif, shape=(2,), dt=1 ms)"


# ---------------------------------------------------------------------- inputs


def test_a_drive_may_be_the_same_for_the_whole_batch():
    neurons, x = lif(), torch.zeros(30, 3, 2)
    drive = torch.tensor([150.0, 300.0])
    assert torch.equal(neurons(x, drive), neurons(x, drive.expand(3, 2)))
    assert torch.equal(neurons.run(None, drive, steps=30, batch=3).spikes, neurons(x, drive))
    assert neurons.run(None, drive.expand(3, 2), steps=30).spikes.shape == (30, 3, 2)


def test_without_a_drive_the_variable_has_its_initial_value():
    driven = replace(neuron_model("lif"), initial={"drive": "150 Hz"})
    neurons = PopulationTwin(driven, (2,), 1 * ms)
    drive = torch.full((2,), 150.0)
    assert torch.equal(neurons.run(steps=30, batch=1).spikes, lif()(torch.zeros(30, 1, 2), drive))


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "give x, or steps and batch"),
        ({"steps": 3}, "give x, or steps and batch"),
        ({"drive": torch.ones(2), "steps": 3}, "give x, or steps and batch"),
        ({"steps": 0, "batch": 1}, "give x, or steps and batch"),
        ({"x": torch.ones(3, 1, 5)}, "input of shape (3, 1, 5)"),
        ({"x": torch.ones(3, 1, 1)}, "input of shape (3, 1, 1)"),
        ({"x": torch.ones(3, 2)}, "input of shape (3, 2)"),
        ({"x": torch.ones(3, 4, 2), "drive": torch.ones(5, 2)}, "drive of shape (5, 2)"),
        ({"x": torch.ones(3, 4, 2), "drive": torch.ones(4, 3)}, "drive of shape (4, 3)"),
        ({"x": torch.ones(3, 4, 2), "record": ["w"]}, "'w' is not a state variable"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(refused, inputs, said):
    with refused(said):
        lif().run(**inputs)


def test_a_model_without_a_drive_takes_none(refused):
    model = NeuronModel(
        "dv/dt = -v/tau : 1", emit="int(v > 1)", parameters={"tau": 10 * ms}, name="mine"
    )
    neurons = PopulationTwin(model, (2,), 1 * ms)
    with refused("neuron model 'mine' names no drive", "give the model a 'drive'"):
        neurons(torch.ones(3, 1, 2), torch.ones(1, 2))


@pytest.mark.parametrize("dt", [0, -1e-3, 1 * mV, "1 mV", None])
def test_a_step_that_is_no_time_is_refused(refused, dt):
    with refused("dt of a population"):
        PopulationTwin(neuron_model("lif"), (2,), dt)


# ---------------------------------------------------------------------- traces


def test_traces_hold_the_value_after_the_reset():
    x = torch.full((4, 1, 1), 0.6, dtype=torch.float64)
    output = lif((1,), dtype=torch.float64).run(x, record=["v"])
    v, expected = 0.0, []
    for _ in range(4):
        v = DECAY * v + 0.6
        v -= v >= 1
        expected.append(v)
    assert output.traces["v"].flatten().tolist() == pytest.approx(expected)
    assert output.state["v"].item() == output.traces["v"][-1].item()


def test_any_state_variable_may_be_recorded():
    neurons = PopulationTwin(neuron_model("single_spike_if"), (2,), 1 * ms)
    output = neurons.run(torch.ones(5, 3, 2), record=["fired", "v"])
    assert output.traces["fired"].dtype == torch.bool
    assert output.traces["v"].shape == (5, 3, 2)
    assert output.spikes.sum() == 6
