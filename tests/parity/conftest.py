from __future__ import annotations

import pytest
from brian2 import prefs


@pytest.fixture
def cython_target(fresh_brian2):
    """Compile, where every other test runs NumPy."""
    prefs.codegen.target = "cython"
