"""Metrics on recordings made by hand, and the interval against its coverage."""

import numpy as np
import pytest

from brianbridge.measures import metrics
from brianbridge.recording import Events, Recording


def recording(raster, output, dt=1e-3):
    steps, samples, neurons = raster.shape
    return Recording(
        dt=dt, steps=steps, samples=samples, shapes={"hidden": (neurons,)},
        all_events={"hidden": Events.from_raster(raster, dt)}, output=np.asarray(output),
    )  # fmt: skip


def test_mismatches_are_counted_cell_by_cell():
    raster = np.zeros((3, 2, 2))
    raster[0, 0, 0] = raster[1, 1, 1] = 1
    moved = raster.copy()
    moved[0, 0, 0], moved[2, 0, 0] = 0, 1  # later, the same count
    signed = raster.copy()
    signed[1, 1, 1] = -1  # the same time, another value
    one = recording(raster, [[1, 0], [0, 1]])
    assert metrics.spike_differences(one, recording(moved, [[1, 0], [0, 1]]))[0] == 2
    assert metrics.spike_differences(one, recording(signed, [[1, 0], [0, 1]]))[0] == 1


def test_a_finer_run_is_summed_onto_the_coarse_grid():
    coarse = np.zeros((2, 1, 1))
    coarse[1, 0, 0] = 1
    fine = np.zeros((20, 1, 1))
    fine[17, 0, 0] = 1
    a, b = recording(coarse, [[1]]), recording(fine, [[1]], dt=1e-4)
    assert metrics.spike_differences(a, b)[0] == 0
    fine[9, 0, 0] = 1
    assert metrics.spike_differences(a, recording(fine, [[1]], dt=1e-4))[0] == 1


def test_accuracy_agreement_and_ties():
    raster = np.zeros((1, 3, 1))
    one = recording(raster, [[1, 0], [0, 1], [1, 1]])
    other = recording(raster, [[1, 0], [1, 0], [0, 1]])
    assert metrics.accuracy(one, np.array([0, 1, 0])) == 1.0  # the first of equals
    assert metrics.agreement(one, other) == pytest.approx(1 / 3)


def test_interval_covers_the_true_change():
    generator = np.random.default_rng(0)
    cells = [0.88, 0.05, 0.02, 0.05]  # both right, lost, gained, both wrong
    truth, hits, rounds = 0.02 - 0.05, 0, 4000
    for _ in range(rounds):
        kind = generator.choice(4, size=200, p=cells)
        before, after = kind <= 1, (kind == 0) | (kind == 2)
        low, high = metrics.paired_interval(before, after)
        hits += low <= truth <= high
    assert 0.93 <= hits / rounds <= 0.97


def test_interval_of_no_change_has_a_width():
    right = np.ones(500, dtype=bool)
    low, high = metrics.paired_interval(right, right)
    assert low == pytest.approx(-high)
    assert high == pytest.approx(3.8415 / (500 + 3.8415), rel=1e-3)  # Wilson's
