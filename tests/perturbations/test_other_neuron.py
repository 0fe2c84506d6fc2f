"""Another neuron model: what is kept, and cases in closed form."""

import numpy as np
import pytest
from brian2 import ms

from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.perturbations import FinerDt, Mismatch, OtherNeuron, perturbed
from brianbridge.perturbations.condition import Condition
from brianbridge.perturbations.rate_matching import _mean_counts, spike_value_at

X = np.random.default_rng(0).uniform(0, 1, (4, 20))


def network(model="if", encoding=None, **options):
    layers = [Dense(n, neuron_model(model, **options)) for n in (30, 20, 5)]
    return SpikingNetwork.sequential(
        (20,), layers, encoding=encoding or Current(20), weight_gain=4.0
    )


def apply(net, *perturbations, seed=0):
    return perturbed(Condition(net), perturbations, seed)


def gain_of(old, new):
    """Return by what each projection's weights were multiplied."""
    return [
        (n.weight / o.weight).mean() for o, n in zip(old.projections, new.projections, strict=True)
    ]


@pytest.mark.parametrize("encoding", [Current(20), Bernoulli(20)])
@pytest.mark.parametrize(
    ("model", "parameters"), [("if", {}), ("lif", {"tau": "1e9 ms"}), ("if", {"theta": 3.0})]
)
def test_a_neuron_that_is_the_same_fires_the_same_spikes(model, parameters, encoding):
    net = network(encoding=encoding)
    plain = Condition(net).simulate(X)
    condition = apply(net, OtherNeuron(model, parameters, populations=("hidden1", "hidden2")))
    theta = parameters.get("theta", 1.0)
    assert gain_of(net, condition.network) == pytest.approx([theta, theta, 1.0])
    found = condition.simulate(X)
    assert plain.counts["output"].sum() > 0
    for name in plain.spikes:
        np.testing.assert_array_equal(found.spikes[name], plain.spikes[name])


def test_another_threshold_is_another_gain():
    net = network()
    changed = apply(net, OtherNeuron("if", {"theta": 2.5}, populations=("output",)))
    assert gain_of(net, changed.network) == pytest.approx([1, 1, 2.5])
    np.testing.assert_array_equal(changed.simulate(X).output, Condition(net).simulate(X).output)


@pytest.mark.parametrize("tau", [5, 20])
def test_the_rate_of_a_leaky_neuron_is_that_of_its_formula(tau):
    # dv/dt = -v/tau + I from 0 to theta takes tau*log(tau*I/(tau*I - theta)).
    steps, drives = 400, np.array([0.5, 0.9, 1.1, 1.5, 2.0, 3.0]) / tau
    net = SpikingNetwork.sequential(
        (1,), [Dense(len(drives), neuron_model("if_zero"))], encoding=Current(steps)
    )
    net = net.with_weights({net.projections[0].name: (drives[:, None], np.zeros(len(drives)))})
    other = OtherNeuron("lif_zero", {"tau": tau * ms}, populations=("output",), gain=1.0)
    condition = apply(net, other, FinerDt(50))
    # The twin's input of a step is the charge that is left of the current at its end.
    charge = tau * -np.expm1(-1 / tau)
    level = tau * drives / charge
    wait = tau * np.log(level[level > 1] / (level[level > 1] - 1))
    expected = np.zeros(len(drives))
    expected[level > 1] = steps / wait
    found = condition.simulate(np.ones((1, 1))).counts["output"][0]
    np.testing.assert_allclose(found, expected, atol=1 + 0.01 * expected.max())
    assert (found[level < 1] == 0).all()


@pytest.mark.parametrize(
    ("model", "parameters"),
    [("lif", {"tau": "5 ms"}), ("lif_zero", {"tau": "20 ms"}), ("cuba_lif", {}), ("adex", {})],
)
def test_the_mean_number_of_spikes_is_kept_at_the_calibration_inputs(model, parameters):
    condition = apply(network(), FinerDt(4))
    other = OtherNeuron(model, parameters)
    changed = perturbed(condition, [other]).network
    gains = gain_of(network(), changed)
    assert gains[0] == pytest.approx(gains[1])
    assert gains[2] == 1.0
    assert changed.output.neuron == network().output.neuron
    mine = _mean_counts(condition, neuron_model("if"), np.ones(1), True)[0]
    found = _mean_counts(
        condition, neuron_model(model, parameters=parameters), np.array(gains[:1]), True
    )[0]
    assert found == pytest.approx(mine, rel=0.02)
    assert mine > 1


def test_the_gain_makes_up_for_a_leak_and_falls_to_1_with_it():
    gains = [
        gain_of(network(), apply(network(), OtherNeuron("lif", {"tau": tau * ms})).network)[0]
        for tau in (5, 20, 80, 1e6)
    ]
    assert gains == sorted(gains, reverse=True)
    assert gains[-1] == pytest.approx(1, abs=1e-3)
    assert gains[0] > 1.1


def test_populations_that_are_alike_are_calibrated_once_and_others_left():
    net = apply(network("lif"), OtherNeuron("if", populations=("hidden2",))).network
    assert net.population("hidden1").neuron.name == "lif"
    assert net.population("hidden2").neuron.name == "if"
    varied = apply(network("lif"), OtherNeuron("lif_zero"), Mismatch(cv=0.1)).network
    assert np.ndim(varied.population("hidden1").neuron.parameters["tau"]) == 1


def test_what_a_neuron_emits():
    assert spike_value_at(neuron_model("ternary_if"), -2.0) == -1
    assert spike_value_at(neuron_model("multi_threshold_lif"), -2.0) == 0
    assert spike_value_at(neuron_model("multi_threshold_lif"), 3.2) == 3
    assert spike_value_at(neuron_model("adex"), -30e-3) == 1


def test_what_cannot_be_is_refused():
    for call, message in (
        (lambda: OtherNeuron("liff"), "liff"),
        (lambda: OtherNeuron("lif", {"taus": "1 ms"}), "Did you mean 'tau'"),
        (lambda: OtherNeuron(gain=0.0), "give a number above 0"),
        (lambda: apply(network(), OtherNeuron(populations=("hiden1",))), "Did you mean 'hidden1'"),
        (
            lambda: apply(network(), OtherNeuron("lif_refractory", {"t_ref": "100 ms"})),
            "at any gain; give its parameters other values",
        ),
    ):
        with pytest.raises(InputError, match=message):
            call()
    alone = SpikingNetwork.sequential((3,), [Dense(2, neuron_model("if"))], encoding=Current(5))
    with pytest.raises(InputError, match="no population but the output fires"):
        apply(alone, OtherNeuron())
