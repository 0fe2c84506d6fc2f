"""Signs of weights that training, quantisation and write-back keep."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.errors import InputError
from brianbridge.twin import Quantisation


def network(sign="any", weight=None):
    base = bb.SpikingNetwork.sequential(
        (6,), [bb.Dense(3, bb.neuron_model("lif"), bias=False)], encoding=bb.Current(8), seed=4
    )
    [projection] = base.projections
    given = projection.weight if weight is None else np.asarray(weight, dtype=np.float32)
    return replace(base, projections=(replace(projection, weight=given, sign=sign),))


def trained(net, **training):
    x, y = np.random.default_rng(0).random((60, 6)), np.arange(60) % 3
    twin = bb.to_torch(net, **training)
    data = from_arrays("signs", x, y)
    bb.train(twin, data, "surrogate_gradient", epochs=3, learning_rate=0.5, validation_fraction=0)
    return bb.write_back(twin).projections[0].weight


@pytest.mark.parametrize("training", [{}, {"quantisation": Quantisation(bits=4)}])
@pytest.mark.parametrize(("sign", "side"), [("positive", 1), ("negative", -1)])
def test_training_keeps_one_sign(sign, side, training):
    weight = side * np.abs(network().projections[0].weight)
    assert np.any(side * trained(network("any", weight), **training) < 0)  # it would change
    assert np.all(side * trained(network(sign, weight), **training) >= 0)


def test_training_keeps_the_sign_of_each_weight():
    before = network().projections[0].weight
    after = trained(network("kept"))
    assert np.all(before * after >= 0)
    assert np.any(before != after)
    assert np.array_equal(np.signbit(before), np.signbit(after))


def test_a_normalisation_does_not_turn_signs_around():
    weight = np.abs(network().projections[0].weight)
    assert np.all(trained(network("positive", weight), batch_norm=True) >= 0)


def test_signs_of_a_network_are_read_from_its_weights():
    for weight, sign in [(np.ones((3, 6)), "positive"), (-np.ones((3, 6)), "negative")]:
        assert network("any", weight).keep_signs().projections[0].sign == sign
    assert network().keep_signs().projections[0].sign == "kept"


def test_files_keep_the_sign(tmp_path):
    weight = np.abs(network().projections[0].weight)
    for sign in ("positive", "any"):
        bb.save_network(network(sign, weight), tmp_path / f"{sign}.h5")
        assert bb.load_network(tmp_path / f"{sign}.h5").projections[0].sign == sign


def test_wrong_signs_are_refused_with_what_helps():
    with pytest.raises(InputError, match=r"sign = 'positve'. Did you mean 'positive'"):
        network("positve")
    with pytest.raises(InputError, match=r"sign = 'positive', but \d+ of 18 weights have the oth"):
        bb.to_torch(network("positive"))
    twin = bb.to_torch(network("kept"))
    with torch.no_grad():
        twin.projection("input_to_output").weight.neg_()
    with pytest.raises(InputError, match=r"call twin.keep_bounds\(\)"):
        bb.write_back(twin)
    twin.keep_bounds()
    assert not np.any(bb.write_back(twin).projections[0].weight)
