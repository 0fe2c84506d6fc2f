"""Frames in time become a raster: value by value, step by step; what does not fit is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from brianbridge.encoding import Bernoulli, Current, Frames, Latency, Poisson, encoding_from_dict
from brianbridge.network import Conv2d, Dense, SpikingNetwork
from brianbridge.network.library import network_model
from brianbridge.neurons.library import neuron_model

LIF = neuron_model("lif")


def counts(highest: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, highest + 1, (6, 5, 2, 3, 4)).astype(np.float32)


def test_step_t_delivers_frame_t():
    x = counts()
    before = x.copy()
    encoded = Frames(5).encode(x, np.arange(6))
    assert (encoded.current, encoded.samples) == (None, 6)
    assert encoded.raster.shape == (5, 6, 2, 3, 4)
    assert encoded.raster.flags.c_contiguous
    for step in range(5):
        np.testing.assert_array_equal(encoded.raster[step], x[:, step])
    np.testing.assert_array_equal(x, before)


def test_neither_batch_nor_stream_matters():
    x, encoding = counts(), Frames(5)
    whole = encoding.encode(x, np.arange(6)).raster
    part = encoding.encode(x[[4, 1]], np.array([9, 2]), stream=3).raster
    np.testing.assert_array_equal(part, whole[:, [4, 1]])


@pytest.mark.parametrize(
    ("factor", "kind"),
    [(1, np.int8), (-1, np.int8), (42, np.int8), (43, np.float64), (0.5, np.float64)],
)
def test_the_type_holds_the_values(factor, kind):
    raster = Frames(5).encode(factor * counts(), np.arange(6)).raster
    assert raster.dtype == kind
    np.testing.assert_array_equal(raster, np.moveaxis(factor * counts(), 1, 0))


def test_a_description_survives_json():
    entry = json.loads(json.dumps(Frames(5, "2 ms").to_dict()))
    assert entry == {"kind": "frames", "steps": 5, "dt": 2e-3}
    assert encoding_from_dict(entry) == Frames(5, 2e-3)


def test_the_input_population_is_of_one_frame():
    network = SpikingNetwork.sequential(
        (5, 2, 6, 6), [Conv2d(3, 3, LIF), Dense(4, LIF)], encoding=Frames(5)
    )
    assert network.input_shape == (5, 2, 6, 6)
    assert network.shape_of("input") == (2, 6, 6)
    assert network.projections[0].weight.shape == (3, 2, 3, 3)


def test_a_network_file_takes_frames():
    network = network_model(
        "lenet", input_shape=(4, 2, 34, 34), encoding={"kind": "frames", "steps": 4}
    )
    assert network.shape_of("input") == (2, 34, 34)


@pytest.mark.parametrize("kind", [Current, Bernoulli, Latency, Poisson])
def test_other_encodings_keep_the_shape_of_a_sample(kind):
    assert kind(5).shape_of_input((5, 2, 3)) == (5, 2, 3)


@pytest.mark.parametrize("shape", [(4, 2, 3, 4), (6, 2), (5,), ()])
def test_as_many_frames_as_steps(refused, shape):
    said = f"encoding 'frames': samples of shape {shape} do not begin with steps = 5, one frame"
    with refused(said):
        Frames(5).shape_of_input(shape)
    with refused(said):
        Frames(5).encode(np.zeros((3, *shape)), np.arange(3))


def test_frames_that_are_no_numbers_are_refused(refused):
    x = counts()
    x[2, 1, 0, 2, 3] = np.inf
    with refused("encoding 'frames'", "[2, 1, 0, 2, 3]", "not finite"):
        Frames(5).encode(x, np.arange(6))
    with refused("3 sample numbers for 6 samples"):
        Frames(5).encode(counts(), np.arange(3))
