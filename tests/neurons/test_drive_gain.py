"""What a constant unit drive adds to a neuron over one step."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Network, ms

from brianbridge.neurons.drive import drive_gain
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.probe import probe, resolve_names


def gain_of(model: NeuronModel, neurons: int = 1, dt: float = 1e-3):
    group = probe(model, neurons, fires=False)
    exact = model.method == "exact"
    return drive_gain(group.equations, resolve_names(group), model.drive, dt, exact=exact)


@pytest.mark.parametrize("name", ["if", "lif", "cuba_lif", "lif_refractory"])
@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_the_gain_is_what_one_step_from_rest_adds(name, dt):
    model = neuron_model(name)
    group = model.group(1, fires=False, dt=dt * ms)
    group.variables["drive"].set_value(1.0)
    Network(group).run(dt * ms)
    variable, gain = gain_of(model, dt=dt * 1e-3)
    assert variable == "v"
    assert gain == pytest.approx(group.v[0], rel=1e-14)


def test_the_gain_of_a_nonlinear_neuron_is_the_charge():
    variable, gain = gain_of(neuron_model("adex"), dt=1e-4)
    assert variable == "v"
    assert gain == pytest.approx(1e-4 / 281e-12)


def test_the_gain_differs_by_neuron():
    taus = np.array([5e-3, 20e-3])
    model = neuron_model("lif", tau=["5 ms", "20 ms"])
    np.testing.assert_allclose(gain_of(model, 2)[1], -taus * np.expm1(-1e-3 / taus), rtol=1e-14)


@pytest.mark.parametrize(
    ("equations", "said"),
    [
        ("dv/dt = -v/tau : 1\ndrive : Hz", "no differential equation"),
        ("dv/dt = -v/tau + drive : 1\ndw/dt = drive : 1\ndrive : Hz", "'v', 'w'"),
        ("dv/dt = -v/tau + drive**2*tau : 1\ndrive : Hz", "linearly"),
        ("dv/dt = -v/tau + v*drive : 1\ndrive : Hz", "linearly"),
    ],
)
def test_a_drive_that_has_no_gain(equations, said):
    model = NeuronModel(equations, drive="drive", parameters={"tau": 5 * ms}, method="euler")
    with pytest.raises(ValueError, match=said):
        gain_of(model)
