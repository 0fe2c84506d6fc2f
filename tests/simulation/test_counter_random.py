"""Random numbers from counters: published ones, well distributed, the same for all who ask."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import kstest, poisson

from brianbridge.counters import (
    checked_seed,
    draw,
    key_of,
    sample_keys,
    uniforms,
    uniforms_at,
)
from brianbridge.distributions import normals, poisson_numbers


def table(samples=200, neurons=300, step=0, key=None):
    keys = sample_keys(key_of(1, "hidden") if key is None else key, np.arange(samples), step)
    return uniforms(keys, neurons).reshape(samples, neurons)


def test_the_generator_is_splitmix64():
    # Reference output of the authors' program for the seed 1234567.
    expected = [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431,
        16408922859458223821,
    ]  # fmt: skip
    assert [int(draw(np.uint64(1234567), k)) for k in range(5)] == expected


def test_uniform_numbers_are_uniform_along_every_coordinate():
    cube = np.stack([table(step=step) for step in range(5)])
    assert kstest(cube.ravel(), "uniform").pvalue > 1e-3
    assert cube.min() > 0
    assert cube.max() < 1
    for axis in range(3):
        one, next_ = (
            np.take(cube, range(*ends), axis)
            for ends in ((0, -1 + cube.shape[axis]), (1, cube.shape[axis]))
        )
        # Neighbours along samples, steps and neurons do not correlate.
        assert abs(np.corrcoef(one.ravel(), next_.ravel())[0, 1]) < 5 / np.sqrt(one.size)
    assert len(np.unique(cube)) == cube.size


@pytest.mark.parametrize("other", [key_of(2, "hidden"), key_of(1, "output"), key_of(1, "h", "d")])
def test_another_seed_or_name_gives_independent_numbers(other):
    assert abs(np.corrcoef(table().ravel(), table(key=other).ravel())[0, 1]) < 5 / np.sqrt(60_000)


def test_places_have_their_numbers_whoever_asks():
    keys = sample_keys(key_of(3, "a"), np.array([5, 9, 2]), 4)
    whole = uniforms(keys, 7)
    places = np.array([0, 6, 7, 13, 20], np.int32)
    np.testing.assert_array_equal(uniforms_at(keys, 7, places), whole[places])
    np.testing.assert_array_equal(uniforms(keys[1:2], 7), whole[7:14])
    # A compiled loop may run several numbers at once: their places in it must not matter.
    for size in range(1, 21):
        np.testing.assert_array_equal(normals(whole[:size]), normals(whole)[:size])


def test_normal_numbers_are_the_inverse_of_the_normal_distribution():
    uniform = np.concatenate([table().ravel(), [2.0**-53, 1 - 2.0**-53, 0.075, 0.5, 0.925, 1e-300]])
    np.testing.assert_allclose(normals(uniform), ndtri(uniform), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("mean", [0.0, 0.01, 3.0, 80.0, 700.0])
def test_poisson_numbers_are_the_inverse_of_the_poisson_distribution(mean):
    uniform = table(20, 100).ravel()
    expected = poisson.ppf(uniform, mean) if mean else np.zeros(uniform.size)
    np.testing.assert_array_equal(poisson_numbers(uniform, mean), expected)
    means = np.full(uniform.size, mean)
    np.testing.assert_array_equal(poisson_numbers(uniform, means), expected)


def test_a_mean_below_0_is_refused(refused):
    with refused("poisson()", "is negative"):
        poisson_numbers(np.array([0.5]), -1.0)


@pytest.mark.parametrize("seed", [-1, 1.5, "3", True])
def test_what_is_no_seed_is_refused(refused, seed):
    with refused(f"seed = {seed!r}", "at least 0"):
        checked_seed(seed)


def test_seeds_of_any_size_differ():
    assert len({int(key_of(seed, "a")) for seed in (0, 1, 2**32, 2**64, 2**64 + 1)}) == 5
    assert checked_seed(np.uint32(7)) == 7
    assert checked_seed(None) != checked_seed(None)
