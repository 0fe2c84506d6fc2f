"""Samples of a wrong shape are told what makes them right: the remedy is run, and compared."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from brian2 import Hz, Network, NeuronGroup, PoissonGroup, Synapses, ms

import brianbridge as bb

RIGHT = np.random.default_rng(0).random((5, 20, 6))
IMAGES = np.random.default_rng(1).random((5, 3, 4, 8))


def network(*shape: int, frames: bool = False) -> bb.SpikingNetwork:
    encoding = bb.Frames(20, dt=1 * ms) if frames else bb.Current(20, dt=1 * ms)
    return bb.SpikingNetwork.sequential(
        shape, [bb.Dense(3, bb.neuron_model("lif"))], encoding=encoding
    )


SEQUENCE = network(20, 6, frames=True)


def message(net: bb.SpikingNetwork, x: Any) -> str:
    with pytest.raises(bb.InputError) as found:
        bb.simulate(net, x)
    assert "\n" not in str(found.value)
    with pytest.raises(bb.InputError) as of_data:
        bb.datasets.fit.fitted(net, bb.from_arrays("mine", x, np.arange(len(x)) % 2))
    assert str(of_data.value).partition(": ")[2] == str(found.value).partition(": ")[2]
    return str(found.value)


@pytest.mark.parametrize(
    ("net", "wrong", "right"),
    [
        (SEQUENCE, np.moveaxis(RIGHT, 1, -1), RIGHT),
        (SEQUENCE, np.moveaxis(RIGHT, 0, 1), RIGHT),
        (SEQUENCE, np.moveaxis(RIGHT, 0, 2), RIGHT),
        (SEQUENCE, RIGHT.reshape(5, -1), RIGHT),
        (network(3, 4, 8), np.moveaxis(IMAGES, 1, -1), IMAGES),
        (network(3, 4, 8), np.transpose(IMAGES, (0, 3, 2, 1)), IMAGES),
        (network(3, 4, 8), IMAGES.reshape(5, 3, 32), IMAGES),
    ],
)
def test_the_remedy_restores_the_samples(net, wrong, right):
    remedy = message(net, wrong)
    array, _, tensor = remedy.partition(", or ")
    call = re.search(r"(np\.|x\.)\w+\(.*\)$", array)
    assert call, remedy
    np.testing.assert_array_equal(eval(call[0], {"x": wrong, "np": np}), right)
    if tensor:
        moved = eval(tensor.removesuffix(" of a tensor"), {"x": torch.tensor(wrong)})
        np.testing.assert_array_equal(moved, right)


def test_time_is_named():
    assert message(SEQUENCE, np.zeros((5, 6, 20))).endswith(
        "move the axis of time: np.moveaxis(x, -1, 1), or x.movedim(-1, 1) of a tensor"
    )


@pytest.mark.parametrize("shape", [(5, 63), (5, 4, 16), (5, 20, 5)])
def test_reshaping_is_not_offered_where_it_cannot_help(shape):
    net = network(20, 6, frames=True) if shape == (5, 20, 5) else network(8, 8)
    assert "give samples of that shape" in message(net, np.zeros(shape))
    assert "reshape" not in message(net, np.zeros(shape))


def test_numbers_of_values_that_differ_are_named():
    assert "each sample has 63 values, and the network takes 64" in message(
        network(64), np.zeros((5, 63))
    )


def test_one_image_for_a_flat_input():
    with pytest.raises(bb.InputError, match=r"one sample; give x\.reshape\(-1, 64\)"):
        bb.simulate(network(64), np.zeros((8, 8)))


def without_data() -> bb.SpikingNetwork:
    pixels = PoissonGroup(64, rates=200 * Hz, name="pixels")
    cells = NeuronGroup(2, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0",
                        method="exact", name="cells")  # fmt: skip
    wires = Synapses(pixels, cells, "w : 1", on_pre="v += w", name="wires")
    wires.connect()
    return bb.from_brian2(Network(pixels, cells, wires), steps=20 * ms, dt=1 * ms)


def test_a_network_that_was_read_without_input():
    assert "read it with bb.from_brian2(..., input='pixels')" in message(
        without_data(), np.zeros((5, 8, 8))
    )
    data = bb.from_arrays("mine", np.zeros((20, 8, 8)), np.arange(20) % 2)
    with pytest.raises(bb.InputError, match="input='pixels'"):
        bb.train(bb.to_torch(without_data()), data)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (([1, 2] * ms, [0, 3]), r"\(times, indices\)"),
        ([([1, 2] * ms, [0, 3])], r"\(times, indices\)"),
        (([0, 3], [1, 2]), r"times need one, such as \(\[0, 3\], \[1, 2\]\*ms\)"),
        ([([0, 3], [1, 2]), ([0], [1])], r"times need one"),
    ],
)
def test_spike_trains_without_a_unit_or_with_times_first(x, expected):
    with pytest.raises(bb.InputError, match=expected):
        bb.simulate(SEQUENCE, x)


def test_spike_trains_as_a_data_set():
    trains = [([0], [1] * ms), ([1], [2] * ms)]
    with pytest.raises(bb.InputError, match=r"bb\.encodings\.spike_frames\(network, trains\)"):
        bb.from_arrays("mine", trains, [0, 1])
    assert bb.from_arrays("mine", bb.encodings.spike_frames(SEQUENCE, trains), [0, 1]).x.sum() == 2


def test_spike_trains_for_another_encoding_name_one_that_works(refused):
    net = network(6)
    with refused("encoding=bb.Frames(steps=20, dt=1*ms)"):
        bb.simulate(net, ([0], [1] * ms))
    assert eval("bb.Frames(steps=20, dt=1*ms)", {"bb": bb, "ms": ms}).dt == net.dt


def test_rates_in_place_of_values():
    net = bb.SpikingNetwork.sequential(
        (4,), [bb.Dense(3, bb.neuron_model("lif"))],
        encoding=bb.Poisson(20, dt=1 * ms, rate=200 * Hz),
    )  # fmt: skip
    x = np.random.default_rng(0).random((2, 4)) * 200 * Hz
    with pytest.raises(bb.InputError, match=r"1 is 200 Hz; give x/\(200\*Hz\)$"):
        bb.simulate(net, x)
    assert bb.simulate(net, x / (200 * Hz)).output.shape == (2, 3)
    with pytest.raises(bb.InputError, match=r"unit \(hertz\).*rate=\d+(\.\d+)?\*Hz"):
        bb.from_arrays("mine", x, [0, 1])
