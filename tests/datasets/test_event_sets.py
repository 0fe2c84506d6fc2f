"""Folders of recordings as data sets: labels, splits, frames, digests; what is missing is named."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from event_writers import aedat_2, nmnist, random_events

from brianbridge.cli import main
from brianbridge.datasets import describe, fetch, frames, from_event_folder, load_dataset, registry


def nmnist_files(sizes: dict[str, int]) -> dict[str, bytes]:
    return {
        f"{part}/{label}/{k:05}.bin": nmnist(random_events(30, (34, 34), seed=100 * label + k))
        for part, n in sizes.items()
        for label in range(10)
        for k in range(n)
    }


def dvs_files() -> dict[str, bytes]:
    classes = registry.lookup("cifar10_dvs").classes
    return {
        f"{name}/cifar10_{name}_{k}.aedat": aedat_2(random_events(40, seed=50 * label + k))
        for label, name in enumerate(classes)
        for k in range(5)
    }


@pytest.fixture
def put_below(tmp_path):
    def write(folder, files):
        for name, content in files.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path / folder

    return write


@pytest.fixture
def small(nowhere, monkeypatch):
    """Make the sets of events the only ones, with fewer samples, else as they are."""
    real = registry.registry()
    samples = {"nmnist": {"train": 20, "test": 10}, "cifar10_dvs": {"all": 50}}
    entries = {name: replace(real[name], samples=n) for name, n in samples.items()}
    monkeypatch.setattr(registry, "_read", lambda path: entries)
    registry.registry.cache_clear()
    yield entries
    registry.registry.cache_clear()


def test_the_official_split_of_nmnist(small, put_below):
    files = nmnist_files({"Train": 2, "Test": 1})
    files["Train/0/README.txt"] = b"not a recording"
    train, test = load_dataset("nmnist", folder=put_below("mine", files))
    assert (train.shape, train.x.dtype, len(train), len(test)) == (
        (10, 2, 34, 34), np.float32, 20, 10
    )  # fmt: skip
    assert (train.part, test.part, test.split) == ("train", "test", "official")
    assert train.y.tolist() == sorted([*range(10)] * 2)
    for label in range(10):
        for k in range(2):
            events = random_events(30, (34, 34), seed=100 * label + k)
            np.testing.assert_array_equal(train.x[2 * label + k], frames(events, 10, (34, 34)))
    del files["Train/0/README.txt"]
    digest = hashlib.sha256(b"".join(files.values())).hexdigest()
    assert train.sha256 == test.sha256 == digest


def test_cifar10_dvs_is_split_by_seed(small, put_below):
    folder = put_below("mine", dvs_files())
    options = {"size": (128, 128), "steps": 3, "by": "number"}
    train, test = load_dataset("cifar10_dvs", seed=3, folder=folder, frames=options)
    assert (len(train), len(test), train.shape) == (40, 10, (3, 2, 128, 128))
    assert test.split == "stratified 80/20, seed 3"
    assert sorted(test.y) == list(range(10))
    found = set()
    for part in (train, test):
        for x, label in zip(part.x, part.y, strict=True):
            expected = [
                frames(random_events(40, seed=50 * label + k), 3, (128, 128), by="number")
                for k in range(5)
            ]
            found |= {(label, k) for k in range(5) if (x == expected[k]).all()}
    assert len(found) == 50
    assert train.sha256 == load_dataset("cifar10_dvs", folder=folder).train.sha256


def test_cifar10_dvs_has_folds(small, put_below):
    folder = put_below("mine", dvs_files())
    split = load_dataset("cifar10_dvs", folds=5, fold=1, folder=folder)
    assert (split.test.split, len(split.test)) == ("fold 1 of 5, seed 0", 10)
    assert split.train.shape == (10, 2, 64, 64)
    assert split.train.x.sum() == 40 * 40


def test_the_usual_places_are_looked_at(small, put_below, tmp_path, monkeypatch, capsys):
    assert [d.available for d in describe()] == [False, False]
    put_below("all/nmnist", nmnist_files({"Train": 2, "Test": 1}))
    monkeypatch.setenv("BRIANBRIDGE_DATA", str(tmp_path / "all"))
    assert [d.available for d in describe()] == [True, False]
    assert len(load_dataset("nmnist", frames={"steps": 2}).test) == 10
    assert main(["data"]) == 0
    said = capsys.readouterr().out
    assert f"here ({tmp_path / 'all' / 'nmnist'})" in said
    assert "not here: download it from https://figshare.com/" in said


def test_what_is_missing_is_named(small, put_below, refused):
    said = "Get it: download it from https://www.garrickorchard.com/datasets/n-mnist and unpack it"
    with refused("dataset 'nmnist' was not found.", said, "Train/ and Test/ with 0/ to 9/ in each"):
        load_dataset("nmnist")
    files = nmnist_files({"Train": 2, "Test": 1})
    folder = put_below("mine", {k: v for k, v in files.items() if not k.startswith("Test/7")})
    with refused(f"{folder} lacks the folder Test/7. Get it: download"):
        load_dataset("nmnist", folder=folder)
    (folder / "Test/7").mkdir()
    with refused(f"{folder}/Test/7 has no recordings", ".bin"):
        load_dataset("nmnist", folder=folder)
    put_below("mine", files | nmnist_files({"Test": 2}))
    with refused(f"{folder}/Test has 20 recordings, but the dataset has 10; unpack it again"):
        load_dataset("nmnist", folder=folder)


def test_a_recording_that_is_wrong_is_named(small, put_below, refused):
    files = nmnist_files({"Train": 2, "Test": 1})
    for content, said in [
        (b"", "has no events; remove it"),
        (b"1234", "is cut short"),
        (bytes([34, 0, 0, 0, 0]), "x = 34, y = 0, outside of 34 rows"),
    ]:
        folder = put_below("mine", files | {"Test/4/00000.bin": content})
        with refused(f"{folder}/Test/4/00000.bin: ", said):
            load_dataset("nmnist", folder=folder)


def test_wrong_options_are_refused(small, put_below, refused):
    folder = put_below("mine", nmnist_files({"Train": 2, "Test": 1}))
    with refused("dataset 'nmnist': frames has no option 'step'. Did you mean 'steps'?"):
        load_dataset("nmnist", folder=folder, frames={"step": 3})
    with refused("frames: steps = 0"):
        load_dataset("nmnist", folder=folder, frames={"steps": 0})
    with refused("dataset 'nmnist' has an official split and no folds"):
        load_dataset("nmnist", folder=folder, fold=0, folds=2)
    with refused("dataset 'nmnist' cannot be fetched; download it from"):
        fetch("nmnist")


def test_frames_are_of_events_only(refused):
    with refused("dataset 'iris' has no events to make frames from"):
        load_dataset("iris", frames={"steps": 3})


def test_a_folder_of_ones_own(put_below, refused):
    own = {"up/1.bin": random_events(9, (4, 6), 1), "up/2.bin": random_events(8, (4, 6), 2)}
    own["down/1.bin"] = random_events(7, (4, 6), 3)
    folder = put_below("own", {name: nmnist(events) for name, events in own.items()})
    data = from_event_folder("own", folder, (4, 6), steps=3, size=(2, 3), binary=True)
    assert (data.classes, data.y.tolist()) == (("down", "up"), [0, 1, 1])
    assert data.shape == (3, 2, 2, 3)
    assert set(np.unique(data.x)) == {0.0, 1.0}
    chosen = from_event_folder("own", folder, (4, 6), steps=3, classes=["up"], part="test")
    assert (len(chosen), chosen.part, chosen.x.sum()) == (2, "test", 17)
    with refused("dataset 'own':", "has no folder 'left'; make one for each class"):
        from_event_folder("own", folder, (4, 6), steps=3, classes=["left"])
    with refused("dataset 'own':", "is not a folder"):
        from_event_folder("own", folder / "up" / "1.bin", (4, 6), steps=3)
    with refused("dataset 'own':", "has no subfolders"):
        from_event_folder("own", folder / "up", (4, 6), steps=3)
