"""Spike trains are data: for `simulate`, twins, datasets, training and `verify`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from brian2 import Network, SpikeGeneratorGroup, SpikeMonitor, ms
from brian2_objects import pixels, wires
from external_sources import check_all_paths, own_spikes, target

import brianbridge as bb
from brianbridge.encodings import spike_frames

STEPS, SIZE = 300, 6


def trains(seed: int = 0) -> tuple[np.ndarray, Any]:
    """Return indices and times of random spikes, some of them at the very start of a step."""
    raster = np.random.default_rng(seed).random((STEPS, SIZE)) < 0.02
    step, index = np.nonzero(raster)
    return index, step * 0.1 * ms


def user_network(index: Any, times: Any, **options: Any) -> tuple[list[Any], Any]:
    source = SpikeGeneratorGroup(SIZE, index, times, name="pixels", **options)
    group = target(4)
    one = wires(source, group, "g += w", pairs={"p": 1.0})
    one.w = np.random.default_rng(1).uniform(0.5, 2.0, len(one))
    return [source, group, one], group


def read(objects: list[Any], **options: Any) -> bb.SpikingNetwork:
    options = {"input": "pixels", "encoding": bb.Frames(STEPS, dt=0.1 * ms), **options}
    return bb.from_brian2(Network(*objects), steps=STEPS, **options)


def test_frames_make_an_input_of_frames():
    objects, _ = user_network(*trains())
    net = read(objects)
    assert net.input_shape == (STEPS, SIZE)
    assert net.shape_of("input") == (SIZE,)


@pytest.mark.parametrize("form", ["pair", "list", "monitor", "generator", "recording", "raster"])
def test_every_form_of_spike_trains_gives_the_spikes_of_ones_own_run(form):
    index, times = trains()
    objects, group = user_network(index, times)
    net = read(objects)
    monitor = SpikeMonitor(objects[0])
    spikes, given = own_spikes([*objects, monitor], [group, objects[0]], STEPS * 0.1 * ms)
    events = bb.recording.Events.from_raster(given[:, None], dt=1e-4)
    recording = bb.Recording(1e-4, STEPS, 1, {"a": (SIZE,), "b": (2,)}, {"a": events}, given[:1])
    x = {
        "pair": (index, times), "list": [(index, times)], "monitor": monitor,
        "generator": objects[0], "recording": recording, "raster": given[None],
    }[form]  # fmt: skip
    assert spikes.sum() > 20
    check_all_paths(net, x, spikes)


def test_without_input_a_generator_emits_its_own_spikes():
    index, times = trains()
    objects, group = user_network(index, times)
    net = read(objects, input=None, encoding=None)
    (spikes,) = own_spikes(objects, [group], STEPS * 0.1 * ms)
    assert net.input_shape == (1,)
    assert spikes.sum() > 20
    check_all_paths(net, None, spikes)
    check_all_paths(net, np.zeros((1, 1)), spikes)


@pytest.mark.parametrize("period", [3.5 * ms, 10 * ms])
def test_a_generator_repeats_its_spikes(period):
    index, times = np.arange(SIZE), [0, 0.1, 0.3, 1.2, 2.3, 3.4] * ms
    objects, group = user_network(index, times, period=period)
    net = read(objects, input=None, encoding=None)
    (spikes,) = own_spikes(objects, [group], STEPS * 0.1 * ms)
    assert spikes.sum() > 5
    check_all_paths(net, None, spikes)


def test_samples_of_another_shape_fill_a_flat_input():
    source = pixels(6)
    group = target(4)
    net = bb.from_brian2([source, group, wires(source, group, "g += w")], steps=20, input=source)
    x = np.random.default_rng(0).random((3, 6))
    flat, square = bb.simulate(net, x), bb.simulate(net, x.reshape(3, 2, 3))
    np.testing.assert_array_equal(flat.raster("cells"), square.raster("cells"))
    twin = bb.to_torch(net)
    torch.testing.assert_close(twin(x), twin(x.reshape(3, 3, 2)))
    framed = read(user_network(*trains())[0])
    assert bb.simulate(framed, np.zeros((2, STEPS, 3, 2))).samples == 2


def test_spike_trains_are_trained_and_verified():
    objects, _ = user_network(*trains())
    net = read(objects)
    x = spike_frames(net, [trains(k) for k in range(24)])
    assert x.dtype == np.int8
    data = bb.from_arrays("trains", x, np.arange(24) % 2)
    twin = bb.to_torch(net)
    before = {name: value.clone() for name, value in twin.state_dict().items()}
    bb.train(twin, data, "surrogate_gradient", epochs=1, batch_size=4)
    assert any(not torch.equal(before[name], v) for name, v in twin.state_dict().items())
    verdict = bb.verify(twin.to_network(), data, [bb.Rung(name="same")])
    assert verdict.rungs[0].spike_mismatches == 0


def test_what_is_no_spike_train_of_this_network(refused):
    objects, _ = user_network(*trains())
    net = read(objects)
    with refused("entry 0: neuron 6 is not within 0 to 5"):
        spike_frames(net, ([6], [1] * ms))
    with refused("step 300 is not within", "300 steps of 0.1 ms", "more steps"):
        spike_frames(net, ([0], [30] * ms))
    with refused("entry 1: neuron 2 fires more than once within step 10", "shorter dt"):
        spike_frames(net, [([1], [1] * ms), ([2, 2], [1, 1.05] * ms)])
    with refused("(1,) indices and (2,) times"):
        spike_frames(net, ([2], [1, 2] * ms))
    with refused("list holds no spike trains", "times in seconds or ms"):
        spike_frames(net, [([2], [1])])
    other = read(objects, encoding=None)
    with refused("encoding 'bernoulli'", "encoding=bb.Frames(steps=300, dt=0.1*ms)"):
        bb.simulate(other, ([0], [1] * ms))
    with refused("the samples are None, but 'input' takes its input", "without input="):
        bb.simulate(other, None)
