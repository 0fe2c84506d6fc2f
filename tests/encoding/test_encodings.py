"""Encodings: what they emit, how often, that nothing but seed and number decides; bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from brian2 import ms, mV
from scipy.stats import binomtest

from brianbridge.encoding import (
    Bernoulli,
    Current,
    EncodedInput,
    Encoding,
    Latency,
    Poisson,
    encoding_from_dict,
    encoding_names,
)
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch

KINDS = [Current, Bernoulli, Latency]


def images(n: int = 6, low: float = 0.0) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, 1.0, (n, 3, 4))


def encode(encoding: Encoding, x: np.ndarray, **options) -> EncodedInput:
    return encoding.encode(x, np.arange(len(x)), **options)


# ---------------------------------------------------------------------- all kinds


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_and_types(kind):
    encoded = encode(kind(5), images())
    assert encoded.samples == 6
    assert (encoded.current is None) != (encoded.raster is None)
    array = encoded.current if encoded.raster is None else encoded.raster
    assert array.dtype == (np.float64 if encoded.raster is None else np.int8)
    assert array.shape == ((6, 3, 4) if encoded.raster is None else (5, 6, 3, 4))


@pytest.mark.parametrize("kind", KINDS)
def test_samples_are_not_changed(kind):
    x = images()
    encode(kind(5), x)
    np.testing.assert_array_equal(x, images())


@pytest.mark.parametrize(
    "encoding", [Current(5, 2 * ms), Bernoulli(5, "1 ms", 0.5, True, 3), Latency(5, silent=-1.0)]
)
def test_a_description_survives_json(encoding):
    entry = json.loads(json.dumps(encoding.to_dict()))
    assert encoding_from_dict(entry) == encoding
    assert entry["kind"] in encoding_names()


def test_whole_numbers_of_numpy_are_whole_numbers():
    assert json.dumps(Bernoulli(np.int64(5), seed=np.int32(2)).to_dict())


@pytest.mark.parametrize("dt", [2e-3, 2 * ms, "2 ms", "2e-3 second"])
def test_the_step_in_any_spelling(dt):
    assert Current(5, dt).dt == pytest.approx(2e-3)


def test_a_kind_of_ones_own():
    class Nothing(Encoding):
        kind = "nothing"

        def encode(self, x, index, stream=0):
            return EncodedInput(current=np.zeros(x.shape))

    assert encoding_from_dict({"kind": "nothing", "steps": 3}) == Nothing(3)


# ---------------------------------------------------------------------- current


def test_current_is_the_sample_whatever_its_sign():
    x = images(low=-1.0)
    np.testing.assert_array_equal(encode(Current(5), x).current, x)


# ---------------------------------------------------------------------- Bernoulli


@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_bernoulli_fires_as_often_as_it_should(gain):
    x = np.array([[0.0, 0.1, 0.5, 0.9, 1.0]])
    raster = encode(Bernoulli(20_000, gain=gain), x).raster
    assert set(np.unique(raster)) == {0.0, 1.0}
    for count, p in zip(raster.sum((0, 1)), gain * x[0], strict=True):
        assert binomtest(int(count), 20_000, p).pvalue > 1e-4


def test_bernoulli_spikes_are_independent():
    raster = encode(Bernoulli(20_000), np.full((2, 2), 0.5)).raster.reshape(20_000, 4)
    correlations = np.corrcoef(raster.T) - np.eye(4)
    assert np.abs(correlations).max() < 0.04
    lagged = np.corrcoef(raster[1:, 0], raster[:-1, 0])[0, 1]
    assert abs(lagged) < 0.04


def test_signed_bernoulli_keeps_the_sign():
    x = np.array([[-1.0, -0.5, 0.0, 0.5]])
    raster = encode(Bernoulli(4000, signed=True), x).raster[:, 0]
    assert (raster[:, 0] == -1).all()
    assert (raster[:, 2] == 0).all()
    assert set(np.unique(raster[:, 1])) == {-1.0, 0.0}
    np.testing.assert_allclose(raster.mean(0), x[0], atol=0.04)


def test_bernoulli_does_not_depend_on_batches():
    x, encoding = images(), Bernoulli(50, seed=7)
    whole = encoding.encode(x, np.arange(6)).raster
    for order in ([3], [5, 0, 3], [4, 1]):
        part = encoding.encode(x[order], np.array(order)).raster
        np.testing.assert_array_equal(part, whole[:, order])


def test_bernoulli_depends_on_seed_stream_and_number():
    x = np.full((1, 30), 0.5)
    rasters = [
        Bernoulli(50, seed=seed).encode(x, np.array([number]), stream).raster
        for seed, stream, number in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
    ]
    again = Bernoulli(50).encode(x, np.array([0])).raster
    np.testing.assert_array_equal(again, rasters[0])
    for i, a in enumerate(rasters):
        for b in rasters[:i]:
            assert np.mean(a != b) > 0.4


# ---------------------------------------------------------------------- latency


def test_latency_is_early_for_the_strong():
    x = np.array([[1.0, 0.75, 0.5, 0.01, 0.0]])
    raster = encode(Latency(5), x).raster[:, 0]
    assert raster.sum(0).tolist() == [1, 1, 1, 1, 0]
    assert raster.argmax(0)[:4].tolist() == [0, 1, 2, 4]


def test_latency_may_let_the_background_fire_last():
    raster = encode(Latency(5, silent=-1.0), np.array([[1.0, 0.0]])).raster[:, 0]
    assert raster.argmax(0).tolist() == [0, 4]


def test_latency_is_monotonous():
    x = np.linspace(1, 0.001, 500)[None]
    raster = encode(Latency(17), x).raster[:, 0]
    assert (np.diff(raster.argmax(0)) >= 0).all()
    assert set(raster.sum(0)) == {1.0}


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 0}, "steps = 0; give a whole number of at least 1"),
        ({"steps": 2.5}, "steps = 2.5"),
        ({"steps": True}, "steps = True"),
        ({"steps": "3"}, "steps = '3'"),
        ({"steps": 3, "dt": 0}, "dt = 0.0 s is not above 0"),
        ({"steps": 3, "dt": -1 * ms}, "is not above 0"),
        ({"steps": 3, "dt": 1 * mV}, "is not a time; write '1 ms'"),
        ({"steps": 3, "dt": "soon"}, "'soon' is not a quantity"),
        ({"steps": 3, "dt": None}, "dt"),
    ],
)
def test_wrong_options_are_refused(refused, kind, options, said):
    with refused(f"encoding '{kind.kind}'", said):
        kind(**options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seed": -1}, "seed = -1; give a whole number of at least 0"),
        ({"seed": 0.5}, "seed = 0.5"),
        ({"gain": -1.0}, "gain = -1.0"),
        ({"gain": float("nan")}, "gain = nan"),
        ({"gain": "high"}, "gain = 'high'"),
        ({"signed": "no"}, "signed = 'no'; give true or false"),
    ],
)
def test_wrong_options_of_bernoulli_are_refused(refused, options, said):
    with refused("encoding 'bernoulli'", said):
        Bernoulli(3, **options)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"kind": "bernouli", "steps": 3}, ["no encoding 'bernouli'", "Did you mean 'bernoulli'?"]),
        ({"kind": "bernoulli", "steps": 3, "gian": 1}, ["no option 'gian'", "'gain'?"]),
        ({"kind": "latency"}, ["encoding 'latency'", "'steps' is missing"]),
    ],
)
def test_a_wrong_description_is_refused(refused, entry, said):
    with refused(*said):
        encoding_from_dict(entry)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_that_are_no_numbers_are_refused(refused, kind):
    x = images()
    x[2, 1, 3] = np.nan
    with refused(f"encoding '{kind.kind}'", "[2, 1, 3]", "not finite"):
        encode(kind(3), x)
    with refused("are not numbers"):
        encode(kind(3), np.array([["a"]]))
    with refused("2 sample numbers for 6 samples"):
        kind(3).encode(images(), np.arange(2))


@pytest.mark.parametrize(
    ("encoding", "factor", "said"),
    [
        (Bernoulli(3), -1.0, "clip the data, x.clip(0, 1), scale them, or for signed data give si"),
        (Bernoulli(3, gain=2.0), 1.0, "not a probability; clip the data, x.clip(0, 0.5), scale"),
        (Bernoulli(3, signed=True), -3.0, "not a probability; clip the data, x.clip(-1, 1), scale"),
        (Latency(3), 2.0, "clip them, x.clip(0, 1), or scale them to [0, 1]"),
        (Latency(3), -1.0, "clip them, x.clip(0, 1), or scale them to [0, 1]"),
        (Poisson(3, rate="500 Hz"), -1.0, "clip the data, x.clip(0, 1), scale them"),
        (Poisson(3, rate="2000 Hz"), 1.0, "clip the data, x.clip(0, 0.5), scale them"),
    ],
)
def test_samples_out_of_range_are_refused(refused, encoding, factor, said):
    with refused(f"encoding '{encoding.kind}'", said):
        encode(encoding, factor * images())


@pytest.mark.parametrize(("excess", "type_"), [(2.3e-16, np.float64), (1.2e-7, np.float32)])
@pytest.mark.parametrize(
    "encoding",
    [Bernoulli(9, seed=4), Latency(9), Latency(9, silent=-1.0), Poisson(9, rate="1 kHz")],
)
def test_values_that_exceed_a_limit_by_rounding_count_as_the_limit(encoding, excess, type_):
    x = images().astype(type_)
    x[0, 0], x[1, 1] = 1.0, 0.0
    rounded = x.copy()
    rounded[0, 0], rounded[1, 1] = 1 + excess, -excess
    assert rounded.max() > 1
    for found in (encode(encoding, x), encode(encoding, rounded)):
        assert set(np.unique(found.raster)) == {0, 1}
        np.testing.assert_array_equal(found.raster, encode(encoding, x).raster)
    if isinstance(encoding, Bernoulli):
        listed = encoding.events(rounded, np.arange(6))
        assert listed is not None
        exact = encoding.events(x, np.arange(6))
        for one, other in zip(listed, exact, strict=True):
            np.testing.assert_array_equal(one[1], other[1])


def test_an_excess_that_is_refused_is_seen_in_the_message(refused):
    x = np.array([[0.5, 1.0000021]])
    with refused("gain*|x| reaches 1.0000021"):
        encode(Bernoulli(3), x)
    with refused("range from 0 to 1.0000021"):
        encode(Latency(3), x)
    with refused("range from 0 to 1000.0021 Hz"):
        encode(Poisson(3, rate="1 kHz"), x)


@pytest.mark.parametrize("encoding", [Bernoulli(12), Poisson(12, rate="1 kHz")])
def test_twin_and_brian2_take_values_that_exceed_a_limit_by_rounding(encoding):
    net = SpikingNetwork.sequential((8,), [Dense(5, neuron_model("lif"))], encoding=encoding)
    x = np.random.default_rng(2).random((7, 8)).round()
    rounded = np.where(x > 0, 1 + 2.3e-16, -5e-17)
    exact = to_torch(net).record(x).spikes["output"]
    assert exact.any()
    np.testing.assert_array_equal(to_torch(net).record(rounded).spikes["output"], exact)
    for backend in (Backend(), Backend(path="reference")):
        found = simulate(net, rounded, backend=backend).spikes["output"]
        np.testing.assert_array_equal(found, exact)
