from __future__ import annotations

import pytest

from brianbridge import share
from brianbridge.errors import InputError


@pytest.fixture
def package(monkeypatch, tmp_path):
    folder = tmp_path / "site" / "brianbridge"
    folder.mkdir(parents=True)
    monkeypatch.setattr(share, "_PACKAGE", folder)
    return folder


@pytest.mark.parametrize("kind", ["models", "studies", "data"])
def test_the_source_tree(kind):
    folder = share.share_folder(kind)
    assert folder.name == kind
    assert folder.is_dir()


def test_an_installed_wheel_comes_first(package):
    (package.parent / "pyproject.toml").touch()
    (package.parent / "data").mkdir()
    assert share.share_folder("data") == package.parent / "data"
    (package / "_share" / "data").mkdir(parents=True)
    assert share.share_folder("data") == package / "_share" / "data"


def test_a_strangers_folder_is_not_taken(package):
    (package.parent / "data").mkdir()  # no pyproject.toml beside it: not our source tree
    with pytest.raises(InputError, match=r"'data' is neither at .* install brianbridge again"):
        share.share_folder("data")


def test_an_unknown_kind():
    with pytest.raises(InputError, match="Did you mean 'models'"):
        share.share_folder("model")
