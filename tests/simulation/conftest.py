from __future__ import annotations

import pytest
from brian2 import prefs


@pytest.fixture(autouse=True)
def numpy_target():
    """Run plain Brian2 networks, too, without compiling anything."""
    before = prefs.codegen.target
    prefs.codegen.target = "numpy"
    yield
    prefs.codegen.target = before
