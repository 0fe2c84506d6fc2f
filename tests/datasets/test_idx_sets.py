from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from brianbridge.datasets import load_dataset
from brianbridge.datasets.registry import registry
from brianbridge.errors import InputError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.parametrize("gz", [False, True])
def test_the_official_split(shapes, put, tmp_path, gz):
    train, test = load_dataset("shapes", folder=put(tmp_path / "mine", shapes, gz))
    assert (len(train), len(test), train.shape) == (12, 6, (3, 2))
    assert train.x.dtype == np.float32
    assert train.x[0, 0].tolist() == [0, 1]
    assert test.y.tolist() == [0, 1, 2, 0, 1, 2]
    assert (train.part, test.part, train.split) == ("train", "test", "official")
    # Over the decompressed content, so that plain and gzipped files agree.
    assert train.sha256 == test.sha256 == hashlib.sha256(b"".join(shapes.values())).hexdigest()


def test_the_order_of_search(shapes, put, tmp_path, monkeypatch):
    places = [
        tmp_path / "own" / "shapes",
        tmp_path / "system" / "datasets" / "shapes",
        tmp_path / "cache" / "shapes",
    ]
    monkeypatch.setenv("BRIANBRIDGE_DATA", str(tmp_path / "own"))
    image = "train-images-idx3-ubyte"
    for place in places:
        put(place, shapes)
    # Each place in turn is damaged, found because it comes first, and then removed.
    for place in places:
        (place / image).write_bytes(shapes[image][:-1])
        with pytest.raises(InputError, match=str(place / image)):
            load_dataset("shapes")
        (place / image).unlink()  # a place that lacks a file is passed over
    with pytest.raises(
        InputError, match=r"'shapes' was not found\. Get it: `brianbridge data shapes"
    ):
        load_dataset("shapes")


def test_a_given_folder_is_the_only_one(shapes, put, tmp_path):
    put(tmp_path / "cache" / "shapes", shapes)
    assert len(load_dataset("shapes").test) == 6
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match=r"mine lacks train-images-idx3-ubyte, .* with \.gz"):
        load_dataset("shapes", folder=tmp_path / "mine")


def test_a_changed_value_is_noticed(shapes, put, tmp_path):
    name = "t10k-images-idx3-ubyte"
    shapes[name] = shapes[name][:-1] + bytes([shapes[name][-1] ^ 1])
    with pytest.raises(InputError, match=rf"{name}: not a file of shapes or damaged, .* sha256"):
        load_dataset("shapes", folder=put(tmp_path / "mine", shapes))


def test_another_size_is_noticed(shapes, put, idx_bytes, tmp_path):
    shapes["train-labels-idx1-ubyte"] = idx_bytes(np.zeros(13, np.uint8))
    with pytest.raises(InputError, match="its content has 21 bytes or more; expected 20"):
        load_dataset("shapes", folder=put(tmp_path / "mine", shapes))


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((12, 2, 3), np.uint8), r"uint8 of shape \(12, 2, 3\); expected uint8 of shape"),
        (np.zeros((12, 3, 2), np.int8), r"int8 of shape \(12, 3, 2\); expected uint8"),
    ],
)
def test_another_shape_is_noticed_without_a_digest(
    shapes, put, idx_bytes, tmp_path, array, expected
):
    # As for MNIST, whose digest is not known.
    toml = tmp_path / "share" / "registry.toml"
    lines = [s for s in toml.read_text().splitlines() if not s.startswith("sha256")]
    toml.write_text("\n".join(lines))
    registry.cache_clear()
    assert len(load_dataset("shapes", folder=put(tmp_path / "mine", shapes)).train) == 12
    shapes["train-images-idx3-ubyte"] = idx_bytes(array)
    with pytest.raises(InputError, match=expected):
        load_dataset("shapes", folder=put(tmp_path / "mine", shapes))


def test_mnist_names_the_files_a_folder_lacks(tmp_path):
    with pytest.raises(InputError, match="lacks train-images-idx3-ubyte, train-labels"):
        load_dataset("mnist", folder=tmp_path)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_fashion_mnist():
    train, test = load_dataset("fashion_mnist", folder=DEBIAN)
    assert np.bincount(train.y).tolist() == [6000] * 10
    assert np.bincount(test.y).tolist() == [1000] * 10
    assert train.x.shape == (60000, 28, 28)
    assert (train.x.min(), train.x.max()) == (0, 1)
    # Trousers are two bright columns: the images are upright and labels belong to them.
    trousers = test.x[test.y == train.classes.index("Trouser")].mean(axis=0)
    assert trousers[:, 9:19].mean() > 5 * trousers[:, :6].mean()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_small_files_of_the_same_format(shrink, put, idx_bytes, tmp_path, name):
    contents, expected = {}, {}
    for part, prefix, n in (("train", "train", 10), ("test", "t10k", 4)):
        images = np.random.default_rng(n).integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8)[::-1]
        contents[f"{prefix}-images-idx3-ubyte"] = idx_bytes(images)
        contents[f"{prefix}-labels-idx1-ubyte"] = idx_bytes(labels)
        expected[part] = images, labels
    shrink(name, {"train": 10, "test": 4}, contents)
    for part in load_dataset(name, folder=put(tmp_path / "mine", contents, gz=True)):
        images, labels = expected[part.part]
        np.testing.assert_array_equal(part.x, images / np.float32(255))
        np.testing.assert_array_equal(part.y, labels)


def test_a_label_of_no_class_is_noticed(shapes, put, idx_bytes, register, tmp_path):
    shapes["t10k-labels-idx1-ubyte"] = idx_bytes(np.array([0, 1, 2, 3, 1, 2], np.uint8))
    register(shapes)
    with pytest.raises(InputError, match=r"t10k-labels.*sample 3 has label 3; expected 0\.\.2"):
        load_dataset("shapes", folder=put(tmp_path / "mine", shapes))
