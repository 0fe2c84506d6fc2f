"""A new dataset is one entry in the registry, or an entry point of another package."""

from __future__ import annotations

import numpy as np
import pytest

from brianbridge.cli import main
from brianbridge.datasets import describe, load_dataset, registry
from brianbridge.errors import InputError

AGAIN = """
[cancer_again]
title      = "Breast cancer, under another name"
source     = "sklearn"
loader     = "load_breast_cancer"
shape      = [30]
classes    = ["malignant", "benign"]
samples    = { all = 569 }
licence    = "CC BY 4.0"
provenance = "a test"
"""

PACKAGE = """
import numpy as np
from brianbridge.datasets import DatasetEntry

def read():
    x = np.arange(40.0).reshape(20, 2)
    return {"all": (x, np.arange(20) % 2)}

def read_parts():
    x = np.arange(40.0).reshape(20, 2)
    return {"train": (x[:16], np.arange(16) % 2), "test": (x[16:], np.arange(4) % 2)}

ABOUT = dict(title="Points", source="points", shape=(2,), classes=("even", "odd"), full_scale=40.0,
             licence="CC0", provenance="a test")
POINTS = DatasetEntry(name="points", samples={"all": 20}, read=read, **ABOUT)
PARTS = DatasetEntry(name="parts", samples={"train": 16, "test": 4}, read=read_parts, **ABOUT)
FEWER = DatasetEntry(name="fewer", samples={"all": 19}, read=read, **ABOUT)
FLAT = DatasetEntry(name="flat", samples={"all": 20}, read=read, **(ABOUT | {"shape": (1, 2)}))
"""

POINTS = """
[brianbridge.datasets]
points = points:POINTS
parts = points:PARTS
fewer = points:FEWER
flat = points:FLAT
"""


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Add an entry to the registry that ships."""
    whole = (registry.share_folder("data") / "registry.toml").read_text()
    (tmp_path / "registry.toml").write_text(whole + AGAIN)
    monkeypatch.setattr(registry, "share_folder", lambda kind: tmp_path)
    registry.registry.cache_clear()
    yield
    registry.registry.cache_clear()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a package with datasets into a folder of its own; gives the file of its points."""
    (tmp_path / "points.py").write_text(PACKAGE)
    about = tmp_path / "points-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: points\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.registry.cache_clear()
    yield about / "entry_points.txt"
    registry.registry.cache_clear()


def test_a_new_dataset_is_one_entry(shipped, capsys):
    again, known = load_dataset("cancer_again", seed=3), load_dataset("breast_cancer", seed=3)
    np.testing.assert_array_equal(again.test.x, known.test.x)
    assert main(["data", "cancer_again"]) == 0
    assert "Breast cancer, under another name" in capsys.readouterr().out


def test_a_source_that_is_not_known_is_refused_with_a_hint(shipped, tmp_path):
    file = tmp_path / "registry.toml"
    file.write_text(AGAIN.replace('"sklearn"', '"sklern"'))
    registry.registry.cache_clear()
    with pytest.raises(InputError, match=r"no source 'sklern'\. Did you mean 'sklearn'"):
        load_dataset("cancer_again")


def test_another_package_offers_a_dataset(installed, capsys):
    train, test = load_dataset("points", seed=1)
    assert (len(train), len(test), train.shape, test.classes) == (16, 4, (2,), ("even", "odd"))
    assert train.split == "stratified 80/20, seed 1"
    assert 0 <= train.x.min() < train.x.max() < 1
    said = {d.name: (d.available, d.where) for d in describe()}
    assert said["points"] == (True, "points 1.0")
    assert main(["data"]) == 0
    assert "points" in capsys.readouterr().out


def test_another_package_splits_its_dataset(installed):
    train, test = load_dataset("parts")
    assert (len(train), len(test), train.split) == (16, 4, "official")
    with pytest.raises(InputError, match="has an official split and no folds"):
        load_dataset("parts", fold=0, folds=2)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fewer", r"returns \{'all': 20\} samples.*\{'all': 19\}"),
        ("flat", r"shape \(2,\).*\(1, 2\)"),
    ],
)
def test_data_that_differ_from_their_entry_are_refused(installed, name, said):
    with pytest.raises(InputError, match=said):
        load_dataset(name)


@pytest.mark.parametrize("point", ["odd = points:read", "odd = nothing:HERE"])
def test_a_package_that_is_broken_takes_nothing_else_away(installed, point):
    installed.write_text(f"{POINTS}{point}\n")
    with pytest.warns(RuntimeWarning, match="dataset 'odd'.* cannot be used"):
        assert "points" in registry.registry()
    assert "odd" not in registry.registry()
    assert len(load_dataset("points").test) == 4


def test_another_package_takes_no_name_of_ours(installed):
    installed.write_text("[brianbridge.datasets]\niris = points:POINTS\n")
    with pytest.warns(RuntimeWarning, match="there is already a dataset 'iris'"):
        assert registry.registry()["iris"].title == "Iris plants"
