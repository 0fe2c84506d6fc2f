"""Intervals cover the truth as often as they say, also where hardly anything changes."""

from functools import cache

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp

from brianbridge.measures.accuracy_change import repeated_interval
from brianbridge.measures.confidence_intervals import (
    mean_interval,
    proportion_interval,
    ratio_interval,
    score_interval,
)

of_counts = cache(score_interval)


@pytest.mark.parametrize(
    ("samples", "gained", "lost"),
    [
        (30, 0.0, 0.1), (100, 0.0, 0.02), (100, 0.005, 0.02), (1000, 0.0, 0.0022),
        (1000, 0.02, 0.05), (10_000, 0.002, 0.012),
    ],
)  # fmt: skip
def test_a_change_on_the_same_samples_is_covered_however_few_change(samples, gained, lost):
    """A Wald interval covers 87 % of the second case."""
    draws = np.random.default_rng(0).multinomial(samples, [gained, lost, 1 - gained - lost], 3000)
    ends = np.array([of_counts(int(g), int(n), samples) for g, n, _ in draws])
    assert np.mean((ends[:, 0] <= gained - lost) & (gained - lost <= ends[:, 1])) >= 0.935


def test_the_score_interval_has_its_estimate_and_stays_between_minus_one_and_one():
    random = np.random.default_rng(1)
    for _ in range(300):
        samples = int(random.integers(1, 3000))
        gained = int(random.integers(0, samples + 1))
        lost = int(random.integers(0, samples - gained + 1))
        low, high = score_interval(gained, lost, samples)
        assert -1 <= low <= (gained - lost) / samples + 1e-9
        assert (gained - lost) / samples - 1e-9 <= high <= 1
        assert score_interval(lost, gained, samples) == pytest.approx((-high, -low), abs=1e-9)
        # Four times the samples: about half the width.
        wide = score_interval(4 * gained, 4 * lost, 4 * samples)
        assert wide[1] - wide[0] < high - low


@pytest.mark.parametrize(("hits", "samples"), [(0, 7), (7, 7), (3, 30), (999, 1000)])
def test_a_share_has_wilsons_interval(hits, samples):
    wilson = binomtest(hits, samples).proportion_ci(method="wilson")
    assert proportion_interval(hits, samples) == pytest.approx((wilson.low, wilson.high))


def test_a_mean_has_students_interval():
    values = np.random.default_rng(2).normal(size=(1, 20))
    expected = ttest_1samp(values[0], 0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((expected.low, expected.high))
    assert mean_interval(values[:, :1]) is None
    assert mean_interval(np.ones((3, 5))) is None
    # As if there were four times the values: half as wide, and a little less for the quantile.
    low, high = mean_interval(values, times=4)
    assert 0.45 < (high - low) / (expected.high - expected.low) < 0.5


@pytest.mark.parametrize("runs", [1, 5])
def test_the_change_of_a_sum_is_covered(runs):
    """Counts of a sample go together before and after; each device fires more or less."""
    random, covered, rounds = np.random.default_rng(3), 0, 1500
    for _ in range(rounds):
        mean = random.gamma(5, 20, size=100)
        device = 1.1 + (0.02 * random.standard_normal(runs) if runs > 1 else np.zeros(1))
        after = random.poisson(device[:, None] * mean)
        low, high = ratio_interval(random.poisson(mean).astype(float), after)
        covered += low <= 0.1 <= high
    assert 0.93 <= covered / rounds <= 0.98


def test_the_change_of_a_sum_where_it_is_the_same_in_every_sample_or_there_is_but_one():
    before = np.array([10.0, 20.0])
    assert ratio_interval(before, 1.1 * before[None]) == pytest.approx((0.1, 0.1))
    assert ratio_interval(before[:1], before[None, :1]) is None


@pytest.mark.parametrize(
    ("runs", "samples", "lost", "common"),
    [(3, 100, 0.02, 0.5), (3, 1000, 0.002, 0.8), (5, 100, 0.02, 0.5), (3, 30, 0.1, 0.7)],
)
def test_rare_losses_over_devices_are_covered(runs, samples, lost, common):
    random, rounds, covered = np.random.default_rng(4), 800, 0
    before = np.ones(samples, bool)
    for _ in range(rounds):
        same = random.random(samples) < common
        drawn = np.where(same, random.random(samples), random.random((runs, samples)))
        low, high = repeated_interval(before, drawn >= lost)
        covered += low <= -lost <= high
    assert covered / rounds >= 0.95


def test_the_score_interval_of_no_change_is_wilsons():
    low, high = score_interval(0, 0, 500)
    assert low == pytest.approx(-high)
    assert high == pytest.approx(3.8415 / (500 + 3.8415), rel=1e-3)
