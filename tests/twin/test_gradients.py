"""Gradients of the rendered step, with a smooth stand-in for the spike function.

The surrogate's gradient is wrong by design, so it cannot be checked against differences. With a
smooth function in its place forward *and* backward, everything else can: state update, receive,
emit, reset and the unrolling over time.
"""

import pytest
import torch
from library_units import by_unit, scale_of_input
from smooth_spikes import Smooth

from brianbridge.neurons.library import model_names, neuron_model
from brianbridge.twin.population import PopulationTwin

STEPS, BATCH, NEURONS = 6, 3, 2


def inputs(name, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (STEPS, BATCH, NEURONS)
    x = torch.rand(shape, generator=generator, dtype=torch.float64) * 1.6 - 0.3
    drive = torch.rand(shape[1:], generator=generator, dtype=torch.float64)
    return x.requires_grad_(), drive.requires_grad_()


@pytest.mark.parametrize("name", model_names())
def test_against_finite_differences(name):
    model = neuron_model(name)
    scale = scale_of_input(model)
    neurons = PopulationTwin(
        model, (NEURONS,), 1e-3, spike_function=Smooth(0.4 * scale), dtype=torch.float64
    )
    per_drive = by_unit(model, model.drive, {"amp": 5e-10, "volt/second": 10.0}, 300.0)

    def run(x, drive):
        output = neurons.run(scale * x, per_drive * drive)
        return output.spikes, output.state[model.potential] / scale

    x, drive = inputs(name)
    spikes, _ = run(x, drive)
    assert 0 < (spikes.abs() > 1e-3).double().mean() < 1, "some neurons fire, some do not"
    assert torch.autograd.gradcheck(run, (x, drive), eps=1e-7, atol=1e-6, rtol=1e-5)


def test_subtractive_reset_passes_a_gradient_through_the_spike():
    neurons = PopulationTwin(
        neuron_model("if"), (1,), 1e-3, spike_function=Smooth(0.4), dtype=torch.float64
    )
    x = torch.tensor([1.1, 0.0], dtype=torch.float64).reshape(2, 1, 1).requires_grad_()
    neurons.run(x).state["v"].sum().backward()
    assert x.grad[0] < 0, "a stronger input fires more, and the reset takes more than it gave"


def test_reset_to_a_value_stops_the_gradient():
    neurons = PopulationTwin(neuron_model("lif_zero"), (1,), 1e-3, dtype=torch.float64)
    x = torch.tensor([1.5, 0.2], dtype=torch.float64).reshape(2, 1, 1).requires_grad_()
    neurons.run(x).state["v"].sum().backward()
    assert x.grad[0] == 0
    assert x.grad[1] == 1
