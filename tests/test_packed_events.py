"""Packed spikes are the same spikes, in few bytes."""

from __future__ import annotations

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.events import Events
from brianbridge.packed_events import PackedEvents
from brianbridge.recording import Recording

STEPS, NEURONS = 30, 400


def recording(samples: int, seed: int, values: tuple[float, ...] = (1,)) -> Recording:
    draw = np.random.default_rng(seed)
    fired = draw.random((STEPS, samples, NEURONS)) < 0.1
    raster = fired * draw.choice(values, fired.shape)
    events = Events.from_raster(raster, 1e-3)
    return Recording(1e-3, STEPS, samples, {"a": (20, 20)}, {"a": events}, raster.sum(0))


@pytest.mark.parametrize("values", [(1,), (-1, 1, 2.5)])
def test_packed_recordings_say_the_same(values):
    parts = [recording(samples, seed, values) for seed, samples in enumerate((3, 5, 1))]
    plain = Recording.concatenate(parts)
    packed = Recording.concatenate([part.packed() for part in parts])
    assert isinstance(packed.all_events, PackedEvents)
    assert repr(packed) == repr(plain)
    assert packed.spikes_per_sample() == plain.spikes_per_sample()
    np.testing.assert_array_equal(packed.counts["a"], plain.counts["a"])
    for low, high in ((0, 9), (2, 4), (3, 8), (8, 9), (4, 4)):
        found, wanted = packed.of_samples(low, high), plain.of_samples(low, high)
        for column in ("sample", "node", "step", "value"):
            given = getattr(found.events("a"), column)
            np.testing.assert_array_equal(given, getattr(wanted.events("a"), column))
            assert given.dtype == getattr(wanted.events("a"), column).dtype


def test_a_spike_takes_few_bytes():
    packed = recording(200, 1).packed().all_events
    assert packed.nbytes <= 5 * packed.number("a")


def test_a_simulation_of_several_chunks_is_packed():
    lif = bb.neuron_model("lif")
    net = bb.SpikingNetwork.sequential((9,), [bb.Dense(5, lif)], encoding=bb.Bernoulli(20))
    x = np.full((7, 9), 0.5)
    one = bb.simulate(net, x)
    several = bb.simulate(net, x, backend=bb.Backend(batch_size=3))
    assert not isinstance(one.all_events, PackedEvents)
    assert isinstance(several.all_events, PackedEvents)
    for name in one.shapes:
        np.testing.assert_array_equal(several.spikes[name], one.spikes[name])
    with pytest.raises(bb.errors.InputError, match="Did you mean"):
        several.events("outptu")
    with pytest.raises(bb.errors.InputError, match="Did you mean"):
        _ = several.counts["outptu"]
