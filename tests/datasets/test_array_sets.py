"""Data of the user's own, from files: for Python, studies and the command line."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.cli import main
from brianbridge.datasets import load_dataset
from brianbridge.io.networks.file import save_network

#: Exit statuses of a verdict: held, did not hold, undecided.
JUDGED = (0, 1, 3)
RNG = np.random.default_rng(0)
X, Y = RNG.random((40, 4)).astype(np.float32), np.arange(40) % 2


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("mine.npz", x=X, y=Y)
    return tmp_path / "mine.npz"


@pytest.fixture
def network(mine):
    neuron = bb.neuron_model("lif")
    layers = [bb.Dense(5, neuron), bb.Dense(2, neuron)]
    net = bb.SpikingNetwork.sequential(
        (4,), layers, encoding=bb.Current(steps=5), seed=1, weight_gain=6.0
    )
    save_network(net, "net.h5")
    return net


def test_x_and_y_are_split_like_a_dataset(mine):
    train, test = load_dataset(mine, seed=3)
    assert (len(train), len(test), test.name) == (32, 8, "mine.npz")
    assert test.split == "stratified 80/20, seed 3"
    found = {tuple(row) for row in np.concatenate([train.x, test.x])}
    assert found == {tuple(row) for row in X}
    folds = [load_dataset(str(mine), fold=k, folds=4).test.x for k in range(4)]
    assert {tuple(row) for row in np.concatenate(folds)} == found


@pytest.mark.parametrize("folder", [False, True])
def test_a_test_part_of_its_own_is_kept(tmp_path, folder):
    arrays = {
        "images": X[:30], "y_train": np.array(["cat", "dog"])[Y[:30]], "x_test": X[30:],
        "y_test": np.array(["dog"] * 9 + ["cow"]),
    }  # fmt: skip
    path = tmp_path / "mine"
    if folder:
        path.mkdir()
        for name, values in arrays.items():
            np.save(path / f"{name}.npy", values)
    else:
        path = tmp_path / "mine.npz"
        np.savez_compressed(path, **arrays)
    train, test = load_dataset(path, arrays={"x_train": "images"})
    assert (train.x == X[:30]).all()
    assert (test.x == X[30:]).all()
    assert train.classes == test.classes == ("cat", "cow", "dog")
    assert test.y.tolist() == [2] * 9 + [1]
    assert test.split == "official"


def test_bytes_are_pixels_or_counts_as_the_user_says(tmp_path, refused):
    np.savez(tmp_path / "bytes.npz", x=np.full((40, 4), 51, np.uint8), y=Y)
    with refused("bytes up to 51", "scale = 255", "scale = 1"):
        load_dataset(tmp_path / "bytes.npz")
    assert (load_dataset(tmp_path / "bytes.npz", scale=255).train.x == np.float32(0.2)).all()
    assert (load_dataset(tmp_path / "bytes.npz", scale=1).train.x == 51).all()


REFUSED = {
    "no file": ("gone.npz", {}, ("no file or folder 'gone.npz'",)),
    "no arrays": ("other.npz", {}, ("has no array x", "a, b")),
    "no labels": ("half.npz", {}, ("has x, but no y",)),
    "objects": ("objects.npz", {}, ("Python objects",)),
    "other lengths": ("lengths.npz", {}, ("x has shape (40, 4) and y (39,)",)),
    "no zip": ("text.npz", {}, ("cannot be read",)),
    "a single array": ("x.npy", {}, ("holds a single array; give an .npz file",)),
    "an unknown key": ("mine.npz", {"arrays": {"X": "x"}}, ("'X'", "'x'")),
    "a folder": ("mine.npz", {"folder": "x"}, ("folder is not for a file",)),
    "a name": ("digits", {"scale": 255}, ("scale is not for a dataset with a name",)),
    "no path": ("mine", {}, ("For the folder of this name, give './mine'",)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_told(mine, refused, case):
    np.savez("other.npz", a=X, b=Y)
    np.savez("half.npz", x=X)
    np.savez("objects.npz", x=np.array([{}, {}]), y=Y[:2])
    np.savez("lengths.npz", x=X, y=Y[1:])
    (mine.parent / "text.npz").write_text("hello")
    np.save("x.npy", X)
    (mine.parent / "mine").mkdir()
    name, options, said = REFUSED[case]
    with refused(*said):
        load_dataset(name, **options)


def test_a_header_that_tells_of_more_than_there_is_asks_for_no_memory(tmp_path, refused):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (2**40, 2**20)}
    )
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        for name in ("x.npy", "y.npy"):
            archive.writestr(name, header.getvalue() + b"1234")
    with refused("its header tells of 9,223,372,036,854,775,808 bytes"):
        load_dataset(tmp_path / "huge.npz")


def test_verify_takes_a_file(network, capsys):
    status = main(["verify", "net.h5", "--data", "mine.npz", "--out", "out", "--ladder", "short"])
    assert status in JUDGED
    verdict = json.loads(Path("out/verdict.json").read_text())
    assert verdict["dataset"]["samples"] == 40  # the network has seen none of them
    assert verdict["dataset"]["split"] == "all samples"
    np.savez("named.npz", images=(X * 255).astype(np.uint8), labels=Y)
    arguments = ["--data", "named.npz", "--arrays", "x=images,y=labels", "--scale", "255"]
    assert main(["verify", "net.h5", *arguments]) in JUDGED
    assert main(["verify", "net.h5", *arguments[:-2]]) == 2
    assert "scale = 255" in capsys.readouterr().err


def test_counts_of_events_are_frames(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counts = RNG.poisson(0.5, (12, 6, 3)).astype(np.uint8)  # samples, steps, channels
    np.savez("events.npz", x=counts, y=np.arange(12) % 2)
    neuron = bb.neuron_model("lif")
    net = bb.SpikingNetwork.sequential(
        (6, 3), [bb.Dense(2, neuron)], encoding=bb.Frames(steps=6), seed=1, weight_gain=6.0
    )
    save_network(net, "net.h5")
    assert main(["verify", "net.h5", "--data", "events.npz", "--scale", "1"]) in JUDGED


def test_a_study_trains_on_a_file_beside_it(mine, tmp_path, monkeypatch):
    (tmp_path / "study.toml").write_text(
        'title = "mine"\ndataset = "mine.npz"\n'
        '[network]\nencoding = {kind = "current", steps = 5}\n'
        'layers = [{units = 5, neuron = "lif"}, {units = 2, neuron = "lif"}]\n'
        "[training]\nepochs = 1\n"
    )
    monkeypatch.chdir("/")
    assert main(["train", str(tmp_path / "study.toml"), "--out", str(tmp_path / "out")]) == 0
    network = bb.load_network(tmp_path / "out" / "network.h5")
    assert network.provenance["dataset"]["name"] == "mine.npz"
    arguments = ["verify", str(tmp_path / "out" / "network.h5"), "--data", str(mine), "--json"]
    assert main(arguments) in JUDGED


def test_the_test_samples_of_the_training_are_those_of_the_verification(mine, network):
    from brianbridge.study.data import split_of

    seen = {"dataset": {"name": "mine.npz", "seed": 5, "split": "stratified 80/20, seed 5"}}
    train, test = split_of(seen, "mine.npz")
    assert test.split == "stratified 80/20, seed 5"
    assert len(train) == 32


def test_data_says_what_a_file_has(mine, capsys):
    assert main(["data", "mine.npz"]) == 0
    assert capsys.readouterr().out.split("\n")[0] == "x               float32, shape (40, 4)"
