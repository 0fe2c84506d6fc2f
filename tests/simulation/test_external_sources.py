"""Generators, Poisson groups and Poisson inputs are read, together and with a TimedArray."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    PoissonInput,
    SpikeGeneratorGroup,
    SpikeMonitor,
    TimedArray,
    kHz,
    ms,
    prefs,
    seed,
)
from brian2_objects import cells, wires
from external_sources import check_all_paths, own_spikes, target

import brianbridge as bb
from brianbridge.encoding import Background, EncodedInput, Frames, Poisson, Sources
from brianbridge.io.inspect import as_text, describe_file

STEPS = 200


def connected(source: Any, group: Any, low: float, high: float, name: str, **options: Any) -> Any:
    one = wires(source, group, "g += w", name=name, pairs={"p": 0.7}, **options)
    one.w = np.random.default_rng(len(name)).uniform(low, high, len(one))
    return one


# ---------------------------------------------------------------------- rates


def test_a_poisson_group_takes_rates():
    source, group = PoissonGroup(64, np.arange(64) * Hz, name="pixels"), target(3)
    net = bb.from_brian2([source, group, wires(source, group, "g += w")], steps=1000, input=source)
    assert net.encoding == Poisson(1000, dt=1e-4, rate=63.0)
    assert "poisson (up to 63 Hz) input" in repr(net)
    x = np.random.default_rng(0).random((4, 8, 8))
    spikes = net.encoding.encode(x.reshape(4, 64), np.arange(4)).raster.sum()
    expected = 63 * x.sum() * 0.1
    assert abs(spikes - expected) < 5 * np.sqrt(expected)


def test_rates_that_are_not_known_are_asked_for(refused):
    source, group = PoissonGroup(3, 0 * Hz, name="pixels"), target(3)
    objects = [source, group, wires(source, group, "g += w")]
    with refused("group 'pixels' has rates of 0 Hz", "rate=50*Hz)"):
        bb.from_brian2(objects, steps=10, input=source)
    given = Poisson(10, dt=0.1 * ms, rate="50 Hz")
    assert bb.from_brian2(objects, steps=10, input=source, encoding=given).encoding == given


# ---------------------------------------------------------------------- several sources


def test_several_sources_recorded_and_replayed():
    """Brian2's draws, recorded in the user's run, give the same spikes on all paths."""
    seed(3)
    group = target(12)
    index, times = np.arange(5).repeat(3), np.tile([2, 9, 14], 5) * ms
    first = SpikeGeneratorGroup(5, index, times + index * 0.3 * ms, name="pixels")
    noise = PoissonGroup(8, np.linspace(20, 300, 8) * Hz, name="noise")
    context = PoissonGroup(3, 200 * Hz, name="context")
    objects = [
        first, noise, context, group,
        connected(first, group, 0.2, 1.5, "a"),
        connected(noise[2:7], group[3:], 0.2, 1.5, "bc", delay=0.7 * ms),
        connected(context, group, -0.5, 0.5, "def"),
        connected(group, group, -0.1, 0.1, "ghij"),
    ]  # fmt: skip
    frames = Frames(STEPS, dt=0.1 * ms)
    net = bb.from_brian2(
        Network(*objects), steps=STEPS, input=["context", "noise"],
        encoding={"context": frames, "noise": frames},
    )  # fmt: skip
    assert isinstance(net.encoding, Sources)
    assert [part.name for part in net.encoding.parts] == ["context", "noise", "pixels"]
    assert net.input_shape == (STEPS * 11,)
    assert net.shape_of("input") == (16,)
    spikes, drawn, other = own_spikes(objects, [group, noise, context], STEPS * 0.1 * ms)
    assert spikes.sum() > 20
    assert drawn.sum() > 10
    check_all_paths(net, {"noise": drawn[None], "context": other[None]}, spikes)


def test_data_for_one_source_and_a_background_for_the_rest(tmp_path):
    group = target(12)
    pixels = PoissonGroup(4, 300 * Hz, name="pixels")
    noise = PoissonGroup(6, 200 * Hz, name="noise")
    objects = [
        pixels, noise, group, PoissonInput(group[2:9], "g", 100, 5 * Hz, 0.11),
        connected(pixels, group, 0.2, 1.5, "a"), connected(noise, group, 0.2, 1.5, "bc"),
    ]  # fmt: skip
    net = bb.from_brian2(objects, steps=STEPS, input="pixels", seed=5)
    assert net.input_shape == (4,)
    assert net.shape_of("input") == (4 + 6 + 7,)
    x = np.full((6, 2, 2), 0.7)
    twin = bb.to_torch(net, dtype=torch.float64).record(x)
    assert len(twin.events("cells")) > 50
    for path in ("reference", "batched"):
        recording = bb.simulate(net, x, backend=bb.Backend(path=path))
        np.testing.assert_array_equal(recording.raster("cells"), twin.raster("cells"))
    # Neither how samples are split into calls nor a file changes the draws.
    bb.save_network(net, tmp_path / "net.h5")
    again = bb.load_network(tmp_path / "net.h5")
    part = bb.simulate(again, x[4:], index=[4, 5])
    np.testing.assert_array_equal(part.raster("cells"), twin.raster("cells")[:, 4:])
    other = bb.from_brian2(objects, steps=STEPS, input="pixels", seed=6)
    assert not np.array_equal(bb.simulate(other, x).raster("cells"), twin.raster("cells"))


def test_a_background_has_the_distribution_of_brian2():
    noise = PoissonGroup(3, [10, 100, 1000] * Hz, name="noise")
    group = target(3)
    net = bb.from_brian2([noise, group, wires(noise, group, "g += w")], steps=20000)
    raster = net.encoding.encode(np.zeros((1, 1)), np.arange(1)).raster
    expected = np.array([20, 200, 2000])
    assert (abs(raster.sum((0, 1)) - expected) < 5 * np.sqrt(expected)).all()
    assert raster.max() == 1


@pytest.mark.parametrize(("inputs", "rate"), [(100, 20 * Hz), (1000, 1 * kHz), (30, 9 * kHz)])
def test_draws_of_a_poisson_input_are_replayed(inputs, rate):
    """NumPy's generator, seeded as for Brian2's run, gives the draws of that run."""
    group = target(5)
    weight = 3.0 / (inputs * float(rate) * 5e-3)
    more = PoissonInput(group, "g", inputs, rate, weight)
    net = bb.from_brian2([group, more], steps=STEPS)
    seed(7)
    (spikes,) = own_spikes([group, more], [group], STEPS * 0.1 * ms)
    assert spikes.sum() > 10
    probability = float(rate * 0.1 * ms)
    normal = inputs * probability > 5 and inputs * (1 - probability) > 5
    seed(7)
    if normal:
        width = np.sqrt(inputs * probability * (1 - probability))
        draws = np.random.normal(inputs * probability, width, (STEPS, 5))
    else:
        draws = np.random.binomial(inputs, probability, (STEPS, 5))
    check_all_paths(net, EncodedInput(raster=draws[:, None].astype(float)), spikes)
    own = net.encoding.encode(np.zeros((1, 1)), np.arange(1)).raster
    assert own.mean() == pytest.approx(draws.mean(), abs=5 * draws.std() / np.sqrt(draws.size))
    assert own.std() == pytest.approx(draws.std(), rel=0.2)


def test_the_weight_of_a_poisson_input():
    group = cells(4, equations="dv/dt = -v/tau : 1\nb : 1 (constant)")
    group.b, tau, scale = [1, 2, 3, 4], 10 * ms, 0.5  # noqa: F841 (Brian2 finds them)
    one = PoissonInput(group[1:], "v", 10, 10 * Hz, "scale*b")
    net = bb.from_brian2([group, one], steps=10)
    (projection,) = net.projections
    np.testing.assert_array_equal(projection.weight, [1, 1.5, 2])
    np.testing.assert_array_equal(projection.connection.target, [1, 2, 3])
    assert projection.frozen
    bb.write_back(net, into=[group, one])


# ---------------------------------------------------------------------- rates in time


def test_rates_of_a_timed_array():
    rates = np.array([[0, 100], [300, 0], [50, 60]]) * Hz
    stimulus = TimedArray(rates, dt=5 * ms)  # noqa: F841 (Brian2 finds it)
    noise = PoissonGroup(2, "stimulus(t, i)*2", name="noise")
    group = target(3)
    net = bb.from_brian2([noise, group, wires(noise, group, "g += w", pairs={"p": 1})], steps=200)
    (part,) = net.encoding.parts
    assert part.encoding.since == (0, 50, 100)
    assert part.encoding.rates == ((0.0, 200.0), (600.0, 0.0), (100.0, 120.0))
    monitor = SpikeMonitor(noise)
    before, prefs["codegen.target"] = prefs["codegen.target"], "numpy"
    seed(1)
    Network(noise, monitor).run(20 * ms)
    prefs["codegen.target"] = before
    seed(1)
    uniform = np.random.rand(200, 2)
    fired = uniform < part.encoding.probabilities()
    raster = np.zeros((200, 2), bool)
    raster[np.rint(monitor.t / (0.1 * ms)).astype(int), monitor.i] = True
    np.testing.assert_array_equal(fired, raster)


def test_what_cannot_be_a_source(refused):
    group = target(3)
    noise = PoissonGroup(2, "rand()*10*Hz", name="noise")
    with refused("group 'noise', rates 'rand()*10*Hz': 'rand' makes the rates random"):
        bb.from_brian2([noise, group, wires(noise, group, "g += w", pairs={"p": 1})], steps=10)
    one = PoissonInput(group, "g", 3, 10 * Hz, "v")
    with refused(f"'{one.name}' (PoissonInput): 'v' in its weight may change", "(constant)"):
        bb.from_brian2([group, one], steps=10)
    late = SpikeGeneratorGroup(2, [0], [1] * ms, name="late", when="end")
    with refused("'late' (SpikeGeneratorGroup) runs in 'end'", "'thresholds'"):
        bb.from_brian2([late, group, wires(late, group, "g += w", pairs={"p": 1})], steps=10)
    lost = NeuronGroup(2, "v : 1", name="lost")
    with refused("its target 'lost' is not a group of the network"):
        bb.from_brian2([group, PoissonInput(lost, "v", 3, 10 * Hz, 1)], steps=10)


def test_the_samples_of_several_sources(refused):
    a, b, group = PoissonGroup(2, 10 * Hz, name="a"), PoissonGroup(3, 10 * Hz, name="b"), target(3)
    objects = [a, b, group, wires(a, group, "g += w", pairs={"p": 1}, name="one")]
    net = bb.from_brian2(objects, steps=10, input=[a, b])
    with refused("lack data for 'b'", "takes them for a, b"):
        bb.simulate(net, {"a": np.zeros((1, 2))})
    with refused("take data for 'c'"):
        bb.simulate(net, {"a": np.zeros((1, 2)), "c": np.zeros((1, 2))})
    with refused("of 'b' have shape (1, 2)", "(samples, 3)"):
        bb.simulate(net, {"a": np.zeros((1, 2)), "b": np.zeros((1, 2))})
    with refused("2 for 'a', 1 for 'b'"):
        bb.simulate(net, {"a": np.zeros((2, 2)), "b": np.zeros((1, 3))})
    with refused("encoding: there is no input 'bb'"):
        bb.from_brian2(objects, steps=10, input=[a, b], encoding={"bb": Poisson(10, dt=1e-4)})


def test_a_background_that_cannot_be(refused):
    with refused("rates have shape (1, 2)", "(1, 3)"):
        Background(10, size=3, rates=((1.0, 2.0),))
    with refused("rates range from -1 to -1 Hz"):
        Background(10, rates=((-1.0,),))
    with refused("a rate of 2000 Hz is more than one spike per step of 1 ms"):
        Background(10, rates=((2000.0,),), inputs=2)
    with refused("since = [0, 0]", "increasing"):
        Background(10, rates=((1.0,), (2.0,)), since=(0, 0))


def test_sources_are_shown_in_a_line(tmp_path):
    noise, group = PoissonGroup(600, 10 * Hz, name="noise"), target(3)
    noise.rates = np.arange(600) * Hz
    first = SpikeGeneratorGroup(2, [0, 1], [1, 2] * ms, name="first")
    objects = [noise, first, group, wires(noise, group, "g += w")]
    net = bb.from_brian2(objects, steps=30, input=first)
    assert "first (bernoulli, up to 10000 Hz) and noise (background) input" in repr(net)
    bb.save_network(net, tmp_path / "net.h5")
    shown = as_text(describe_file(tmp_path / "net.h5"))
    assert "parts first (bernoulli), noise (background)" in " ".join(shown.split())
    assert repr(net.encoding) == (
        "Sources(first: Bernoulli(steps=30, dt=100 us, gain=1.0, signed=False, seed=0), "
        "noise: Background(600 neurons, at most 599 Hz, seed 0))"
    )
