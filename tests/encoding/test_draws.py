"""Draws from counters: their definition, their statistics, and that nothing else decides."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.stats import binom, binomtest, chi2, chi2_contingency

from brianbridge.counters import key_of
from brianbridge.distributions import binomial_numbers
from brianbridge.encoding import Background, Bernoulli, Poisson
from brianbridge.encoding.draws import Chances

KEY = np.uint64(12345)
ALL = 2**64 - 1


def raster(probability: np.ndarray, steps: int, key: np.uint64 = KEY) -> np.ndarray:
    rows = np.arange(len(probability))
    return Chances.of(probability).raster(key, rows, rows, 0, steps)


# ---------------------------------------------------------------------- definition


def splitmix(key: int, counter: int) -> int:
    """Return a number of SplitMix64, in whole numbers of Python."""
    x = (key + 0x9E3779B97F4A7C15 * (counter + 1)) & ALL
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & ALL
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & ALL
    return x ^ x >> 31


def fires(key: int, number: int, step: int, i: int, probability: float) -> bool:
    """Return what the module promises, for one input."""
    of_step = splitmix(splitmix(key, number), step)
    bits = splitmix(of_step, i // 4) >> 16 * (i % 4) & 0xFFFF
    limit = min(int(65536 * probability), 65535)
    if bits == limit:
        uniform = ((splitmix(splitmix(of_step, 2**63), i) >> 12) + 0.5) / 2**52
        return uniform < 65536 * probability - limit
    return bits < limit


@pytest.mark.parametrize("inputs", [1, 3, 4, 9])
def test_every_draw_is_that_of_the_definition(inputs):
    x = np.random.default_rng(inputs).random((3, inputs))
    x[1] = 0
    x[2, : inputs // 2] = 0
    numbers = [7, 0, 2**40]
    found = Bernoulli(60, seed=5).encode(x, np.array(numbers), stream=3).raster
    key = int(key_of(5, "encoding", "3"))
    for step in range(60):
        for b, number in enumerate(numbers):
            for i in range(inputs):
                assert found[step, b, i] == fires(key, number, step, i, x[b, i])


def test_equal_bits_are_decided_by_the_rest_of_the_probability():
    # 100,000 draws by 16 bits: some of each input equal its limit.
    steps, x = 100_000, np.array([[1e-5, 0.3, 1.0, 1 - 2**-18]])
    found = raster(x, steps)[:, 0]
    of_sample, equal = splitmix(int(KEY), 0), 0
    for step in range(steps):
        bits = splitmix(splitmix(of_sample, step), 0)
        for i, p in enumerate(x[0]):
            if bits >> 16 * i & 0xFFFF == min(int(65536 * p), 65535):
                equal += 1
                assert found[step, i] == fires(int(KEY), 0, step, i, p)
    assert equal > 2


# ---------------------------------------------------------------------- statistics


@pytest.mark.parametrize("p", [3e-6, 2**-16, 1.5 * 2**-16, 0.01, 0.3, 0.5, 1 - 2**-17, 1 - 3e-6])
def test_the_mean_is_the_probability(p):
    draws = 2000 * 1500
    count = int(raster(np.full((1500, 20), p), 100).sum(dtype=np.int64))
    assert binomtest(count, draws, p).pvalue > 1e-4


def test_certain_and_impossible_inputs():
    x = np.tile([0.0, 1.0], (300, 50))
    found = raster(x, 50)
    assert (found == x).all()


@pytest.mark.parametrize("axis", [(0, 1), (0, 2), (1, 2)], ids=["input", "sample", "step"])
def test_the_variance_is_that_of_independent_draws(axis):
    p = 0.2
    counts = raster(np.full((300, 300), p), 300).sum(axis, dtype=np.int64)
    draws = 300 * 300
    dispersion = ((counts - draws * p) ** 2).sum() / (draws * p * (1 - p))
    assert chi2(300).ppf(1e-4) < dispersion < chi2(300).ppf(1 - 1e-4)


def pairs(found: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    shifted = {f"inputs {by} apart": (found[..., by:], found[..., :-by]) for by in (1, 2, 3, 4, 7)}
    return shifted | {
        "steps": (found[1:], found[:-1]),
        "second next steps": (found[2:], found[:-2]),
        "samples": (found[:, 1:], found[:, :-1]),
        "a step and an input": (found[1:, :, 1:], found[:-1, :, :-1]),
        "a step and a sample": (found[1:, 1:], found[:-1, :-1]),
    }


def dependence(one: np.ndarray, other: np.ndarray) -> float:
    """Return the p-value of the chi-square test that two sets of draws are independent."""
    table = np.bincount((2 * one.ravel() + other.ravel()).astype(np.int64), minlength=4)
    return float(chi2_contingency(table.reshape(2, 2), correction=False).pvalue)


@pytest.mark.parametrize("p", [0.02, 0.5])
def test_neighbours_are_independent(p):
    for what, (one, other) in pairs(raster(np.full((60, 130), p), 60)).items():
        assert dependence(one, other) > 1e-4, what


@pytest.mark.parametrize("p", [0.02, 0.5])
def test_seeds_streams_and_numbers_are_independent(p):
    x, index = np.full((60, 130), p), np.arange(60)
    first = Bernoulli(60).encode(x, index).raster
    others = {
        "seed": Bernoulli(60, seed=1).encode(x, index).raster,
        "stream": Bernoulli(60).encode(x, index, stream=1).raster,
        "number": Bernoulli(60).encode(x, index + 60).raster,
        "background": Background(60, size=130, rates=((1000 * p,),)).encode(x, index).raster,
    }
    for what, other in others.items():
        assert dependence(first, other) > 1e-4, what


def test_the_test_of_independence_finds_what_depends():
    found = raster(np.full((60, 130), 0.5), 60)
    half = np.random.default_rng(0).random(found.shape) < 0.1
    assert dependence(found, np.where(half, found, found[::-1])) < 1e-9


# ---------------------------------------------------------------------- nothing else decides


def test_threads_and_parts_draw_the_same():
    x, index = np.random.default_rng(0).random((40, 57)), np.arange(40)[::-1]
    encoding = Poisson(30, rate=900.0)
    whole = encoding.encode(x, index).raster
    with ThreadPoolExecutor(4) as threads:
        parts = threads.map(
            lambda low: encoding.encode(x[low : low + 3], index[low : low + 3]).raster,
            range(0, 40, 3),
        )
    np.testing.assert_array_equal(np.concatenate(list(parts), axis=1), whole)


@pytest.mark.parametrize("inputs", [1, 3, 4, 9, 64])
def test_listed_spikes_are_those_of_the_raster(inputs):
    random = np.random.default_rng(inputs)
    x = random.random((5, inputs)) * (random.random((5, inputs)) < 0.6)
    x[3] = 0
    encoding, index = Bernoulli(20, seed=2), np.array([4, 0, 9, 1, 3])
    found = encoding.encode(x, index).raster
    listed = list(encoding.events(x, index))
    assert len(listed) == 20
    for step, (start, node) in enumerate(listed):
        sample, i = np.nonzero(found[step])
        np.testing.assert_array_equal(node, i)
        np.testing.assert_array_equal(np.repeat(np.arange(5), np.diff(start)), sample)


def test_negative_spikes_are_not_listed():
    x = np.array([[-0.5, 0.5]])
    assert Bernoulli(3, signed=True).events(x, np.arange(1)) is None
    assert Bernoulli(3, signed=True).events(abs(x), np.arange(1)) is not None


def test_no_array_of_random_numbers_is_made():
    x = np.random.default_rng(0).random((50, 400))
    encoding = Bernoulli(200)
    encoding.encode(x[:1], np.arange(1))  # compiles
    tracemalloc.start()
    found = encoding.encode(x, np.arange(50)).raster
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * found.nbytes


@pytest.mark.parametrize("trials", [1, 7, 100])
def test_binomial_numbers_invert_the_distribution(trials):
    uniform = np.random.default_rng(trials).random(3000)
    for p in (0.0, 1e-3, 0.05, 0.5, 0.96, 1.0):
        found = binomial_numbers(uniform, trials, np.full(3000, p))
        # Above a half, failures are counted from the other end.
        wanted = (
            binom.ppf(uniform, trials, p)
            if p <= 0.5
            else (trials - binom.ppf(1 - uniform, trials, 1 - p))
        )
        np.testing.assert_array_equal(found, wanted)
