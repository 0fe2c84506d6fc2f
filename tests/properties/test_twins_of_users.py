"""Twins of networks that `from_brian2` reads, in pieces and pickled: the same spikes.

These networks have everything that is carried from step to step: synapses with models, delays,
loops, refractory neurons, noise, links, custom events.
"""

from __future__ import annotations

import logging
import pickle

import numpy as np
import pytest
import torch
from user_networks import Size, draw_network

import brianbridge as bb
from brianbridge.network.samples import checked_samples
from brianbridge.twin import TwinState
from brianbridge.twin.noise import Noise

SIZE = Size(neurons=(20, 15, 25), sources=20, steps=300, samples=2)
CUTS = (1, 7, 120, 200, 201)


@pytest.fixture(autouse=True, scope="module")
def quiet_brian2():
    level = logging.getLogger("brian2").level
    logging.getLogger("brian2").setLevel(logging.ERROR)
    yield
    logging.getLogger("brian2").setLevel(level)


@torch.no_grad()
@pytest.mark.parametrize("number", [4, 16, 17, 18, 20, 21, 22, 23])
def test_pieces_and_copies_have_the_spikes_of_the_whole(number):
    mine = draw_network(number, SIZE)
    net = mine.read()
    twin = bb.to_torch(net, dtype=torch.float64).eval()
    x = checked_samples(net, mine.x)
    raster, noise = twin.encode(x)[1], Noise(5, np.arange(len(x)))
    whole = twin.run(None, raster, noise=noise).spikes
    assert sum(bool(spikes.any()) for spikes in whole.values()) >= 2
    copied = pickle.loads(pickle.dumps(twin)).run(None, raster, noise=noise).spikes
    state, parts = TwinState(noise=noise), []
    for low, high in zip((0, *CUTS), (*CUTS, SIZE.steps), strict=True):
        run = twin.run(None, raster[low:high], state=state)
        parts.append(run.spikes)
        state = run.state
    for name, spikes in whole.items():
        assert torch.equal(copied[name], spikes)
        assert torch.equal(torch.cat([part[name] for part in parts]), spikes)
