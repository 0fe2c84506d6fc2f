"""Whatever is given for a path, the answer is one line and no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brianbridge.datasets import fetch, from_event_folder, load_dataset, read_events, read_idx
from brianbridge.errors import InputError
from brianbridge.paths import checked_path

ODD = {
    "300 characters": "x" * 300,
    "300 characters in the middle": f"a/{'x' * 300}/b",
    "a long path": "a/" * 3000,
    "NUL": "a\0b",
    "bytes": b"data",
    "int": 3,
    "float": 1.5,
    "list": ["a"],
    "empty": "",
    "no such user": "~no-such-user-here/data",
}
READERS: dict[str, Callable[[Any], object]] = {
    "read_idx": read_idx,
    "read_events": read_events,
    "from_event_folder": lambda path: from_event_folder("mine", path, (2, 2), steps=1),
    "files": lambda path: load_dataset("mnist", folder=path),
    "archive": lambda path: load_dataset("cifar10", folder=path),
    "events": lambda path: load_dataset("nmnist", folder=path),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("path", ODD.values(), ids=ODD)
def test_odd_paths_are_refused_in_a_line(read, path):
    with pytest.raises(InputError) as found:
        read(path)
    message = str(found.value)
    assert "\n" not in message
    assert "\0" not in message
    assert len(message) < 400


@pytest.mark.parametrize("read", [read_idx, read_events, READERS["from_event_folder"]])
def test_none_is_no_path(read):
    with pytest.raises(InputError, match="None is not a path"):
        read(None)


@pytest.mark.parametrize("name", [None, 3, b"iris", ["iris"], "x" * 300, "a\0b", ""])
@pytest.mark.parametrize("use", [load_dataset, fetch])
def test_odd_names_of_data_sets(use, name):
    with pytest.raises(InputError) as found:
        use(name)
    assert len(str(found.value)) < 500


@pytest.mark.parametrize("label", ["x" * 300, "a\0b", 3, None])
def test_odd_class_folders(tmp_path, label):
    with pytest.raises(InputError) as found:
        from_event_folder("mine", tmp_path, (2, 2), steps=1, classes=[label])
    assert "\n" not in str(found.value)


def test_a_variable_of_the_environment_that_is_too_long(monkeypatch):
    monkeypatch.setenv("BRIANBRIDGE_DATA", "x" * 300)
    with pytest.raises(InputError, match=r"BRIANBRIDGE_DATA: .* too long"):
        load_dataset("mnist")


def test_a_path_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert checked_path("~/a", "file", home=True) == tmp_path / "a"
    assert checked_path(Path("ä" * 127), "file") == Path("ä" * 127)
