"""What perturbed neurons do, in closed form."""

import numpy as np
import pytest
from brian2 import ms
from perturbed_networks import apply, network, run

from brianbridge.encoding import Current
from brianbridge.network import (
    Dense,
    SpikingNetwork,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.perturbations import (
    BackgroundCurrent,
    Delay,
    FinerDt,
    MembraneNoise,
    Refractory,
    SynapticKinetics,
    UnitSpikes,
    perturbation,
)
from brianbridge.perturbations.condition import Condition


def constant(model, inputs, weight=1.0, steps=10, readout="counts", **options):
    """Return one neuron that receives a constant current."""
    net = SpikingNetwork.sequential(
        (inputs,), [Dense(1, model)], encoding=Current(steps), readout=readout, **options
    )
    name = net.projections[0].name
    return net.with_weights({name: (np.full((1, inputs), weight), np.zeros(1))})


def test_a_refractory_neuron_fires_once_a_period():
    net = constant(neuron_model("if"), 1, weight=5.0, steps=12)
    found = run(apply(net, Refractory(period=3 * ms)), np.ones((1, 1)))
    assert np.flatnonzero(found.spikes["output"][:, 0, 0]).tolist() == [0, 3, 6, 9]


def test_a_background_current_alone_brings_a_neuron_to_its_threshold():
    net = constant(neuron_model("if"), 1, weight=0.0, steps=10)
    found = run(apply(net, BackgroundCurrent(size=0.25)), np.zeros((1, 1)))
    assert np.flatnonzero(found.spikes["output"][:, 0, 0]).tolist() == [3, 7]


@pytest.mark.parametrize("divisor", [1, 10])
@pytest.mark.parametrize("kind", ["exponential", "alpha"])
def test_kinetics_keep_the_charge_of_a_spike(kind, divisor):
    spiking = neuron_model("if")
    net = SpikingNetwork.sequential(
        (1,), [Dense(1, spiking), Dense(1, neuron_model("if"))], encoding=Current(60),
        readout="potential",
    )  # fmt: skip
    first, second = (p.name for p in net.projections)
    net = net.with_weights({
        first: (np.full((1, 1), 0.025), np.zeros(1)), second: (np.full((1, 1), 0.7), np.zeros(1)),
    })  # fmt: skip
    x = np.ones((1, 1))  # one spike, in step 40 of 60
    condition = apply(net, SynapticKinetics(tau=2 * ms, kind=kind), FinerDt(divisor))
    found = run(condition, x, record=("spikes", "v"))
    assert found.counts["hidden"].sum() == 1
    v, fired = found.traces["output"]["v"][:, 0, 0], found.spikes["hidden"][:, 0, 0].argmax()
    assert v[fired] < 0.7 * 0.5, "not all at once"
    after = (len(v) - 1 - fired) * condition.dt / 2e-3
    left = np.exp(-after) * (1 if kind == "exponential" else 1 + after)
    assert found.output[0, 0] == pytest.approx(0.7 * (1 - left), rel=1e-9)


def test_noise_has_the_standard_deviation_of_its_process():
    quiet = neuron_model("lif").with_parameters(theta=1e6, tau=5 * ms)
    net = SpikingNetwork.sequential(
        (1,), [Dense(2000, quiet)], encoding=Current(100), readout="potential"
    )
    net = net.with_weights({net.projections[0].name: (np.zeros((2000, 1)), np.zeros(2000))})
    found = run(apply(net, MembraneNoise(sigma=1e-7), FinerDt(20)), np.zeros((1, 1)))
    assert found.output.std() == pytest.approx(0.1, rel=0.05)
    assert found.output.mean() == pytest.approx(0, abs=0.01)


def test_sizes_in_units_of_the_threshold_are_distances_from_rest_in_volts():
    """No parameter is called theta here, and the threshold lies below 0 V."""
    model = NeuronModel(
        "dv/dt = (EL - v)/tau + drive : volt\ndrive : volt/second", threshold="v > -50*mV",
        reset="v = EL", drive="drive", initial={"v": "EL"},
        parameters={"EL": "-65 mV", "tau": "10 ms"},
    )  # fmt: skip
    net = SpikingNetwork.sequential((1,), [Dense(1, model, bias=False)], encoding=Current(5))
    noisy = apply(net, MembraneNoise(sigma=0.1)).network.output.neuron
    assert float(noisy.parameters["noise_sigma"]) == pytest.approx(1.5e-3)
    other = apply(net, BackgroundCurrent(size=0.5)).network.output.neuron
    assert float(other.parameters["background"]) == pytest.approx(0.5 * 15e-3 / 1e-3)


def test_unit_spikes_keep_the_charge_where_there_is_time():
    graded = neuron_model("multi_threshold_lif").with_parameters(tau=1e6 * ms)
    net = constant(graded, 1, weight=3.0, steps=2)
    plain = run(Condition(net), np.ones((1, 1)))
    unit = run(apply(net, UnitSpikes(), FinerDt(10)), np.ones((1, 1)))
    assert plain.spikes["output"][:, 0, 0].tolist() == [3, 3]
    assert set(unit.events("output").value.tolist()) == {1}
    assert unit.counts["output"].sum() == pytest.approx(6, abs=1)


def test_a_delay_shifts_what_arrives():
    net = network("if", "if", sizes=(20, 5), readout="counts", steps=12)
    net = net.with_weights({p.name: (p.weight, p.bias * 0) for p in net.projections})
    x = np.random.default_rng(1).uniform(0, 1, (3, 50))
    plain, later = run(Condition(net), x), run(apply(net, Delay(time=2 * ms)), x)
    np.testing.assert_array_equal(plain.spikes["hidden"], later.spikes["hidden"])
    np.testing.assert_array_equal(plain.spikes["output"][:-2], later.spikes["output"][2:])


def test_spread_delays_use_every_weight_once():
    net = network("if", "if", sizes=(20, 5))
    changed = apply(net, Delay(time=3 * ms, spread=2 * ms)).network
    parts = [p for p in changed.projections if p.source == "hidden"]
    assert sorted({round(p.delay * 1e3) for p in parts}) == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(sum(p.weight for p in parts), net.projections[1].weight)
    assert sum(p.bias is not None for p in parts) == 1


def test_spread_delays_are_within_their_bounds():
    net = network("if", "if", sizes=(20, 5))
    changed = apply(net, Delay(time=3 * ms, spread=1.5 * ms)).network
    delays = {round(p.delay * 1e3) for p in changed.projections if p.source == "hidden"}
    assert delays == {2, 3, 4}


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("membrane_noise", "tau"), ("synaptic_kinetics", "tau"), ("refractory", "period"),
        ("conductance_synapses", "tau"), ("delay", "time"),
    ],
)  # fmt: skip
def test_a_plain_number_is_one_of_seconds(name, option):
    net = network("lif", "lif", sizes=(20, 5))
    x = np.random.default_rng(1).uniform(0, 1, (3, 50))
    found = [
        run(apply(net, perturbation(name, **{option: value})), x).spikes["hidden"]
        for value in ("2 ms", 0.002)
    ]
    np.testing.assert_array_equal(found[0], found[1])
