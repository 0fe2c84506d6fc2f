from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from brianbridge.datasets import fetch, load_dataset, registry
from brianbridge.errors import InputError

SAMPLES = {"train": 11, "test": 3}


def images(part: str) -> np.ndarray:
    """Make images of shape (sample, colour, height, width)."""
    n = SAMPLES[part]
    return np.random.default_rng(n).integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)


def mat(compressed: bool = True, **variables: np.ndarray) -> bytes:
    file = io.BytesIO()
    savemat(file, variables, do_compression=compressed)
    return file.getvalue()


LABELS = {"train": [*range(1, 11), 10], "test": [3, 10, 1]}


def variables(part: str, kind: type = np.uint8) -> dict[str, np.ndarray]:
    return {"X": images(part).transpose(2, 3, 1, 0), "y": np.array(LABELS[part], kind)[:, None]}


def files() -> dict[str, bytes]:
    return {f"{part}_32x32.mat": mat(**variables(part)) for part in SAMPLES}


@pytest.fixture
def small(shrink):
    made = files()
    shrink("svhn", SAMPLES, made)
    return made


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kind", [np.uint8, np.float64])
@pytest.mark.parametrize("gz", [True, False])
def test_the_official_split(shrink, put, tmp_path, compressed, kind, gz):
    made = {f"{p}_32x32.mat": mat(compressed, **variables(p, kind)) for p in SAMPLES}
    shrink("svhn", SAMPLES, made)
    train, test = load_dataset("svhn", folder=put(tmp_path / "mine", made, gz))
    for part in (train, test):
        assert part.x.dtype == np.float32
        assert part.x.flags.c_contiguous
        np.testing.assert_array_equal(part.x, images(part.part) / np.float32(255))
        assert part.sha256 == hashlib.sha256(b"".join(made.values())).hexdigest()
    # 10 means the digit 0.
    assert train.y.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0]
    assert test.y.tolist() == [3, 0, 1]
    assert train.classes[train.y[9]] == "0"
    assert (train.part, test.part, train.split) == ("train", "test", "official")


def test_the_files_are_fetched_as_they_are(shrink, put, tmp_path, server):
    pytest.importorskip("pooch")
    root, url, asked = server
    made = files()
    shrink("svhn", SAMPLES, made, f"{url}/")
    put(root, made)
    assert sorted(p.name for p in fetch("svhn").iterdir()) == sorted(made)
    assert sorted(asked) == sorted(f"/{name}" for name in made)
    assert len(load_dataset("svhn").train) == 11


def hdf5() -> bytes:
    """Make the beginning of a MATLAB file of version 7.3, which is HDF5 behind 512 bytes."""
    file = io.BytesIO()
    with h5py.File(file, "w", userblock_size=512) as h5:
        h5["y"] = np.ones(3)
    head = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    return head + file.getvalue()[len(head) :]


def changed(**changes: np.ndarray | None) -> bytes:
    return mat(**{k: v for k, v in {**variables("test"), **changes}.items() if v is not None})


def damaged() -> bytes:
    content = bytearray(mat(**variables("test")))
    content[1000:1100] = bytes(100)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "it cannot be read"),
        (b"text" * 100, "it cannot be read"),
        (damaged(), "it cannot be read"),
        (mat(**variables("test"))[:-2000], "it cannot be read"),
        (mat(False, **variables("test"))[:-5000], "it cannot be read"),
        (hdf5(), "it cannot be read .*expected a whole MATLAB file of version 5"),
        (changed(y=None), "it has no y; expected X and y"),
        (mat(digitStruct=np.ones(3)), "it has no X and no y"),
        (
            changed(X=np.zeros((32, 32, 3, 4), np.uint8)),
            r"its X is uint8 of shape \(32, 32, 3, 4\); expected uint8 of shape \(32, 32, 3, 3\)",
        ),
        (changed(X=np.zeros((32, 32, 3, 3), np.int16)), "its X is int16"),
        (changed(y=np.ones((4, 1))), r"of shape \(4, 1\); expected numbers of shape \(3, 1\)"),
        (changed(y=np.array([["a"], ["b"], ["c"]])), "its y is <U1"),
        (changed(y=np.array([[1], [0], [2]])), r"sample 1 has label 0; expected 1\.\.10"),
        (changed(y=np.array([[1], [2], [11]])), r"sample 2 has label 11; expected 1\.\.10"),
        (changed(y=np.array([[1.5], [2], [3]])), r"sample 0 has label 1\.5"),
        (changed(y=np.array([[1.0], [np.nan], [3]])), "sample 1 has label nan"),
    ],
)
def test_a_wrong_file_is_named_in_one_line(shrink, put, tmp_path, content, expected):
    # As large as stated, so that its content is looked at.
    made = {**files(), "test_32x32.mat": content}
    shrink("svhn", SAMPLES, made)
    folder = put(tmp_path / "mine", made)
    with pytest.raises(InputError, match=expected) as error:
        load_dataset("svhn", folder=folder)
    assert str(error.value).startswith(f"{folder / 'test_32x32.mat'}: not a file of svhn, ")
    assert "\n" not in str(error.value)


def test_another_size_is_noticed_before_it_is_interpreted(small, put, tmp_path):
    size = len(small["train_32x32.mat"])
    small["train_32x32.mat"] = small["train_32x32.mat"][:-9]
    expected = rf"train_32x32\.mat: .* cut short, its content has {size - 9} bytes; expected {size}"
    with pytest.raises(InputError, match=expected):
        load_dataset("svhn", folder=put(tmp_path / "mine", small))


def test_another_digest_is_noticed(nowhere, put, tmp_path, monkeypatch):
    made = files()
    entry = registry.lookup("svhn")
    sized = {r: replace(f, bytes=len(made[f.name])) for r, f in entry.files.items()}
    monkeypatch.setattr(registry, "registry", lambda: {"svhn": replace(entry, files=sized)})
    with pytest.raises(InputError, match=r"train_32x32\.mat: .* expected 435e94d6"):
        load_dataset("svhn", folder=put(tmp_path / "mine", made))


def test_what_a_folder_lacks_is_named(small, put, tmp_path):
    del small["test_32x32.mat"]
    with pytest.raises(InputError, match=r"mine lacks test_32x32\.mat \(or the same with \.gz\)$"):
        load_dataset("svhn", folder=put(tmp_path / "mine", small))
