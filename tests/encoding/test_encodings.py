"""Encodings: what they draw, that batching does not matter, and what they refuse."""

import numpy as np
import pytest
from brian2 import ms, mV

from brianbridge.encoding import Bernoulli, Current, Latency, encoding_from_dict, encoding_names
from brianbridge.errors import InputError


def test_current_is_the_sample():
    x = np.linspace(-1, 1, 12).reshape(2, 2, 3).astype(np.float32)
    encoded = Current(steps=5).encode(x, np.arange(2))
    assert encoded.raster is None
    assert encoded.current.dtype == np.float64
    np.testing.assert_array_equal(encoded.current, x)


def test_bernoulli_fires_at_the_rate_of_its_intensity():
    x = np.array([[0.0, 0.2, 0.7, 1.0]])
    raster = Bernoulli(steps=20_000, gain=0.5).encode(x, np.arange(1)).raster
    rate = raster.mean(axis=(0, 1))
    spread = np.sqrt(0.5 * x[0] * (1 - 0.5 * x[0]) / 20_000)
    assert np.all(np.abs(rate - 0.5 * x[0]) <= 5 * spread)
    assert set(np.unique(raster)) == {0, 1}


def test_signed_bernoulli_carries_the_sign():
    x = np.array([[-0.5, 0.5]])
    raster = Bernoulli(steps=1000, signed=True).encode(x, np.arange(1)).raster
    assert set(np.unique(raster[:, 0, 0])) == {-1, 0}
    assert set(np.unique(raster[:, 0, 1])) == {0, 1}


def test_a_samples_spikes_depend_on_its_number_not_on_its_batch():
    x = np.random.default_rng(0).random((6, 3, 2))
    encoding = Bernoulli(steps=9, seed=4)
    whole = encoding.encode(x, np.arange(6)).raster
    parts = [encoding.encode(x[i : i + 2], np.arange(i, i + 2)).raster for i in (0, 2, 4)]
    np.testing.assert_array_equal(whole, np.concatenate(parts, axis=1))
    backwards = encoding.encode(x[::-1], np.arange(6)[::-1]).raster
    np.testing.assert_array_equal(whole, backwards[:, ::-1])


@pytest.mark.parametrize("change", ["seed", "stream", "index"])
def test_another_seed_stream_or_number_gives_other_spikes(change):
    x = np.full((1, 50), 0.5)
    first = Bernoulli(steps=9).encode(x, np.array([0])).raster
    other = Bernoulli(steps=9, seed=int(change == "seed")).encode(
        x, np.array([int(change == "index")]), stream=int(change == "stream")
    )
    assert np.any(first != other.raster)


def test_latency_fires_once_and_the_stronger_first():
    x = np.array([[0.0, 0.01, 0.5, 1.0]])
    raster = Latency(steps=11).encode(x, np.arange(1)).raster
    np.testing.assert_array_equal(raster.sum(axis=0), [[0, 1, 1, 1]])
    np.testing.assert_array_equal(raster[:, 0, 1:].argmax(axis=0), [10, 5, 0])
    loud = Latency(steps=11, silent=-1).encode(x, np.arange(1)).raster
    assert loud[10, 0, 0] == 1


@pytest.mark.parametrize("encoding", [Current(3), Bernoulli(3, signed=True), Latency(3)])
def test_shape_and_dictionary(encoding):
    encoded = encoding.encode(np.full((4, 2, 5), 0.5), np.arange(4))
    array = encoded.current if encoded.raster is None else encoded.raster[0]
    assert array.shape == (4, 2, 5)
    assert encoded.samples == 4
    assert encoding_from_dict(encoding.to_dict()) == encoding
    assert encoding.kind in encoding_names()


def test_dt_with_units_as_text_and_plain():
    assert Current(1, 2 * ms).dt == Current(1, "2 ms").dt == Current(1, 2e-3).dt == 2e-3


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Current(0), "steps = 0"),
        (lambda: Current(3, 1 * mV), "is no time"),
        (lambda: Current(3, "1 mV"), "is no time"),
        (lambda: Current(3, 0), "not above 0"),
        (lambda: Current(3, float("nan")), "not above 0"),
        (lambda: Bernoulli(3).encode(-np.ones((1, 1)), np.arange(1)), "set signed = true"),
        (lambda: Bernoulli(3, gain=2).encode(np.ones((1, 1)), np.arange(1)), "no probability"),
        (lambda: Latency(3).encode(2 * np.ones((1, 1)), np.arange(1)), r"scale them to \[0, 1\]"),
        (lambda: encoding_from_dict({"kind": "poison", "steps": 1}), "no encoding 'poison'"),
        (lambda: encoding_from_dict({"kind": "current", "stps": 1}), "Did you mean 'steps'"),
    ],
)
def test_what_is_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()
