"""Calibration against closed forms, and against the mean counts that it should restore."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from brianbridge.datasets import from_arrays
from brianbridge.encoding import Current
from brianbridge.errors import InputError
from brianbridge.network import AvgPool2d, Dense, Flatten, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.perturbations import (
    BackgroundCurrent,
    FinerDt,
    Mismatch,
    Perturbation,
    Stage,
    WeightQuantisation,
    perturbed,
)
from brianbridge.perturbations.condition import Condition
from brianbridge.remedies import calibrate as calibration
from brianbridge.remedies.gain import fitted_gain, with_gain
from brianbridge.twin.network import to_torch


@dataclass(frozen=True)
class Harder(Perturbation):
    """Raise all thresholds by the same factor."""

    keeps = "all else"
    stage = Stage.PARAMETERS
    factor: float = 1.2

    @property
    def name(self):
        return "harder"

    def apply(self, condition, rng):
        def harder(p):
            theta = self.factor * p.neuron.parameters["theta"]
            return replace(p, neuron=p.neuron.with_parameters(theta=theta))

        network = condition.network
        populations = tuple(harder(p) for p in network.populations)
        return replace(condition, network=replace(network, populations=populations))


def calibrate(*given, **options):
    return calibration.calibrate(*given, **{"threads": 1, **options})


def make(readout="counts", neuron="lif", steps=20, sizes=(30, 20, 5), seed=0):
    layers = [Dense(n, neuron_model(neuron)) for n in sizes]
    net = SpikingNetwork.sequential(
        (12,), layers, encoding=Current(steps), readout=readout, weight_gain=4.0, seed=seed
    )
    x = np.random.default_rng(seed).random((80, 12))
    return net, from_arrays("mine", x, np.arange(80) % 5)


def means(recording):
    return {name: float(np.abs(c).mean()) for name, c in recording.counts.items()}


@pytest.mark.parametrize("of", ["weights", "threshold"])
def test_a_common_threshold_change_is_undone(of):
    net, data = make(steps=50)
    found = calibrate(net, data, [Harder(1.2)], of=of, rounds=12, tolerance=1e-3)
    expected = 1.2 if of == "weights" else 1 / 1.2
    assert all(scale == pytest.approx(expected, rel=0.01) for scale in found.scales.values())
    assert set(found.scales) == {"hidden1", "hidden2", "output"}


@pytest.mark.parametrize("readout", ["counts", "potential"])
@pytest.mark.parametrize(
    "perturbations",
    [(BackgroundCurrent(0.05),), (Harder(1.3), FinerDt(4)), (Mismatch(0.2), WeightQuantisation(4))],
)
def test_mean_counts_are_those_of_the_twin(perturbations, readout):
    net, data = make(readout)
    found = calibrate(net, data, perturbations, seed=3, tolerance=0.01, rounds=12)
    twin = means(to_torch(net).record(data.x))
    assert found.wanted == pytest.approx(twin)
    assert found.after == pytest.approx(twin, rel=0.01)
    condition = perturbed(Condition(found.network), perturbations, 3)
    assert means(condition.simulate(data.x, seed=3)) == pytest.approx(found.after)


def test_counts_before_are_those_of_the_network_as_it_was():
    net, data = make()
    found = calibrate(net, data, [Harder(1.3)])
    condition = perturbed(Condition(net), [Harder(1.3)])
    assert means(condition.simulate(data.x)) == pytest.approx(found.before)
    assert found.before["hidden1"] < 0.95 * found.wanted["hidden1"]


def test_nothing_changes_without_perturbations():
    net, data = make()
    found = calibrate(net, data, [])
    assert set(found.scales.values()) == {1.0}
    for old, new in zip(net.projections, found.network.projections, strict=True):
        np.testing.assert_array_equal(old.weight, new.weight)


def test_it_is_the_same_every_time():
    net, data = make()
    one, other = (calibrate(net, data, [Mismatch(0.2)], seed=5, samples=40) for _ in range(2))
    assert one.scales == other.scales
    assert one.network.provenance["calibration"] == other.network.provenance["calibration"]


def test_a_potential_readout_and_pooling_are_left_alone():
    neuron = neuron_model("if")
    layers = [AvgPool2d(2, neuron), Flatten(), Dense(6, neuron), Dense(3, neuron)]
    net = SpikingNetwork.sequential(
        (1, 4, 4), layers, encoding=Current(20), readout="potential", weight_gain=4.0
    )
    x = np.random.default_rng(0).random((40, 1, 4, 4))
    data = from_arrays("mine", x, np.arange(40) % 3)
    found = calibrate(net, data, [Harder(1.2)])
    assert set(found.scales) == {"hidden"}
    frozen = [p for p in net.projections if p.frozen]
    assert frozen
    for p in frozen:
        now = next(q for q in found.network.projections if q.name == p.name)
        np.testing.assert_array_equal(p.weight, now.weight)


def test_what_cannot_be_matched_keeps_its_best():
    assert fitted_gain(lambda gain: 0.0, 5.0, rounds=6, tolerance=0.01) == 1.0
    assert fitted_gain(lambda gain: min(gain, 3.0), 5.0, rounds=6, tolerance=0.01) > 2


def test_a_count_that_grows_slowly_is_found_soon():
    tried = []

    def count(gain):
        tried.append(gain)
        return 10 * gain**0.4

    fitted_gain(count, 15.0, rounds=20, tolerance=1e-6)
    assert len(tried) <= 5


def test_counts_that_jump_are_bracketed():
    gain = fitted_gain(lambda g: np.floor(10 * g), 17.0, rounds=20, tolerance=0.0)
    assert np.floor(10 * gain) == 17


def test_weights_keep_their_type():
    net, _ = make()
    single = net.with_weights(
        {p.name: (p.weight.astype(np.float32), p.bias) for p in net.projections}
    )
    scaled = with_gain(single, "hidden1", 1.5, "weights")
    assert scaled.incoming("hidden1")[0].weight.dtype == np.float32


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"of": "tau"}, "give 'weights' or 'threshold'"),
        ({"rounds": 0}, "rounds = 0"),
        ({"samples": 0}, "samples = 0"),
        ({"tolerance": -1.0}, "tolerance = -1.0"),
    ],
)
def test_options_out_of_range_are_refused(options, told):
    net, data = make()
    with pytest.raises(InputError, match=told):
        calibrate(net, data, [], **options)


def test_data_of_another_shape_are_refused():
    net, _ = make()
    with pytest.raises(InputError, match=r"shape \(3,\)"):
        calibrate(net, from_arrays("mine", np.ones((2, 3)), np.array([0, 1])), [])


def test_a_model_without_theta_is_refused_where_thresholds_are_scaled():
    neuron = NeuronModel(
        "dv/dt = drive : 1\ndrive : Hz", emit="int(v >= 1)", reset="v -= 1", drive="drive"
    )
    net = SpikingNetwork.sequential((4,), [Dense(2, neuron)], encoding=Current(5))
    data = from_arrays("mine", np.ones((2, 4)), np.array([0, 1]))
    with pytest.raises(InputError, match="no parameter 'theta'"):
        calibrate(net, data, [], of="threshold")
