from __future__ import annotations

import sys

import pytest

from brianbridge.datasets import fetch, file_search, load_dataset
from brianbridge.errors import InputError


@pytest.fixture(autouse=True)
def _needs_pooch():
    pytest.importorskip("pooch")


def test_fetched_files_are_loaded_and_not_fetched_again(shapes, put, register, tmp_path, server):
    root, url, asked = server
    put(root / "b", shapes, gz=True)
    register(shapes, f"{url}/a/", f"{url}/b/")  # the first address has nothing
    folder = fetch("shapes")
    assert folder == tmp_path / "cache" / "shapes"
    assert sorted(p.name for p in folder.iterdir()) == sorted(f"{name}.gz" for name in shapes)
    assert len(load_dataset("shapes").train) == 12
    asked.clear()
    fetch("shapes")
    assert asked == []


def test_a_file_with_another_digest_is_refused_and_not_kept(
    shapes, put, register, tmp_path, server
):
    root, url, _ = server
    put(root, {**shapes, "t10k-labels-idx1-ubyte": b"something else"}, gz=True)
    register(shapes, f"{url}/")
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte\.gz could not be fetched") as e:
        fetch("shapes")
    assert "does not match the known hash" in str(e.value)
    assert "\n" not in str(e.value)
    assert not (tmp_path / "cache" / "shapes" / "t10k-labels-idx1-ubyte.gz").exists()


def test_no_address_answers(shapes, register, server):
    _, url, _ = server
    register(shapes, f"{url}/a/", f"{url}/b/")
    with pytest.raises(InputError, match=r"404.*/b/.*404.*Other ways: .*BRIANBRIDGE_DATA/shapes"):
        fetch("shapes")


def test_loading_never_fetches(shapes, put, register, server):
    root, url, asked = server
    put(root, shapes, gz=True)
    register(shapes, f"{url}/")
    with pytest.raises(InputError, match="--fetch"):
        load_dataset("shapes")
    assert asked == []


def test_what_is_not_to_be_fetched():
    with pytest.raises(InputError, match="'iris' needs no download: it comes with the package"):
        fetch("iris")
    with pytest.raises(InputError, match="Did you mean 'mnist'"):
        fetch("mnis")


def test_without_pooch(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert file_search.cache_folder("mnist") is None
    with pytest.raises(InputError, match=r"pip install 'brianbridge\[download\]'"):
        fetch("mnist")
