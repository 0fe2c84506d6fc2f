"""Networks in files, and what loading one must come to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brianbridge.errors import InputError
from brianbridge.io.networks.file import load_network
from brianbridge.network import SpikingNetwork

CURVES = {"validation_loss": [1.5, float("nan")], "epoch": [1, 2]}  # not in alphabetical order


def assert_equal(a: SpikingNetwork, b: SpikingNetwork) -> None:
    """Compare to the last bit, types included."""
    # Texts tell NaN, 1 from 1.0 from True, and the order of keys.
    assert json.dumps(a.to_dict()) == json.dumps(b.to_dict())
    assert json.dumps(dict(a.provenance)) == json.dumps(dict(b.provenance))
    assert [p.name for p in a.projections] == [p.name for p in b.projections]
    for one, other in zip(a.projections, b.projections, strict=True):
        for x, y in ((one.weight, other.weight), (one.bias, other.bias)):
            assert (x is None) == (y is None)
            if x is not None and y is not None:
                assert (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())


def refused(path: Path) -> str:
    """Return the one line with which a file is refused."""
    with pytest.raises(InputError) as caught:
        load_network(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500 + len(str(path))
    assert message.startswith(f"network file '{path}': ")
    return message
