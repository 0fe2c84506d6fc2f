"""Weights added to a batch: every way against the matrix of synapses; what the ways cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest
from projection_cases import PROJECTIONS, matrix, random

from brianbridge.kernels import costs
from brianbridge.network import (
    AllToAll,
    Connection,
    Convolution,
    OneToOne,
    Pairs,
    Pooling,
    Projection,
)
from brianbridge.simulation.batched.delivery import delivery, weighted
from brianbridge.simulation.batched.kernels import NO_MASK
from brianbridge.simulation.batched.spikes import SpikeList, from_dense, split
from brianbridge.simulation.batched.two_ways import TwoWays

BATCH = 5


def raster(samples: int, neurons: int, graded: bool, density: float = 0.5) -> np.ndarray:
    """Return spike values; the second sample is silent."""
    rng = np.random.default_rng(neurons)
    x = (rng.random((samples, neurons)) < density).astype(float)
    x[1:2] = 0
    return x * rng.normal(size=x.shape) if graded else x


def listed(x: np.ndarray, graded: bool, dtype: type = np.float64) -> SpikeList:
    sample, node = np.nonzero(x)
    start = np.searchsorted(sample, np.arange(len(x) + 1))
    value = x[sample, node] if graded else np.empty(0)
    return SpikeList(start.astype(np.int64), node.astype(np.int32), value.astype(dtype))


def ways(how: object) -> Iterator[object]:
    """Yield a delivery as it is, or bound to either of its two ways."""
    inner = getattr(how, "rest", how)
    if isinstance(inner, TwoWays):
        for densest in (np.inf, 1e-12):
            inner._densest = densest
            yield how
    else:
        yield how


@pytest.mark.parametrize("graded", [False, True], ids=["binary", "graded"])
@pytest.mark.parametrize("name", PROJECTIONS)
def test_every_delivery_adds_what_its_synapses_add(name, graded):
    projection, source, target = PROJECTIONS[name]
    neurons, targets = int(np.prod(source)), int(np.prod(target))
    weights = matrix(projection, source, target)
    for samples in (1, BATCH):
        x = raster(samples, neurons, graded)
        before = random(samples, targets, seed=3)
        mask = np.random.default_rng(4).random(samples * targets) < 0.6
        for how in ways(delivery(projection, source, target)):
            for open_ in (NO_MASK, mask):
                found = before.copy()
                how.add(found, listed(x, graded), open_)
                added = x @ weights.T
                if open_.size:
                    added[~open_.reshape(added.shape)] = 0
                np.testing.assert_allclose(found, before + added, rtol=0, atol=1e-12)
                if open_.size:
                    closed = ~open_.reshape(added.shape)
                    np.testing.assert_array_equal(found[closed], before[closed])


@pytest.mark.parametrize("name", PROJECTIONS)
def test_steps_without_spikes_add_nothing(name):
    projection, source, target = PROJECTIONS[name]
    silent = np.zeros((3, int(np.prod(source))))
    for how in ways(delivery(projection, source, target)):
        found = before = random(3, int(np.prod(target)))
        how.add(found, listed(silent, False), NO_MASK)
        np.testing.assert_array_equal(found, before)


@pytest.mark.parametrize("graded", [False, True], ids=["binary", "graded"])
@pytest.mark.parametrize("name", PROJECTIONS)
def test_single_precision_weights_are_summed_in_double(name, graded):
    projection, source, target = PROJECTIONS[name]
    single = replace(projection, weight=projection.weight.astype(np.float32))
    double = replace(projection, weight=single.weight.astype(np.float64))
    x = raster(BATCH, int(np.prod(source)), graded)
    one, other = (np.zeros((BATCH, int(np.prod(target)))) for _ in range(2))
    both = zip(
        ways(delivery(single, source, target)), ways(delivery(double, source, target)), strict=True
    )
    for how, exact in both:
        how.add(one, listed(x, graded))
        exact.add(other, listed(x, graded))
        np.testing.assert_array_equal(one, other)
    assert one.any() or not single.weight.size


@pytest.mark.parametrize("name", ["dense", "mean, convolution", "transposed, stride", "sparse"])
def test_single_precision_targets(name):
    projection, source, target = PROJECTIONS[name]
    x = raster(BATCH, int(np.prod(source)), graded=True)
    for how in ways(delivery(projection, source, target, np.float32)):
        found = np.zeros((BATCH, int(np.prod(target))), np.float32)
        how.add(found, listed(x, True, np.float32))
        expected = x @ matrix(projection, source, target).T
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_a_connection_of_ones_own_is_delivered_by_its_synapses():
    class Mirrored(Connection):
        def pairs(self, weight, source, target):
            neuron, end = np.indices((6, 4)).reshape(2, -1)
            return Pairs(5 - neuron, end, neuron)

    projection = Projection("a", "b", np.arange(6.0), None, Mirrored())
    x = raster(BATCH, 6, graded=False)
    found = np.zeros((BATCH, 4))
    delivery(projection, (6,), (4,)).add(found, listed(x, False))
    np.testing.assert_allclose(found, x @ matrix(projection, (6,), (4,)).T)


@pytest.mark.parametrize("name", PROJECTIONS)
def test_a_constant_current_is_weighted(name):
    projection, source, target = PROJECTIONS[name]
    current = random(BATCH, *source, seed=8)
    expected = current.reshape(BATCH, -1) @ matrix(projection, source, target).T
    found = weighted(projection, current, target)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


# ---------------------------------------------------------------------- kernels


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("kind", [np.float64, np.int8, bool])
def test_a_dense_raster_is_listed(kind, graded):
    x = (raster(BATCH, 9, graded=True) * 3).astype(kind)
    found = SpikeList(*from_dense(x, np.empty(0), graded))
    expected = listed(x.astype(float), graded)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("samples", [1, 4])
def test_the_spikes_of_a_group_are_split_by_sample(samples, share):
    fired = np.random.default_rng(2).random((samples, 7)) < share
    indices = np.flatnonzero(fired).astype(np.int32)
    start, node = split(indices, len(indices), 7, samples)
    expected = listed(fired.astype(float), False)
    np.testing.assert_array_equal(start, expected.start)
    np.testing.assert_array_equal(node, expected.node)
    # More room than spikes, as in Brian2's spike space.
    start, node = split(np.append(indices, [5] * 3).astype("i4"), len(indices), 7, samples)
    np.testing.assert_array_equal(start, expected.start)


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    [((2, 2), (2, 2), (0, 0)), ((3, 2), (2, 1), (1, 1)), ((1, 1), (3, 2), (0, 0)),
     ((5, 4), (1, 1), (0, 0)), ((2, 3), (3, 4), (1, 0))],
)  # fmt: skip
def test_windows_are_summed(size, stride, padding, graded):
    source = (2, 5, 4)
    pool = Pooling("sum", size, stride, padding)
    x, windows = raster(BATCH, 40, graded), int(np.prod(pool.output_shape(source)))
    passed = Projection("a", "b", np.ones(1), None, OneToOne(), pool)
    found, expected = np.zeros((2, BATCH, windows))
    delivery(passed, source, (windows,)).add(found, listed(x, graded))
    table = pool.synapses(source)
    for b in range(BATCH):
        np.add.at(expected[b], table.target, x[b, table.source])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


# ---------------------------------------------------------------------- costs


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(costs, "_measured", {})
    return tmp_path / "brianbridge" / "costs.json"


def measure(key: str, monkeypatch: pytest.MonkeyPatch) -> tuple[float, int]:
    """Return a crossover, and how many times something was timed for it."""
    timed: list[object] = []

    def seconds(*works: object) -> tuple[float, ...]:
        timed.extend(works)
        return 0.1, 0.3, 0.5

    monkeypatch.setattr(costs, "_seconds", seconds)
    return costs.crossover(key, lambda density: None, lambda: None), len(timed)


def test_costs_are_measured_once_and_kept(cache, monkeypatch):
    # 0.1 s at 5 % of active neurons, 0.3 s at 25 %, the product 0.5 s: worth it from 45 % on.
    assert measure("a", monkeypatch) == (pytest.approx(0.45), 3)
    assert measure("a", monkeypatch) == (pytest.approx(0.45), 0)
    monkeypatch.setattr(costs, "_measured", {})  # another process
    assert measure("a", monkeypatch) == (pytest.approx(0.45), 0)
    assert measure("b", monkeypatch)[1] == 3
    kept = json.loads(cache.read_text())
    assert [key.split(" | ")[0] for key in kept] == ["a", "b"]
    assert all(f"numba {numba.__version__}" in key for key in kept)


@pytest.mark.parametrize(
    "text", ["", "{", "[1, 2]", "null", "3", '"costs"', "\xff", '{"a": 1'], ids=repr
)
def test_damaged_costs_are_measured_again(cache, monkeypatch, text):
    cache.parent.mkdir(parents=True)
    cache.write_bytes(text.encode("latin-1"))
    assert measure("a", monkeypatch)[1] == 3
    assert len(json.loads(cache.read_text())) == 1


@pytest.mark.parametrize("value", ["0.5", None, [1], -1, float("nan")])
def test_a_cost_that_is_none_is_measured_again(cache, monkeypatch, value):
    measure("a", monkeypatch)
    (key,) = json.loads(cache.read_text())
    cache.write_text(json.dumps({key: value, "another": 0.25}))
    monkeypatch.setattr(costs, "_measured", {})
    assert measure("a", monkeypatch) == (pytest.approx(0.45), 3)
    assert json.loads(cache.read_text())["another"] == 0.25


def test_a_folder_that_cannot_be_written_does_not_matter(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(costs, "_measured", {})
    assert measure("a", monkeypatch)[1] == 3
    assert measure("a", monkeypatch)[1] == 0


@pytest.mark.parametrize("connection", [AllToAll(), Convolution(padding=1)])
def test_large_weights_are_measured_and_small_ones_not(cache, monkeypatch, connection):
    def add(*shape: int) -> None:
        weight = random(*shape)
        dense = isinstance(connection, AllToAll)
        source = (shape[1],) if dense else (shape[1], 9, 9)
        target = (shape[0],) if dense else (shape[0], 9, 9)
        x = raster(2, int(np.prod(source)), False)
        found = np.zeros((2, int(np.prod(target))))
        how = delivery(Projection("a", "b", weight, None, connection), source, target)
        how.add(found, listed(x, False))
        expected = x @ matrix(Projection("a", "b", weight, None, connection), source, target).T
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)

    timed: list[str] = []

    def crossover(key: str, events, product) -> float:
        timed.append(key)
        events(0.1)
        product()
        return 0.0

    monkeypatch.setattr("brianbridge.simulation.batched.two_ways.crossover", crossover)
    small, large = ((9, 8), (150, 140)) if isinstance(connection, AllToAll) else (
        (2, 2, 3, 3), (6, 6, 3, 3),
    )  # fmt: skip
    add(*small)
    assert not timed
    add(*large)
    assert len(timed) == 1
