from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from brianbridge.datasets import describe, names
from brianbridge.datasets.registry import lookup, registry

DEBIAN = Path("/usr/share/datasets/fashion-mnist")

# What Debian took out of the gzip headers: the time each file was compressed. They were found by
# search, and only the right one gives the published MD5.
COMPRESSED = {
    "train-images-idx3-ubyte": 1504176606,
    "train-labels-idx1-ubyte": 1504176606,
    "t10k-images-idx3-ubyte": 1504176627,
    "t10k-labels-idx1-ubyte": 1504176627,
}


@pytest.mark.parametrize("name", COMPRESSED)
@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_sha256_and_published_md5_are_of_the_same_content(name):
    file = next(f for f in lookup("fashion_mnist").files.values() if f.name == name)
    packed = (DEBIAN / f"{name}.gz").read_bytes()
    time = COMPRESSED[name].to_bytes(4, "little")
    original = b"\x1f\x8b\x08\x08" + time + packed[8:10] + name.encode() + b"\0" + packed[10:]
    assert file.download == f"md5:{hashlib.md5(original).hexdigest()}"


def test_idx_sets_are_complete():
    for entry in registry().values():
        if entry.source != "idx":
            assert (dict(entry.files), entry.urls, entry.package) == ({}, (), None)
            continue
        assert list(entry.files) == ["train_images", "train_labels", "test_images", "test_labels"]
        assert all(url.endswith("/") for url in entry.urls)
        for role, file in entry.files.items():
            n = entry.samples[role.split("_")[0]]
            assert file.bytes == (16 + n * 784 if "images" in role else 8 + n)


def test_no_digest_is_stated_for_mnist():
    assert all(file.sha256 is None for file in lookup("mnist").files.values())


def test_descriptions_are_plain_and_complete():
    every = describe()
    assert tuple(d.name for d in every) == names()
    for d in every:
        assert json.loads(json.dumps(asdict(d)))["name"] == d.name
        assert d.available == (d.where is not None)
        assert d.how
    digits = next(d for d in every if d.name == "digits")
    assert digits.available
    assert digits.where.startswith("scikit-learn ")
    assert digits.samples == {"all": 1797}


def test_descriptions_see_files_but_do_not_read_them(shapes, put, tmp_path):
    (before,) = describe()
    assert (before.available, before.where) == (False, None)
    assert "brianbridge data shapes --fetch" in before.how
    folder = put(tmp_path / "system" / "datasets" / "shapes", dict.fromkeys(shapes, b""))
    (after,) = describe()
    assert (after.available, after.where) == (True, str(folder))


def test_a_package_that_is_missing_is_not_available(monkeypatch):
    from importlib.metadata import PackageNotFoundError

    from brianbridge.datasets import overview

    def version(distribution):
        raise PackageNotFoundError(distribution)

    monkeypatch.setattr(overview, "version", version)
    mnist = next(d for d in describe() if d.name == "mnist_5k")
    assert not mnist.available
    assert mnist.how == "pip install 'brianbridge[mnist]'"
