"""`DenseProjection` in plain Brian2 scripts, beside `Synapses` with the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brian2 import (
    BrianObjectException,
    Clock,
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    amp,
    defaultclock,
    linked_var,
    ms,
    mV,
    run,
    seed,
    set_device,
    volt,
)

from brianbridge.errors import InputError
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.batched.dense_projection import DenseProjection

SAMPLES, N, M = 3, 5, 4
WEIGHTS = np.random.default_rng(0).normal(0.1, 0.3, (M, N))
LEAKY = "dv/dt = -v/(5*ms) : 1"


def neurons(n: int = SAMPLES * M, equations: str = LEAKY, **options: Any) -> NeuronGroup:
    return NeuronGroup(n, equations, method="euler", **options)


def firing(n: int = SAMPLES * N) -> NeuronGroup:
    """Return neurons that fire regularly, each at a rate of its own."""
    source = neurons(
        n, "dv/dt = rate : 1\nrate : Hz (constant)", threshold="v > 1", reset="v -= 1"
    )  # fmt: skip
    source.rate = np.random.default_rng(1).uniform(500, 4000, n) * Hz
    source.v = np.random.default_rng(2).uniform(0, 1, n)
    return source


def synapses(source: Any, target: Any, graded: bool = False, delay: Any = 0 * ms) -> Synapses:
    """Return what stands in the place of `DenseProjection(source, target, WEIGHTS, ...)`."""
    w = "w*spike_value_pre" if graded else "w"
    listed = Synapses(source, target, "w : 1", on_pre=f"v_post += {w}", delay=delay)
    sample, i, j = (a.ravel() for a in np.indices((SAMPLES, N, M)))
    listed.connect(i=sample * N + i, j=sample * M + j)
    listed.w = WEIGHTS[j, i]
    return listed


def compare(source: Any, target: Any, other: Any, *more: Any, steps: int = 100, **options: Any):
    """Assert that two equal targets follow the same trace, one behind either projection."""
    delay, graded = options.get("delay", 0 * ms), options.pop("graded", False)
    listed = synapses(source, target, graded, delay)
    dense = DenseProjection(source, other, WEIGHTS, samples=SAMPLES, **options)
    expected, found = (StateMonitor(g, "v", record=True) for g in (target, other))
    fired = SpikeMonitor(more[0] if more else source)
    Network(source, target, other, listed, dense, expected, found, fired, *more).run(
        steps * defaultclock.dt
    )
    assert fired.num_spikes > 50
    assert np.ptp(expected.v) > 1
    np.testing.assert_allclose(found.v, expected.v, rtol=0, atol=1e-12)


# ---------------------------------------------------------------------- against synapses


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_it_does_what_synapses_do(steps):
    compare(firing(), neurons(), neurons(), delay=steps * defaultclock.dt)


def test_subgroups_at_either_end():
    sources, targets, others = firing(40), neurons(30), neurons(30)
    first, ends = SAMPLES * N, SAMPLES * M
    compare(
        sources[7 : 7 + first], targets[9 : 9 + ends], others[9 : 9 + ends],
        sources, targets, others,
    )  # fmt: skip
    assert not others.v[:9].any()
    assert not others.v[9 + ends :].any()


def test_a_subgroup_at_the_start():
    sources = firing(40)
    compare(sources[: SAMPLES * N], neurons(), neurons(), sources)


def test_refractory_targets_receive_nothing():
    options = {
        "equations": "dv/dt = -v/(5*ms) : 1 (unless refractory)", "threshold": "v > 0.4",
        "reset": "v = 0", "refractory": 0.7 * ms,
    }  # fmt: skip
    target, other = neurons(**options), neurons(**options)
    spikes = SpikeMonitor(target), SpikeMonitor(other)
    net = Network(*spikes)
    source = firing()
    listed = synapses(source, target)
    dense = DenseProjection(source, other, WEIGHTS, samples=SAMPLES)
    net.add(source, target, other, listed, dense)
    net.run(100 * defaultclock.dt)
    assert spikes[0].num_spikes > 20
    np.testing.assert_array_equal(spikes[0].i, spikes[1].i)
    np.testing.assert_array_equal(spikes[0].t_, spikes[1].t_)
    np.testing.assert_allclose(other.v, target.v, rtol=0, atol=1e-12)


def test_a_refractory_part_of_a_group():
    options = {
        "equations": "dv/dt = -v/(5*ms) : 1 (unless refractory)", "threshold": "v > 0.4",
        "reset": "v = 0", "refractory": 0.7 * ms,
    }  # fmt: skip
    wholes = [neurons(20, **options) for _ in range(2)]
    parts = [whole[5 : 5 + SAMPLES * M] for whole in wholes]
    source = firing()
    compare(source, *parts, source, *wholes)


@pytest.mark.parametrize("part", [False, True])
def test_graded_spikes_count_by_their_value(part):
    model = neuron_model("multi_threshold_lif", tau=2 * ms)
    whole = model.group(SAMPLES * N + 6)
    whole.v = np.random.default_rng(3).uniform(0, 5, whole.N)
    whole.drive = np.random.default_rng(4).uniform(1000, 40000, whole.N) * Hz
    source = whole[4 : 4 + SAMPLES * N] if part else model.group(SAMPLES * N)
    if not part:
        source.drive = whole.drive[: source.N]
    compare(source, neurons(), neurons(), *([whole] if part else []), graded=True)


@pytest.mark.parametrize("part", [False, True])
def test_poisson_neurons(part):
    seed(7)
    whole = PoissonGroup(SAMPLES * N + 5, 2000 * Hz)
    source = whole[4 : 4 + SAMPLES * N] if part else PoissonGroup(SAMPLES * N, 2000 * Hz)
    compare(source, neurons(), neurons(), *([whole] if part else []))


def test_given_spikes_in_any_order_within_a_step():
    rng = np.random.default_rng(5)
    index, step = rng.permutation(np.argwhere(rng.random((SAMPLES * N, 99)) < 0.2)).T
    times = (step + rng.uniform(0.05, 0.95, len(step))) * 0.1 * ms
    compare(SpikeGeneratorGroup(SAMPLES * N, index, times), neurons(), neurons())


def test_units():
    source, target = firing(6), NeuronGroup(4, "v : volt")
    dense = DenseProjection(source, target, np.full((2, 3), 2) * mV, samples=2)
    count = SpikeMonitor(source)
    Network(source, target, dense, count).run(2 * ms)
    expected = np.repeat(np.asarray(count.count).reshape(2, 3).sum(1), 2) * 2e-3
    np.testing.assert_allclose(np.asarray(target.v), expected)
    assert expected.all()


def test_rows_are_targets_as_in_a_projection():
    source, target = firing(N), neurons(M)
    source.v, source.rate = [0, 2, 0, 0, 0], 0 * Hz
    Network(source, target, DenseProjection(source, target, WEIGHTS)).run(0.1 * ms)
    np.testing.assert_allclose(target.v, WEIGHTS[:, 1])


# ---------------------------------------------------------------------- networks


def test_it_is_found_by_run():
    source, target, other = firing(), neurons(), neurons()
    listed = synapses(source, target)
    dense = DenseProjection(source, other, WEIGHTS, samples=SAMPLES)
    run(5 * ms)
    run(5 * ms)
    assert (dense.name, listed.active) == ("dense_projection", True)
    np.testing.assert_allclose(other.v, target.v, rtol=0, atol=1e-12)
    assert np.ptp(target.v) > 0.1


def test_it_can_be_switched_off():
    source, other = firing(), neurons()
    dense = DenseProjection(source, other, WEIGHTS, samples=SAMPLES)
    dense.active = False
    Network(source, other, dense).run(2 * ms)
    assert not np.any(other.v)


@pytest.mark.parametrize("to_file", [False, True])
def test_spikes_under_way_are_stored_and_restored(tmp_path, to_file):
    source, target, other = firing(), neurons(), neurons()
    delay = 12 * defaultclock.dt
    listed = synapses(source, target, delay=delay)
    dense = DenseProjection(source, other, WEIGHTS, samples=SAMPLES, delay=delay)
    net = Network(source, target, other, listed, dense)
    net.store("start")
    where = {"filename": str(tmp_path / "state")} if to_file else {}
    net.run(20 * defaultclock.dt)
    net.store("middle", **where)
    found = []
    for state in ("middle", "middle", "start"):
        net.restore(state, **(where if state == "middle" else {}))
        net.run((10 if state == "middle" else 30) * defaultclock.dt)
        np.testing.assert_allclose(other.v, target.v, rtol=0, atol=1e-12)
        found.append(np.array(other.v))
    assert np.ptp(found[0]) > 0.1
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_time_step_that_is_set_later():
    source, target, other = firing(), neurons(), neurons()
    options = {"delay": 2 * ms}
    listed = synapses(source, target, **options)
    dense = DenseProjection(source, other, WEIGHTS, samples=SAMPLES, **options)
    net = Network(source, target, other, listed, dense)
    defaultclock.dt = 0.5 * ms
    net.run(10 * ms)
    np.testing.assert_allclose(other.v, target.v, rtol=0, atol=1e-12)
    assert np.ptp(target.v) > 0.1
    defaultclock.dt = 5 * ms
    with pytest.raises(BrianObjectException) as caught:
        net.run(10 * ms)
    assert "nearest is 0 ms" in str(caught.value.__cause__)


# ---------------------------------------------------------------------- refusals

TWO_KINDS = "v : 1\nx : volt\nn : integer\nw = 2*v : 1\ns : 1 (shared)\nr : 1 (linked)"


@pytest.mark.parametrize(
    ("weights", "options", "said"),
    [
        (np.ones((8, 5)), {}, ["source has 6 neurons", "1 samples of 5 need 5"]),
        (np.ones((7, 6)), {}, ["target has 8 neurons", "1 samples of 7 need 7"]),
        (np.ones((4, 3)), {"samples": 3}, ["source has 6 neurons", "3 samples of 3 need 9"]),
        (np.ones((4, 3)), {"samples": 0}, ["0 samples"]),
        (np.ones((6, 8)), {}, ["shape (6, 8) are (sources, targets)", "weights.T", "(8, 6)"]),
        (np.ones((3, 4)), {"samples": 2}, ["shape (3, 4) are (sources, targets)", "(4, 3)"]),
        (np.ones(48), {}, ["weights of shape (48,) are not a matrix"]),
        (np.full((8, 6), np.nan), {}, ["finite"]),
        ("weights", {}, ["not numbers"]),
        (np.ones((8, 6)) * volt, {}, ["weights in volt for 'v', which is in 1"]),
        (np.ones((8, 6)), {"receive": "x"}, ["weights in 1 for 'x', which is in volt"]),
        (np.ones((8, 6)) * amp, {"receive": "x"}, ["weights in amp for 'x'"]),
        (np.ones((8, 6)), {"receive": "vv"}, ["no variable 'vv'", "Did you mean 'v'?"]),
        (np.ones((8, 6)), {"receive": "n"}, ["cannot be added to 'n'"]),
        (np.ones((8, 6)), {"receive": "w"}, ["cannot be added to 'w'"]),
        (np.ones((8, 6)), {"receive": "s"}, ["cannot be added to 's'"]),
        (np.ones((8, 6)), {"receive": "r"}, ["cannot be added to 'r'"]),
        (np.ones((8, 6)), {"receive": "i"}, ["cannot be added to 'i'"]),
        (np.ones((8, 6)), {"delay": 0.25 * ms}, ["delay = 0.25 ms", "step of 0.1 ms", "is 0.2 ms"]),
        (np.ones((8, 6)), {"delay": -1 * ms}, ["below 0"]),
        (np.ones((8, 6)), {"delay": 1 * mV}, ["delay"]),
    ],
)
def test_what_does_not_fit_is_refused(refused, weights, options, said):
    source, target, others = firing(6), NeuronGroup(8, TWO_KINDS), NeuronGroup(8, "v : 1")
    target.r = linked_var(others, "v")
    with refused(f"projection from '{source.name}' to '{target.name}'", *said):
        DenseProjection(source, target, weights, **options)


def test_a_source_must_fire_and_in_the_same_steps(refused):
    with refused("does not fire", "threshold"):
        DenseProjection(neurons(2), neurons(2), np.eye(2))
    slow = NeuronGroup(2, "v : 1", threshold="v > 1", reset="v = 0", clock=Clock(dt=1 * ms))
    with refused("steps of 1 ms", "of 0.1 ms"):
        DenseProjection(slow, neurons(2), np.eye(2))


def test_it_is_no_part_of_a_cpp_program(refused):
    source, target = firing(2), neurons(2)
    dense = DenseProjection(source, target, np.eye(2))
    set_device("cpp_standalone", build_on_run=False)
    with refused("'cpp_standalone'", "or use Synapses"):
        DenseProjection(firing(2), neurons(2), np.eye(2))
    with pytest.raises(InputError, match="or use Synapses"):
        dense.before_run({})
