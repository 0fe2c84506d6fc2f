"""A data set is compared with the network that is to see it: shape, outputs, class names."""

from __future__ import annotations

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.datasets import Dataset, from_arrays
from brianbridge.datasets.fit import fitted, named_classes
from brianbridge.encoding import Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.perturbations import WeightQuantisation
from brianbridge.remedies.fine_tune import fine_tune

ANIMALS = ["bird", "cat", "dog"]


def network(**provenance: object) -> SpikingNetwork:
    layers = [Dense(4, bb.neuron_model("if")), Dense(3, bb.neuron_model("if"))]
    net = SpikingNetwork.sequential((3,), layers, encoding=Current(8), seed=1)
    return net.with_weights({}, **provenance)


def data(labels: object, classes: list[str] | None = None) -> Dataset:
    y = np.asarray(labels)
    return from_arrays("pets", np.eye(3)[np.arange(len(y)) % 3], y, classes)


# Everything that takes a network and a data set, and may be given ones that do not fit.
USES = {
    "train": lambda net, d: bb.train(bb.to_torch(net), d, epochs=1, validation_fraction=0.0),
    "verify": lambda net, d: bb.verify(net, d),
    "baseline": lambda net, d: bb.verify(net.with_weights({}, classes=None), d, baseline=net),
    "calibrate": lambda net, d: bb.calibrate(net, d, [WeightQuantisation(bits=8)]),
    "fine_tune": lambda net, d: fine_tune(
        net, d, [WeightQuantisation(bits=8)], epochs=1, validation_fraction=0.0
    ),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_more_classes_than_outputs_are_refused_everywhere(use):
    with pytest.raises(InputError, match=r"has 4 classes; .* only 3 outputs"):
        use(network(), data([0, 1, 2, 3]))


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_samples_of_another_shape_are_refused_everywhere(use):
    with pytest.raises(InputError, match=r"samples of shape \(4,\); .* takes \(3,\)"):
        use(network(), from_arrays("pets", np.ones((2, 4)), [0, 1]))


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_other_class_names_are_refused_everywhere(use):
    with pytest.raises(InputError, match=r"the class 'fish'; .* trained for other classes"):
        use(network(classes=ANIMALS), data(["cat", "dog", "fish"]))


def test_string_labels_of_a_part_that_lacks_a_class_keep_their_numbers():
    part = data(["dog", "cat", "dog"])
    assert part.y.tolist() == [1, 0, 1]  # without the network's names these are shifted
    found = fitted(network(classes=ANIMALS), part)
    assert found.y.tolist() == [2, 1, 2]
    assert found.classes == tuple(ANIMALS)
    np.testing.assert_array_equal(found.x, part.x)


def test_a_verdict_on_a_part_that_lacks_a_class_is_that_of_the_same_samples_of_the_whole():
    whole = data(["bird", "cat", "dog"] * 4)
    twin = bb.to_torch(network())
    bb.train(twin, whole, "surrogate_gradient", epochs=15, learning_rate=0.03,
             validation_fraction=0.0)  # fmt: skip
    trained = bb.write_back(twin)
    assert trained.provenance["classes"] == ANIMALS
    chosen = np.flatnonzero(whole.y > 0)
    numbered = bb.verify(trained, whole.subset(chosen))
    named = bb.verify(trained, from_arrays("pets", whole.x[chosen], ["cat", "dog"] * 4))
    assert named.twin == numbered.twin
    assert named.twin.accuracy > 0.4
    assert [r.accuracy for r in named.rungs] == [r.accuracy for r in numbered.rungs]


def test_names_survive_a_file(tmp_path):
    bb.save_network(network(classes=ANIMALS), tmp_path / "network.h5")
    assert named_classes(bb.load_network(tmp_path / "network.h5")) == tuple(ANIMALS)


@pytest.mark.parametrize(
    ("known", "labels"),
    [
        (ANIMALS, [2, 0, 1]),  # integer labels have no names of their own
        (ANIMALS, [0, 1]),
        (["0", "1", "2"], ["ant", "bee", "cow"]),
        (["0", "1"], [0, 1, 2]),
        (None, ["ant", "bee", "cow"]),
    ],
)
def test_where_a_side_has_no_names_labels_are_numbers(known, labels):
    given = data(labels)
    assert fitted(network(classes=known), given) is given


def test_digits_as_text_are_names():
    found = fitted(network(classes=["0", "1", "2"]), data(["2", "1"]))
    assert found.y.tolist() == [2, 1]


@pytest.mark.parametrize("odd", [7, "abc", [1, 2], ["a", "a"], [], {"a": 1}, list("abcdef")])
def test_what_is_no_list_of_names_counts_as_none(odd):
    assert named_classes(network(classes=odd)) is None


def test_other_classes_can_be_trained_once_the_names_are_dropped():
    fresh = network(classes=ANIMALS).with_weights({}, classes=None)
    twin = bb.to_torch(fresh)
    bb.train(twin, data(["ant", "bee", "cow"]), epochs=1, validation_fraction=0.0)
    assert named_classes(bb.write_back(twin)) == ("ant", "bee", "cow")


@pytest.mark.parametrize("use", ["train", "verify", "calibrate", "fine_tune"])
def test_arrays_are_no_data_set(use):
    with pytest.raises(InputError, match=r"type ndarray, and not a Dataset; give bb.from_arrays"):
        USES[use](network(), np.eye(3))
