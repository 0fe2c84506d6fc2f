"""The natural scale of neurons: rest, threshold, and what moves the potential by one unit."""

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, StateMonitor, TimedArray, defaultclock, ms, mV, nS, pA

from brianbridge.neurons.library import model_names, neuron_model
from brianbridge.neurons.model import NeuronModel

LEAKY = {
    "reset": "v = EL", "initial": {"v": "EL"},
    "parameters": {"EL": "-70 mV", "VT": "-50 mV", "R": "100 Mohm", "tau": "10 ms", "ts": "5 ms"},
}  # fmt: skip
CURRENT = "dv/dt = (EL - v + R*I)/tau : volt\ndI/dt = -I/ts : amp"
CONDUCTANCE = """
dv/dt = (gL*(EL - v) + g*(Ee - v))/C : volt (unless refractory)
dg/dt = -g/ts : siemens
"""
CONDUCTANCES = {
    "threshold": "v > -50*mV", "reset": "v = -60*mV", "receive": "g", "refractory": "2 ms",
    "method": "exponential_euler", "initial": {"v": "-60 mV"},
    "parameters": {"gL": "10 nS", "EL": "-70 mV", "Ee": "0 mV", "C": "200 pF", "ts": "5 ms"},
}  # fmt: skip


@pytest.mark.parametrize("threshold", ["v > VT", "v >= VT", "VT < v", "v - VT > 0*mV"])
def test_one_unit_is_the_distance_from_rest_to_threshold(threshold):
    scale = NeuronModel(CURRENT, threshold=threshold, receive="I", **LEAKY).scale
    assert (scale.rest, scale.unit) == (-0.07, 0.02)


def test_a_threshold_on_a_subexpression_or_in_other_units():
    equations = "dv/dt = (EL - v)/tau : volt\nabove = v - VT : volt\nx = v/mV : 1"
    for threshold in ("above > 0*mV", "x > -50"):
        scale = NeuronModel(equations, threshold=threshold, receive="v", **LEAKY).scale
        assert (scale.rest, scale.unit) == (-0.07, 0.02)


def test_rest_is_where_the_equations_lead_and_not_where_the_neuron_starts():
    scale = NeuronModel(CONDUCTANCE, **CONDUCTANCES).scale
    assert (scale.rest, scale.unit) == (-0.07, 0.02)


def test_a_neuron_without_leak_rests_where_it_starts():
    model = NeuronModel(
        "dv/dt = 0*volt/second : volt", threshold="v > 15*mV", reset="v = 0*mV", receive="v"
    )
    assert (model.scale.rest, model.scale.unit) == (0.0, 0.015)


def test_a_neuron_that_fires_at_rest_is_measured_from_its_reset():
    model = NeuronModel(
        "dv/dt = (-40*mV - v)/(10*ms) : volt", threshold="v > -50*mV", reset="v = -65*mV",
        receive="v", initial={"v": "-65 mV"},
    )  # fmt: skip
    assert model.scale.unit == 0.015


def test_stairs_are_measured_by_one_stair():
    model = NeuronModel(
        "dv/dt = -v/(10*ms) : volt", emit="clip(floor(v/(5*mV) + 1e-9), 0, 3)",
        reset="v -= 5*mV*emit", receive="v",
    )  # fmt: skip
    assert model.scale.unit == 0.005


def test_neurons_that_differ_share_the_scale_of_the_median():
    model = NeuronModel(CURRENT, threshold="v > VT", receive="I", **LEAKY)
    several = model.with_parameters(VT=[-55, -50, -30] * mV)
    assert several.scale.unit == 0.02


@pytest.mark.parametrize("name", model_names())
def test_dimensionless_potentials_are_their_own_unit(name):
    model = neuron_model(name)
    if not model.scale.dimensions:
        assert (model.scale.rest, model.scale.unit) == (0.0, 1.0)
        assert model.scale.of(model.potential) == 1.0


@pytest.mark.parametrize(
    ("equations", "options", "jump"),
    [
        (CURRENT, {"threshold": "v > VT", "receive": "I", **LEAKY}, 0.01 * pA),
        (CONDUCTANCE, CONDUCTANCES, 1e-6 * nS),
    ],
)
def test_one_unit_of_a_synaptic_variable_moves_the_potential_by_one_unit(equations, options, jump):
    """Compare with the peak that Brian2 reaches after a small jump, which is linear."""
    model = NeuronModel(equations, **options)
    defaultclock.dt = 0.01 * ms
    group = NeuronGroup(
        2, model.equations, method="rk4",
        namespace={**model.parameters, "not_refractory": True},
    )  # fmt: skip
    group.v_ = model.scale.rest
    setattr(group, model.receive, [0, 1] * jump)
    monitor = StateMonitor(group, "v", record=True)
    Network(group, monitor).run(60 * ms)
    peak = np.max(monitor.v_[1] - monitor.v_[0]) / float(jump)
    expected = model.scale.unit / model.scale.of(model.receive)
    assert peak == pytest.approx(expected, rel=2e-3)


def test_equations_that_are_not_smooth_have_a_scale_too():
    model = NeuronModel(
        "dv/dt = (-v + 10*mV*int(v > 3*mV)*rand())/(10*ms) : volt", threshold="v > 20*mV",
        reset="v = 0*mV", receive="v", method="euler",
    )  # fmt: skip
    assert (model.scale.rest, model.scale.unit) == (0.0, 0.02)


def test_functions_of_time_and_random_numbers_are_input_which_rest_leaves_out():
    stimulus = TimedArray([0, 30] * mV, dt=10 * ms)
    model = NeuronModel(
        "dv/dt = (-v + stimulus(t))/(10*ms) : volt", threshold="v > 20*mV + randn()*mV",
        reset="v = 0*mV", method="euler", timed_arrays={"stimulus": stimulus},
    )  # fmt: skip
    assert (model.scale.rest, model.scale.unit) == (0.0, 0.02)
