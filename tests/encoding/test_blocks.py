"""A presentation that is encoded block by block is the one that is encoded at once."""

from __future__ import annotations

import numpy as np
import pytest

from brianbridge.encoding import (
    Background,
    Bernoulli,
    Current,
    Frames,
    Latency,
    Poisson,
    Replay,
    Source,
    Sources,
)

STEPS = 50
#: 100 sources with 20 Hz are counted, and with 200 Hz Brian2 draws from a normal distribution.
CHANGING = Background(
    STEPS, size=3, rates=((20.0,), (200.0,), (20.0,)), since=(0, 7, 31), inputs=100, seed=4
)
ENCODINGS = {
    "bernoulli": (Bernoulli(STEPS, signed=True, seed=3), (4,)),
    "poisson": (Poisson(STEPS, rate=300.0), (2, 2)),
    "background": (Background(STEPS, size=3, rates=((300.0,), (50.0,)), since=(0, 9)), (0,)),
    "counted background": (Background(STEPS, size=3, rates=((50.0,),), inputs=20), (0,)),
    "normal background": (CHANGING, (0,)),
    "replay": (Replay(STEPS, size=3, step=(9, 0, 49, 9), node=(2, 0, 1, 1)), (0,)),
    "latency": (Latency(STEPS), (4,)),
    "frames": (Frames(STEPS), (STEPS, 4)),
    "sources": (
        Sources(
            STEPS,
            parts=(Source("a", (4,), Poisson(STEPS, rate=300.0)), Source("b", None, CHANGING)),
        ),
        (4,),
    ),
}


@pytest.mark.parametrize("block", [1, 7, 50, 1000])
@pytest.mark.parametrize(("encoding", "shape"), ENCODINGS.values(), ids=ENCODINGS.keys())
def test_blocks_are_parts_of_the_whole(encoding, shape, block):
    x, index = np.random.default_rng(1).random((3, *shape)), np.array([5, 2, 9])
    whole = encoding.encode(x, index, stream=2).raster
    assert whole.any()
    parts = [part.raster for part in encoding.blocks(x, index, block, stream=2)]
    assert [len(part) for part in parts[:-1]] == [block] * (len(parts) - 1)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert all(part.dtype == whole.dtype for part in parts)


def test_a_current_is_one_block():
    x = np.ones((2, 3))
    (only,) = Current(STEPS).blocks(x, np.arange(2), 7)
    np.testing.assert_array_equal(only.current, x)


def test_counts_have_brian2s_mean_and_variance():
    raster = CHANGING.encode(np.zeros((2000, 0)), np.arange(2000)).raster
    for steps, p in ((slice(0, 7), 0.02), (slice(7, 31), 0.2)):
        part = raster[steps]
        assert part.mean() == pytest.approx(100 * p, rel=0.02)
        assert part.var() == pytest.approx(100 * p * (1 - p), rel=0.03)
    assert (raster[7:31] % 1 != 0).all()
    assert (raster[:7] % 1 == 0).all()
