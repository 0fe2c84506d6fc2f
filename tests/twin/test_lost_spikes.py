"""Spikes that fail to arrive, in training: sums drawn from their normal distribution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brianbridge.kernels.normal_sums import normal_sums, variance_gradient
from brianbridge.network import Failure, Pooling, Projection
from brianbridge.network.connections import Convolution, Sparse
from brianbridge.twin.noise import Noise
from brianbridge.twin.projections import ProjectionTwin

P, T, BATCH = 0.3, 3, 2


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def dense(p=P, sources=64, **options):
    weight = random(20, sources)
    return Projection("a", "b", weight, failure=Failure(p, 5), **options), (sources,), (20,)


def pooled(pool):
    projection = Projection(
        "a", "b", random(6, 3, 3, 3), connection=Convolution(padding=1), pool=pool,
        failure=Failure(P, 5),
    )  # fmt: skip
    return projection, (3, 8, 8), (6, *pool.output_shape((3, 8, 8))[1:])


def delayed():
    source, target = (x.ravel() for x in np.meshgrid(np.arange(50), np.arange(12)))
    delays = np.random.default_rng(1).integers(0, 2, source.size) * 1.0
    connection = Sparse(source, target, delays=delays)
    failure = Failure(P, 5)
    return Projection("a", "b", random(600), connection=connection, failure=failure), (50,), (12,)


CASES = {
    "dense": dense,
    "average": lambda: pooled(Pooling("average", 2)),
    "sum": lambda: pooled(Pooling("sum", 2)),
    "delayed": delayed,
}


def twin_of(case, **options):
    projection, source, target = case
    return ProjectionTwin(projection, source, target, torch.float64, **options)


def spikes(twin, *, graded=False, samples=BATCH):
    found = np.random.default_rng(3).random((T, samples, *twin.source)) < 0.4
    values = np.random.default_rng(4).integers(-2, 4, found.shape) if graded else 1
    return torch.tensor(found * values, dtype=torch.float64)


def own(seed, samples=BATCH):
    return Noise(seed, np.arange(samples), own=True)


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_sums_have_the_mean_and_the_variance_of_single_spikes(name, graded):
    twin = twin_of(CASES[name]())
    x = spikes(twin, graded=graded)
    with torch.no_grad():
        drawn, single = (
            torch.stack([twin.train(mode).over_time(x, 0, own(seed)) for seed in range(1500)])
            for mode in (True, False)
        )
    spread = single.std(0)
    assert spread.median() > 0.1
    error = (drawn.mean(0) - single.mean(0)) / (spread + 1e-9) * np.sqrt(1500 / 2)
    assert error.std() == pytest.approx(1, abs=0.2)  # only chance
    reached = spread > 1e-9
    assert torch.equal(reached, drawn.std(0) > 1e-9)
    ratio = drawn.std(0)[reached] / spread[reached]
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    assert ratio.std() < 0.05
    # Targets do not depend on each other; by chance, the mean is 0.8/sqrt(1500).
    between = np.corrcoef(drawn[:, 0, 0].flatten(1)[:, reached[0, 0].ravel()].numpy().T)
    others = between[~np.eye(len(between), dtype=bool)]
    assert np.abs(others).mean() < 1 / np.sqrt(1500)


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_step_by_step_the_same_is_drawn(name, graded):
    twin = twin_of(CASES[name]()).train()
    x = spikes(twin, graded=graded)
    with torch.no_grad():
        whole = twin.over_time(x, 1, own(7), first=2)
        run, steps = twin.arrivals(1, own(7), first=2), [None] * T
        for k in range(T):
            steps[k] = run(k, list(x[:k]))
    assert steps[0] is None
    torch.testing.assert_close(torch.stack(steps[1:]), whole[1:], atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_of_the_weights_is_that_of_what_was_drawn(name):
    twin = twin_of(CASES[name]()).train()
    x = spikes(twin)
    weight, values = twin.weight.detach().clone(), []
    given = torch.as_tensor(random(T, BATCH, *twin.target, seed=8))
    (twin.over_time(x, 0, own(1)) * given).sum().backward()
    direction = torch.as_tensor(random(*weight.shape, seed=9))
    with torch.no_grad():
        for step in (1e-6, -1e-6):
            twin.weight.copy_(weight + step * direction)
            values.append(float((twin.over_time(x, 0, own(1)) * given).sum()))
    expected = (values[0] - values[1]) / 2e-6
    assert float((twin.weight.grad * direction).sum()) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_of_spikes_is_that_of_the_mean(name):
    twin = twin_of(CASES[name]())
    given = torch.as_tensor(random(T, BATCH, *twin.target, seed=8))
    found = []
    for mode in (True, False):
        x = spikes(twin).requires_grad_()
        (twin.train(mode).over_time(x, 0, own(1)) * given).sum().backward()
        found.append(x.grad)
    torch.testing.assert_close(*found)
    assert found[0].abs().max() > 0


@pytest.mark.parametrize(
    ("case", "noise", "mode"),
    [
        (dense(), own(3), False),
        (dense(), Noise(3, np.arange(BATCH)), True),
        (dense(sources=19), own(3), True),
        (pooled(Pooling("sum", 3, 1, 1)), own(3), True),
    ],
    ids=["evaluation", "a simulation's noise", "few synapses", "windows that overlap"],
)
def test_elsewhere_each_spike_fails_by_itself(case, noise, mode):
    projection, source, target = case
    ones = Projection(
        "a", "b", np.ones_like(projection.weight), connection=projection.connection,
        pool=projection.pool, failure=projection.failure,
    )  # fmt: skip
    twin = twin_of((ones, source, target)).train(mode)
    found = twin.over_time(spikes(twin), 0, noise)
    assert torch.equal(found, found.round())  # whole spikes


def test_twenty_synapses_are_drawn_as_a_sum():
    projection, source, target = dense(sources=20)
    ones = Projection("a", "b", np.ones_like(projection.weight), failure=projection.failure)
    twin = twin_of((ones, source, target)).train()
    found = twin.over_time(spikes(twin), 0, own(3))
    assert not torch.equal(found, found.round())


def test_batches_and_threads_change_nothing():
    twin = twin_of(dense()).train()
    x = spikes(twin, samples=40)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        whole = twin.over_time(x, 0, own(1, 40))
    finally:
        torch.set_num_threads(before)
    parts = [
        twin.over_time(x[:, part], 0, Noise(1, np.arange(40)[part], own=True))
        for part in (slice(0, 7), slice(7, 40))
    ]
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-12, rtol=0)


def test_images_pixel_by_pixel_have_the_same_distribution():
    twin = twin_of(CASES["average"]()).train()
    x = spikes(twin)
    turned = x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    with torch.no_grad():
        one, other = (
            torch.stack([twin.over_time(y, 0, own(seed)) for seed in range(1000)])
            for y in (x, turned)
        )
    assert (one.mean(0) - other.mean(0)).abs().max() < 6 * one.std(0).max() * np.sqrt(2 / 1000)
    assert (one.std(0) / other.std(0)).mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_all_or_nothing(p):
    twin = twin_of(dense(p)).train()
    found = twin.over_time(spikes(twin), 0, own(1))
    found.sum().backward()
    expected = (1 - p) * twin.weighted(spikes(twin), twin.weight)
    torch.testing.assert_close(found, expected)
    assert torch.isfinite(twin.weight.grad).all()


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_short_numbers(name, graded):
    twin = twin_of(CASES[name]()).train().float()
    x = spikes(twin, graded=graded).float()
    expected = twin.over_time(x, 0, own(1))
    with torch.autocast("cpu", torch.bfloat16):
        found = twin.over_time(x, 0, own(1))
        step = twin.arrivals(0, own(1))(1, list(x))
    assert found.dtype == step.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.2)
    torch.testing.assert_close(step, expected[1], rtol=0.05, atol=0.2)
    found.sum().backward()
    assert torch.isfinite(twin.weight.grad).all()


@pytest.mark.parametrize("name", CASES)
def test_no_samples(name):
    twin = twin_of(CASES[name]()).train()
    found = twin.over_time(spikes(twin, samples=0), 0, own(1, 0))
    assert found.shape == (T, 0, *twin.target)
    found.sum().backward()


@pytest.mark.parametrize("targets", [1, 2, 3, 5, 8, 1001])
def test_normal_numbers(targets):
    keys = np.arange(2000, dtype=np.uint64)
    mean, variance = np.full((2000, targets), 3.0), np.full((2000, targets), 4.0)
    found = normal_sums(mean, variance, keys)
    assert found.mean(0) == pytest.approx(3, abs=6 * 2 / np.sqrt(2000))
    assert found.std(0) == pytest.approx(2, abs=0.25)
    if targets > 1000:
        share = (found < 3 + 2 * np.array([-1.959964, -1, 0, 1, 1.959964])[:, None, None]).mean(
            (1, 2)
        )
        assert share == pytest.approx([0.025, 0.158655, 0.5, 0.841345, 0.975], abs=1e-3)
    # The gradient of sqrt(variance)*normal; 0 where nothing arrives.
    gradient = variance_gradient(np.ones_like(mean), variance, keys)
    np.testing.assert_allclose(gradient, (found - 3) / (2 * 4), rtol=1e-9, atol=1e-12)
    for none in (0.0, -1e-9):  # rounding makes some negative
        nothing = np.full_like(mean, none)
        np.testing.assert_array_equal(normal_sums(mean, nothing, keys), mean)
        assert not variance_gradient(mean, nothing, keys).any()
