"""Intervals that cover as often as they say, and McNemar's exact test."""

import numpy as np
import pytest
from scipy.stats import binomtest

from brianbridge.measures.accuracy_change import (
    DiscordantPairs,
    bootstrap_interval,
    mcnemar,
    repeated_interval,
)
from brianbridge.measures.confidence_intervals import score_interval


def pairs_of(random, samples, gained, lost):
    """Draw whether samples are right before and after, with these chances to change."""
    drawn = random.random(samples)
    kept = random.random(samples) < 0.9
    before = np.where(drawn < gained, False, np.where(drawn < gained + lost, True, kept))
    after = np.where(drawn < gained, True, np.where(drawn < gained + lost, False, kept))
    return before, after


@pytest.mark.parametrize(
    ("samples", "gained", "lost"), [(1000, 0.02, 0.05), (1000, 0.1, 0.1), (300, 0.05, 0.1)]
)
@pytest.mark.parametrize("kind", ["score", "bootstrap"])
def test_95_percent_intervals_cover_95_percent(kind, samples, gained, lost):
    random, repeats, covered = np.random.default_rng(0), 2000, 0
    for number in range(repeats):
        pairs = DiscordantPairs.of(*pairs_of(random, samples, gained, lost))
        if kind == "score":
            low, high = score_interval(*pairs)
        else:
            low, high = bootstrap_interval(pairs, resamples=1000, seed=number)
        covered += low <= gained - lost <= high
    assert 0.93 <= covered / repeats <= 0.97


@pytest.mark.parametrize(
    ("runs", "samples", "lost", "spread", "common"),
    [
        (5, 500, 0.05, 0.02, 0.5),  # devices differ
        (3, 2000, 0.05, 0.005, 0.7),
        (10, 1000, 0.03, 0.01, 0.5),
        (3, 1000, 0.05, 0.0, 0.0),  # chance alone: each device loses other samples
    ],
)
def test_an_interval_over_devices_and_samples_covers_too(runs, samples, lost, spread, common):
    """A device loses a share of its own; which samples it is, is in part the same for all."""
    random, repeats, covered = np.random.default_rng(0), 1500, 0
    before = np.ones(samples, bool)
    for _ in range(repeats):
        share = np.clip(lost + spread * random.standard_normal(runs), 0, 1)
        same = random.random(samples) < common
        drawn = np.where(same, random.random(samples), random.random((runs, samples)))
        low, high = repeated_interval(before, drawn >= share[:, None])
        covered += low <= -lost <= high
    assert 0.93 <= covered / repeats <= 0.97


def test_an_interval_over_devices_says_no_more_than_its_samples_do():
    few = np.ones(5, bool)
    same = np.stack([few, few])
    assert repeated_interval(few, same) == score_interval(0, 0, 5)
    apart = same.copy()
    apart[0, 0] = apart[1, 2:5] = False
    low, high = repeated_interval(few, apart)
    assert -1 <= low < high <= 1
    assert repeated_interval(few[:1], same[:, :1]) == score_interval(0, 0, 1)


def test_mcnemar_is_the_binomial_test_of_the_discordant_pairs():
    random = np.random.default_rng(1)
    for _ in range(20):
        before, after = pairs_of(random, 200, *random.uniform(0, 0.2, 2))
        gained, lost = np.sum(~before & after), np.sum(before & ~after)
        expected = binomtest(int(gained), int(gained + lost), 0.5, "two-sided").pvalue
        assert mcnemar(DiscordantPairs.of(before, after)) == pytest.approx(expected, abs=1e-15)


def test_mcnemar_rejects_as_often_as_it_says_or_less():
    random = np.random.default_rng(2)
    found = [mcnemar(DiscordantPairs.of(*pairs_of(random, 400, 0.05, 0.05))) for _ in range(2000)]
    assert 0.01 < np.mean(np.array(found) < 0.05) <= 0.06


def test_no_discordant_pair_is_no_change():
    pairs = DiscordantPairs.of(np.ones(10, bool), np.ones(10, bool))
    assert (mcnemar(pairs), bootstrap_interval(pairs)) == (1.0, (0.0, 0.0))


def test_draws_are_those_of_the_seed():
    pairs = DiscordantPairs(13, 40, 1000)
    assert bootstrap_interval(pairs, seed=3) == bootstrap_interval(pairs, seed=3)
    assert bootstrap_interval(pairs, resamples=50, seed=3) != bootstrap_interval(
        pairs, resamples=50, seed=4
    )
