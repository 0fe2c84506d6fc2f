"""Distances of spike trains against integrals and searches, and against hand-made cases."""

import itertools

import numpy as np
import pytest

from brianbridge.measures.spike_train_distances import van_rossum, victor_purpura


def trains(seed, most=6):
    random = np.random.default_rng(seed)
    return [np.sort(random.uniform(0, 0.1, random.integers(0, most))) for _ in range(2)]


@pytest.mark.parametrize("seed", range(10))
def test_van_rossum_is_the_integral_of_its_definition(seed):
    one, other = trains(seed)
    tau, t = 0.012, np.arange(0, 0.5, 2e-6)

    def filtered(train):
        return sum((np.exp(-(t - s) / tau) * (t >= s) for s in train), np.zeros_like(t))

    integral = np.sum((filtered(one) - filtered(other)) ** 2) * 2e-6 / tau
    assert van_rossum(one, other, tau) == pytest.approx(np.sqrt(integral), rel=1e-3, abs=1e-3)


def cheapest(one, other, cost):
    """Search all ways to move some spikes in order, and replace the rest."""
    best = len(one) + len(other)
    for k in range(1, min(len(one), len(other)) + 1):
        for left in itertools.combinations(one, k):
            for right in itertools.combinations(other, k):
                moved = cost * np.abs(np.subtract(left, right)).sum()
                best = min(best, len(one) + len(other) - 2 * k + moved)
    return best


@pytest.mark.parametrize("cost", [0.0, 10.0, 100.0, 1e6])
@pytest.mark.parametrize("seed", range(10))
def test_victor_purpura_is_the_cheapest_way(seed, cost):
    one, other = trains(seed)
    assert victor_purpura(one, other, cost) == pytest.approx(cheapest(one, other, cost), abs=1e-12)


@pytest.mark.parametrize("distance", [van_rossum, victor_purpura])
@pytest.mark.parametrize("seed", range(5))
def test_both_are_distances(distance, seed):
    random = np.random.default_rng(seed)
    a, b, c = (random.uniform(0, 0.1, n) for n in (4, 3, 5))
    scale = 0.01 if distance is van_rossum else 100.0
    assert distance(a, a, scale) == 0
    assert distance(a, b, scale) == pytest.approx(distance(b, a, scale))
    assert distance(a, c, scale) <= distance(a, b, scale) + distance(b, c, scale) + 1e-12


def test_without_a_cost_of_moving_only_numbers_count():
    assert victor_purpura([0.1, 0.2, 0.9], [0.5], 0.0) == 2
    assert victor_purpura([], [], 5.0) == van_rossum([], [], 0.01) == 0
