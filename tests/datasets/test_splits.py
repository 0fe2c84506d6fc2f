from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brianbridge.datasets import from_arrays, train_validation
from brianbridge.datasets.splits import by_fold, by_fraction
from brianbridge.errors import InputError

Y = np.repeat([0, 1, 2], [60, 30, 10])


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(5, 40), min_size=2, max_size=6),
    folds=st.integers(2, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_folds_partition_the_set_and_are_stratified(counts, folds, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    parts = [by_fold("demo", y, folds, fold, seed) for fold in range(folds)]
    assert sorted(np.concatenate([chosen for _, chosen in parts])) == list(range(len(y)))
    for rest, chosen in parts:
        assert sorted([*rest, *chosen]) == list(range(len(y)))
        for label, count in enumerate(counts):
            assert abs((y[chosen] == label).sum() - count / folds) < 1


@settings(max_examples=40, deadline=None)
@given(fraction=st.floats(0.1, 0.9), seed=st.integers(0, 2**32 - 1))
def test_a_share_is_disjoint_and_stratified(fraction, seed):
    rest, chosen = by_fraction("demo", Y, fraction, seed)
    assert sorted([*rest, *chosen]) == list(range(len(Y)))
    for label, count in enumerate((60, 30, 10)):
        # Rounding of the whole part and of each class: less than one sample each.
        assert abs((Y[chosen] == label).sum() - count * fraction) < 2


def test_the_seed_decides():
    for split in (lambda s: by_fraction("demo", Y, 0.2, s), lambda s: by_fold("demo", Y, 5, 1, s)):
        for first, second in zip(split(7), split(7), strict=True):
            np.testing.assert_array_equal(first, second)
        assert set(split(7)[1]) != set(split(8)[1])


@pytest.mark.parametrize("part", [0, 1])
def test_parts_are_shuffled_so_that_their_beginning_has_all_classes(part):
    y = np.repeat(np.arange(4), 50)
    for indices in (by_fraction("demo", y, 0.5, 0), by_fold("demo", y, 2, 0, 0)):
        assert set(y[indices[part][:30]]) == {0, 1, 2, 3}


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_fraction_out_of_range(fraction):
    with pytest.raises(InputError, match="'demo': cannot split off"):
        by_fraction("demo", Y, fraction, 0)


def test_a_class_too_small_to_split():
    with pytest.raises(InputError, match=r"'demo': cannot split off 0\.5 of 3 samples"):
        by_fraction("demo", np.array([0, 0, 1]), 0.5, 0)
    with pytest.raises(InputError, match="number of classes"):
        by_fraction("demo", Y, 0.01, 0)


@pytest.mark.parametrize(
    ("folds", "fold", "expected"),
    [
        (1, 0, "1 folds are not possible; give 2 to 10"),
        (11, 0, "11 folds are not possible"),
        (5, 5, "there is no fold 5; give 0 to 4"),
        (5, -1, "no fold -1"),
    ],
)
def test_impossible_folds(folds, fold, expected):
    with pytest.raises(InputError, match=expected):
        by_fold("demo", Y, folds, fold, 0)


def test_a_wrong_seed():
    with pytest.raises(InputError, match="'demo': cannot"):
        by_fraction("demo", Y, 0.2, -1)
    with pytest.raises(InputError, match="'demo': cannot"):
        by_fold("demo", Y, 5, 0, -1)


def test_train_validation_keeps_samples_and_labels_together():
    x = np.arange(100, dtype=np.float32)[:, None]
    train, validation = train_validation(from_arrays("demo", x, Y), 0.3, seed=4)
    assert sorted([*train.x[:, 0], *validation.x[:, 0]]) == list(range(100))
    for part in (train, validation):
        np.testing.assert_array_equal(part.y, Y[part.x[:, 0].astype(int)])
    assert np.bincount(validation.y).tolist() == [18, 9, 3]
    assert (train.part, validation.part) == ("train", "validation")
    assert train.split == "as given; train/validation 70/30, seed 4"
