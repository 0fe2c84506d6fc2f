from __future__ import annotations

import gzip
import hashlib
import pickle

import numpy as np
import pytest

from brianbridge.datasets import fetch, load_dataset
from brianbridge.errors import InputError

NAMES = {
    "cifar10": [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"],
    "cifar100": ["train.bin", "test.bin"],
}
FOLDERS = {"cifar10": "cifar-10-batches-bin", "cifar100": "cifar-100-binary"}
SAMPLES = {"cifar10": {"train": 10, "test": 2}, "cifar100": {"train": 2, "test": 2}}


def image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (3, 32, 32), dtype=np.uint8)


def label(seed: int, name: str) -> int:
    return (seed * 7 + 3) % 10 if name == "cifar10" else (seed * 37 + 60) % 100


def record(seed: int, name: str) -> bytes:
    """Write a record byte by byte, as the authors' page describes it."""
    head = [label(seed, name)] if name == "cifar10" else [seed % 20, label(seed, name)]
    pixels = image(seed).tolist()
    planes = [pixels[c][i][j] for c in range(3) for i in range(32) for j in range(32)]
    return bytes(head + planes)


class Small:
    """A set in the format of CIFAR with two records in each file, the seeds counted through."""

    def __init__(self, name, tar_gz):
        self.name, self.archive = name, f"{name.replace('cifar', 'cifar-')}-binary.tar.gz"
        self.files = {
            file: record(2 * k, name) + record(2 * k + 1, name)
            for k, file in enumerate(NAMES[name])
        }
        folder = FOLDERS[name]
        self.packed = tar_gz(
            {
                f"{folder}/batches.meta.txt": b"text\n",
                # In another order than they are hashed in.
                **{f"{folder}/{n}": c for n, c in reversed(self.files.items())},
            }
        )


@pytest.fixture(params=list(NAMES))
def small(request, shrink, tar_gz):
    made = Small(request.param, tar_gz)
    shrink(made.name, SAMPLES[made.name], made.files)
    return made


@pytest.fixture
def small10(shrink, tar_gz):
    made = Small("cifar10", tar_gz)
    shrink("cifar10", SAMPLES["cifar10"], made.files)
    return made


@pytest.fixture
def trap(tmp_path):
    """Make a pickle that leaves a file behind when it is opened."""
    sprung = tmp_path / "sprung"

    class Trap:
        def __reduce__(self):
            return open, (str(sprung), "w")

    content = pickle.dumps(Trap(), protocol=2)
    yield content
    assert not sprung.exists()


@pytest.mark.parametrize("form", ["plain", "gzipped", "unpacked", "in", "archive"])
def test_the_same_set_from_every_form(small, put, tmp_path, form):
    mine = tmp_path / "mine"
    if form in ("plain", "gzipped"):
        put(mine, small.files, gz=form == "gzipped")
    elif form == "unpacked":
        put(mine / FOLDERS[small.name], small.files)
    else:
        put(mine, {small.archive: small.packed})
    before = sorted(tmp_path.rglob("*"))
    train, test = load_dataset(
        small.name, folder=mine / small.archive if form == "archive" else mine
    )
    assert sorted(tmp_path.rglob("*")) == before  # nothing is extracted
    n = SAMPLES[small.name]["train"]
    for part, seeds in ((train, range(n)), (test, range(n, n + 2))):
        assert part.x.shape == (len(seeds), 3, 32, 32)
        assert part.x.dtype == np.float32
        np.testing.assert_array_equal(part.x, [image(s) / np.float32(255) for s in seeds])
        assert part.y.tolist() == [label(s, small.name) for s in seeds]
        assert part.sha256 == hashlib.sha256(b"".join(small.files.values())).hexdigest()
    assert (train.part, test.part, train.split) == ("train", "test", "official")


def test_fine_labels_are_taken(shrink, put, tar_gz, tmp_path):
    files = {n: bytes([4, 99]) + bytes(3072) for n in NAMES["cifar100"]}  # fruit; worm
    shrink("cifar100", {"train": 1, "test": 1}, files)
    train, _ = load_dataset("cifar100", folder=put(tmp_path / "mine", files))
    assert [train.classes[k] for k in train.y] == ["worm"]


def test_the_usual_places_are_searched(small, put, tmp_path, monkeypatch):
    put(tmp_path / "cache" / small.name, {small.archive: small.packed})
    assert len(load_dataset(small.name).test) == 2
    monkeypatch.setenv("BRIANBRIDGE_DATA", str(tmp_path / "own"))
    put(tmp_path / "own" / small.name / FOLDERS[small.name], small.files)
    (tmp_path / "cache" / small.name / small.archive).write_bytes(b"")  # not reached any more
    assert len(load_dataset(small.name).test) == 2


def test_the_archive_is_fetched_and_read(shrink, tar_gz, put, tmp_path, server):
    pytest.importorskip("pooch")
    root, url, asked = server
    made = Small("cifar10", tar_gz)
    shrink("cifar10", SAMPLES["cifar10"], made.files, f"{url}/", packed=made.packed)
    put(root, {made.archive: made.packed})
    folder = fetch("cifar10")
    assert [p.name for p in folder.iterdir()] == [made.archive]
    assert asked == [f"/{made.archive}"]
    assert len(load_dataset("cifar10").train) == 10


def test_what_a_folder_lacks_is_named(small10, put, tmp_path):
    del small10.files["data_batch_4.bin"]
    expected = r"mine lacks data_batch_4\.bin \(or the .*\) and has no cifar-10-binary\.tar\.gz$"
    with pytest.raises(InputError, match=expected):
        load_dataset("cifar10", folder=put(tmp_path / "mine", small10.files))
    with pytest.raises(InputError, match=r"not found\. Get it: `brianbridge data cifar10 --fetch`"):
        load_dataset("cifar10")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c[:-1], "or cut short, its content has 6145 bytes; expected 6146"),
        (
            lambda c: c + c,
            r"or too long, its content has (12292 bytes|6147 bytes or more); expected 6146",
        ),
        (lambda c: c[:3073] + b"\x0a" + c[3074:], r"sample 1 has label 10; expected 0\.\.9"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_wrong_file_is_named_in_one_line(
    small10, put, tar_gz, tmp_path, change, expected, packed
):
    small10.files["data_batch_3.bin"] = change(small10.files["data_batch_3.bin"])
    files = {small10.archive: tar_gz(small10.files)} if packed else small10.files
    with pytest.raises(InputError, match=expected) as error:
        load_dataset("cifar10", folder=put(tmp_path / "mine", files))
    where = f"{small10.archive}: data_batch_3.bin" if packed else "data_batch_3.bin"
    assert str(error.value).startswith(f"{tmp_path / 'mine' / where}: not a file of cifar10")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda packed: packed[: len(packed) // 2], "whole gzip file"),
        (lambda packed: packed[:-5] + bytes([packed[-5] ^ 1]) + packed[-4:], "whole gzip file"),
        (lambda packed: gzip.decompress(packed)[:5000], "damaged, cut short or of another kind"),
        (lambda packed: gzip.compress(b"text"), "damaged, cut short or of another kind"),
        (lambda packed: b"", "damaged, cut short or of another kind"),
    ],
)
def test_a_damaged_archive_is_named_in_one_line(small10, put, tmp_path, change, expected):
    folder = put(tmp_path / "mine", {small10.archive: change(small10.packed)})
    with pytest.raises(InputError, match=expected) as error:
        load_dataset("cifar10", folder=folder)
    assert str(error.value).startswith(str(folder / small10.archive))
    assert "\n" not in str(error.value)


def test_the_archive_of_another_set(small10, put, tar_gz, tmp_path):
    other = tar_gz({"cifar-100-binary/train.bin": b"", "cifar-100-binary/test.bin": b""})
    with pytest.raises(InputError, match=r"lacks data_batch_1\.bin, .* not the archive of cifar10"):
        load_dataset("cifar10", folder=put(tmp_path / "mine", {small10.archive: other}))


@pytest.mark.parametrize(
    ("name", "folder", "file"),
    [
        ("cifar10", "cifar-10-batches-py", "data_batch_1"),
        ("cifar100", "cifar-100-python", "train"),
    ],
)
def test_pickles_are_refused_and_not_opened(
    shrink, put, tar_gz, trap, tmp_path, monkeypatch, name, folder, file
):
    made = Small(name, tar_gz)
    shrink(name, SAMPLES[name], made.files)
    python = made.archive.replace("binary", "python")
    packed = tar_gz({f"{folder}/{file}": trap})
    first = NAMES[name][0]
    places = [
        put(tmp_path / "a" / folder, {file: trap}),  # their folder
        tmp_path / "a",  # the folder above
        put(tmp_path / "b", {python: packed}),  # the archive in a folder
        tmp_path / "b" / python,  # the archive
        tmp_path / "a" / folder / file,  # one of the files
        put(tmp_path / "c", {**made.files, first: trap}),  # renamed, one by one
        put(tmp_path / "d", {made.archive: packed}),  # renamed, as a whole
    ]
    expected = "pickle may execute code. Get the binary version: `brianbridge data cifar10"
    for place in places:
        with pytest.raises(InputError, match=expected) as error:
            load_dataset(name, folder=place)
        assert "\n" not in str(error.value)
    monkeypatch.setenv("BRIANBRIDGE_DATA", str(tmp_path / "own"))
    put(tmp_path / "own" / name, {python: packed})
    with pytest.raises(InputError, match=rf"own/{name}/{python} is the Python version"):
        load_dataset(name)
