"""What the package offers: few names at the top, modules for the rest, and names that moved."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from types import ModuleType

import pytest

import brianbridge
from brianbridge.former_names import _NOW

MODULES = [
    name for name in brianbridge.__all__ if isinstance(getattr(brianbridge, name), ModuleType)
]
FORMER = [(module, name) for module, names in _NOW.items() for name in names]


def test_the_top_has_few_names():
    assert len(brianbridge.__all__) - len(MODULES) <= 45


@pytest.mark.parametrize("name", MODULES)
def test_every_public_module_has_what_it_names(name):
    module = import_module(f"brianbridge.{name}")
    assert module is getattr(brianbridge, name)
    assert module.__doc__
    for member in module.__all__:
        assert getattr(module, member) is not None


@pytest.mark.parametrize(("module", "name"), FORMER)
def test_a_name_that_moved_works_and_warns(module, name):
    place, _, new = _NOW[module][name].partition(":")
    now = getattr(import_module(place), new or name)
    said = rf"^{module}\.{name} is now {place}\.{new or name};"
    with pytest.warns(FutureWarning, match=said) as caught:
        found = getattr(import_module(module), name)
    assert found is now
    assert caught[0].filename == __file__
    assert name not in import_module(module).__all__


def test_a_user_sees_the_warning_once_and_by_default():
    code = "import brianbridge as bb; bb.Flatten; from brianbridge.datasets import load"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.count("FutureWarning: brianbridge.Flatten is now") == 1
    assert done.stderr.count("FutureWarning: brianbridge.datasets.load is now") == 1


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = brianbridge.nonsense
    assert not hasattr(brianbridge.datasets, "nonsense")
