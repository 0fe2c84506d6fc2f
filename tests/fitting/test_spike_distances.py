"""Distances of spike trains, against their definitions."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from brianbridge.fitting.spike_distances import LOSSES, van_rossum, victor_purpura

RNG = np.random.default_rng(3)
TRAINS = [np.sort(RNG.random(n)) * 0.1 for n in (0, 1, 7, 12)]


def integrated(one, other, tau):
    """Integrate the squared difference of the filtered trains (van Rossum 2001, equation 2.2)."""
    t = np.arange(0, 0.4, 1e-6)

    def filtered(train):
        return sum(((t >= s) * np.exp(-np.maximum(t - s, 0) / tau) for s in train), 0 * t)

    return np.sum((filtered(one) - filtered(other)) ** 2) * 1e-6 / tau


def recursive(one, other, cost):
    """Return the least cost by the recursion of Victor and Purpura (1996, appendix)."""

    @cache
    def least(i, j):
        if 0 in (i, j):
            return float(i + j)
        moved = least(i - 1, j - 1) + cost * abs(one[i - 1] - other[j - 1])
        return min(least(i - 1, j) + 1, least(i, j - 1) + 1, moved)

    return least(len(one), len(other))


@pytest.mark.parametrize("i", range(4))
@pytest.mark.parametrize("j", range(4))
def test_distances_are_those_of_their_definitions(i, j):
    one, other = TRAINS[i], TRAINS[j]
    assert van_rossum(one, other, 5e-3) == pytest.approx(integrated(one, other, 5e-3), abs=2e-3)
    for cost in (0.0, 20.0, 500.0):
        assert victor_purpura(one, other, cost) == pytest.approx(recursive(one, other, cost))


@pytest.mark.parametrize("name", LOSSES)
def test_losses_go_from_0_for_the_same_train_to_1_for_one_without_coincidences(name):
    recorded = np.arange(0.05, 10, 0.1)
    assert LOSSES[name](recorded, recorded, 2e-3, 10.0) == pytest.approx(0)
    near = LOSSES[name](recorded + 2e-4, recorded, 2e-3, 10.0)
    assert near < 0.15
    assert LOSSES[name](recorded + 0.05, recorded, 2e-3, 10.0) == pytest.approx(1, abs=0.05)
    assert LOSSES[name](np.array([]), recorded, 2e-3, 10.0) == pytest.approx(1)
