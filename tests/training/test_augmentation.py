"""Shifted, mirrored and cut images: by hand, and as a property of what comes out."""

from __future__ import annotations

import numpy as np
import pytest

from brianbridge.datasets import from_arrays, load_dataset
from brianbridge.encoding import Current
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.training import Augmentation, train
from brianbridge.twin.network import to_torch


class Given:
    """Stand in for a random generator: hand out what is given, and note what was asked for."""

    def __init__(self, integers=(), random=()):
        self.left, self.share, self.asked = list(integers), random, []

    def integers(self, low, high, shape):
        self.asked.append((low, high))
        return np.reshape(self.left.pop(0), shape)

    def random(self, number):
        return np.asarray(self.share)


IMAGE = np.arange(1.0, 10).reshape(3, 3)


def shifted(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """Return what of an image is still there after a shift, written out pixel by pixel."""
    found = np.zeros_like(image)
    height, width = image.shape[-2:]
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                found[..., row, column] = image[..., row - down, column - right]
    return found


# ---------------------------------------------------------------------- by hand


def test_a_shift_by_hand():
    given = Given([[[1, 0, -1], [0, -2, 3]]])  # rows and columns that are looked at, by sample
    found = Augmentation(shift=3)(np.stack([IMAGE] * 3), given)
    assert given.asked == [(-3, 4)], "from -3 to 3"
    assert found.tolist() == [
        [[4, 5, 6], [7, 8, 9], [0, 0, 0]],
        [[0, 0, 1], [0, 0, 4], [0, 0, 7]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
    ]


def test_a_flip_by_hand():
    found = Augmentation(flip=True)(np.stack([IMAGE] * 3), Given(random=[0.2, 0.5, 0.49]))
    assert found.tolist() == [IMAGE[:, ::-1].tolist(), IMAGE.tolist(), IMAGE[:, ::-1].tolist()]


def test_a_cut_by_hand():
    given = Given([[1, -1, 2], [0, 2, -1]])
    found = Augmentation(cut=2)(np.stack([IMAGE] * 3), given)
    assert given.asked == [(-1, 3), (-1, 3)], "at least a pixel of the square is inside"
    assert found.tolist() == [
        [[1, 2, 3], [0, 0, 6], [0, 0, 9]],
        [[1, 2, 0], [4, 5, 6], [7, 8, 9]],
        [[1, 2, 3], [4, 5, 6], [0, 8, 9]],
    ]


def test_the_cut_is_made_in_what_was_shifted_and_mirrored():
    given = Given([[[0], [1]], [0], [0]], random=[0.0])
    found = Augmentation(shift=1, flip=True, cut=1)(IMAGE[None], given)
    # Shifted left, [2, 3, 0], and then mirrored.
    assert found.tolist() == [[[0, 3, 2], [0, 6, 5], [0, 9, 8]]]


# ---------------------------------------------------------------------- by property

LAYOUTS = {"height and width": (5, 7), "channels": (3, 5, 7)}


def images(layout: str, number: int = 60) -> np.ndarray:
    """Return images of which no pixel is 0 or there twice."""
    shape = (number, *LAYOUTS[layout])
    return np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape).astype(float) + 1


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_comes_out_is_a_shifted_copy_with_zeros(layout, flip):
    x = images(layout)
    kept = x.copy()
    found = Augmentation(shift=2, flip=flip)(x, np.random.default_rng(1))
    np.testing.assert_array_equal(x, kept, err_msg="the original is not changed")
    assert found.shape == x.shape
    seen = set()
    for before, after in zip(x, found, strict=True):
        candidates = {
            (down, right, turned): shifted(before[..., ::-1] if turned else before, down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            for turned in {False, flip}
        }  # all channels at once, so that they move together
        (which,) = [k for k, image in candidates.items() if np.array_equal(image, after)]
        seen.add(which)
    assert {down for down, _, _ in seen} == {right for _, right, _ in seen} == {-2, -1, 0, 1, 2}
    assert {turned for _, _, turned in seen} == {False, flip}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_square_is_cut_from_all_channels(layout):
    x = images(layout, 200)
    found = Augmentation(cut=3)(x, np.random.default_rng(1))
    sizes = set()
    for before, after in zip(x, found, strict=True):
        gone = after == 0
        np.testing.assert_array_equal(after[~gone], before[~gone])
        flat = gone.reshape(-1, 5, 7)
        assert (flat == flat[0]).all()
        rows, columns = flat[0].any(1).nonzero()[0], flat[0].any(0).nonzero()[0]
        assert flat[0].sum() == len(rows) * len(columns), "a full rectangle"
        assert np.ptp(rows) == len(rows) - 1
        assert np.ptp(columns) == len(columns) - 1
        inner = 0 not in rows and 4 not in rows and 0 not in columns and 6 not in columns
        assert not inner or flat[0].sum() == 9
        sizes.add((len(rows), len(columns)))
    assert sizes == {(a, b) for a in (1, 2, 3) for b in (1, 2, 3)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_the_type_is_kept(dtype):
    x = (images("channels", 4) % 250).astype(dtype)
    found = Augmentation(1, True, 2)(x, np.random.default_rng(0))
    assert found.dtype == dtype
    assert found.flags.c_contiguous


def test_nothing_to_do_is_nothing_done():
    x = images("channels")
    random = np.random.default_rng(0)
    assert Augmentation()(x, random) is x
    assert random.random() == np.random.default_rng(0).random()


def test_the_same_seed_gives_the_same_images():
    augmentation, x = Augmentation(2, True, 2), images("channels")
    one, same, other = (augmentation(x, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


# ---------------------------------------------------------------------- in training


def test_every_epoch_sees_other_images_that_follow_from_the_seed(monkeypatch):
    data = load_dataset("digits", seed=1).train.subset(np.arange(60))
    neuron = neuron_model("if")
    net = SpikingNetwork.sequential((8, 8), [Dense(10, neuron)], encoding=Current(2))
    call, seen = Augmentation.__call__, []

    def noting(self, images, random, part=None):
        state = random.bit_generator.state["state"]["state"]
        found = call(self, images, random)
        seen.append((state, found))
        return found

    monkeypatch.setattr(Augmentation, "__call__", noting)
    for seed in (1, 1, 2):
        train(
            to_torch(net), data, seed=seed, epochs=2, batch_size=30,
            augmentation=Augmentation(shift=1), validation_fraction=0.0,
        )  # fmt: skip
    one, again, other = seen[:4], seen[4:8], seen[8:]
    assert len({state for state, _ in one + other}) == 8, "each batch draws anew"
    for (state, images), (same_state, same_images) in zip(one, again, strict=True):
        assert state == same_state
        np.testing.assert_array_equal(images, same_images)


def test_the_validation_sees_images_as_they_are():
    data = load_dataset("digits", seed=1).train.subset(np.arange(60))
    neuron = neuron_model("if")
    twin = to_torch(SpikingNetwork.sequential((8, 8), [Dense(10, neuron)], encoding=Current(2)))
    encode, validated = twin.encode, []

    def noting(x, index=None, stream=0):
        if stream == 0:
            validated.append(x)
        return encode(x, index, stream)

    twin.encode = noting
    cut = Augmentation(shift=2, cut=4)
    train(twin, data, seed=1, epochs=1, augmentation=cut, validation_fraction=0.5)
    rows = {row.tobytes() for row in data.x}
    assert len(validated) == 1
    assert all(row.tobytes() in rows for row in validated[0])


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize("option", ["shift", "cut"])
def test_options_out_of_range_are_refused(refused, option):
    with refused("augmentation", f"{option} = -1", "at least 0"):
        Augmentation(**{option: -1})


def test_what_is_no_image_is_refused(refused):
    for shape in ((4,), (2, 3, 4, 5)):
        with refused("augmentation is for images", str(shape)):
            Augmentation(flip=True).check(shape)
        Augmentation().check(shape)
    for shape in ((4, 5), (1, 4, 5)):
        Augmentation(flip=True).check(shape)
    data = from_arrays("flat", np.zeros((20, 4)), np.arange(20) % 2)
    neuron = neuron_model("if")
    twin = to_torch(SpikingNetwork.sequential((4,), [Dense(2, neuron)], encoding=Current(2)))
    with refused("augmentation is for images", "(4,)"):
        train(twin, data, augmentation=Augmentation(shift=1))
