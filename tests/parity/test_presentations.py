"""Every sample is a presentation of its own, whatever runs beside, before or after it."""

from __future__ import annotations

import numpy as np
import pytest
from small_networks import assert_same, simulate, two_layers

from brianbridge.encoding import Bernoulli, Current, Encoding, Latency
from brianbridge.neurons.library import neuron_model
from brianbridge.recording import Recording
from brianbridge.simulation.backend import Backend

X = np.random.default_rng(3).uniform(0, 1, (5, 6))
ENCODINGS = {"current": Current(12), "bernoulli": Bernoulli(12), "latency": Latency(12)}

#: State that could leak: a current, the time of the last spike, a flag, an adaptation.
MODELS = {"cuba_lif": 3.0, "lif_refractory": 1.0, "single_spike_if": 1.0, "adex": 0.02}


def network_of(model: str, encoding: Encoding, readout: str = "counts"):
    return two_layers(neuron_model(model), encoding, scale=MODELS[model], readout=readout)


def variables_of(model: str) -> tuple[str, ...]:
    return ("spikes", *neuron_model(model).state_variables)


def chosen(recording: Recording, samples: list[int]) -> dict[str, np.ndarray]:
    spikes = {name: recording.spikes[name][:, samples] for name in recording.shapes}
    return {**spikes, "decoded": recording.output[samples]}


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_chunked_equals_unchunked(model, encoding):
    network = network_of(model, ENCODINGS[encoding])
    whole = simulate(network, X, record=variables_of(model))
    # Two, two and one: the last batch is padded.
    chunked = simulate(
        network, X, record=variables_of(model), backend=Backend(path="reference", batch_size=2)
    )
    assert_same(chunked, whole)
    assert chunked.samples == 5
    assert all(len(whole.events(name)) > 0 for name in whole.shapes)
    for name in whole.shapes:
        found, expected = chunked.events(name).sorted(), whole.events(name).sorted()
        np.testing.assert_array_equal(found.time, expected.time)
        np.testing.assert_array_equal(found.sample, expected.sample)


def test_chunks_arrive_one_by_one():
    network = network_of("cuba_lif", ENCODINGS["bernoulli"])
    parts: list[Recording] = []
    whole = simulate(
        network, X, backend=Backend(path="reference", batch_size=2), on_chunk=parts.append
    )
    assert [part.samples for part in parts] == [2, 2, 1]
    assert_same(Recording.concatenate(parts), whole)


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("model", MODELS)
def test_the_same_sample_gives_the_same_spikes_at_any_place(model, batch_size):
    network = network_of(model, ENCODINGS["current"])
    x = np.stack([X[0], X[0], X[1], X[0], X[0]])
    recording = simulate(network, x, backend=Backend(path="reference", batch_size=batch_size))
    for place in (1, 3, 4):
        assert_equal(chosen(recording, [place]), chosen(recording, [0]))
    different = [(recording.spikes[n][:, 0] != recording.spikes[n][:, 2]) for n in recording.shapes]
    assert any(d.any() for d in different)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_neighbours_and_order_do_not_matter(encoding):
    network = network_of("lif_refractory", ENCODINGS[encoding])
    whole = simulate(network, X)
    order = [3, 0, 4, 1, 2]
    assert_equal(
        chosen(simulate(network, X[order], index=order), [*range(5)]), chosen(whole, order)
    )
    assert_equal(chosen(simulate(network, X[[2]], index=[2]), [0]), chosen(whole, [2]))


def test_free_potentials_do_not_leak():
    network = network_of("cuba_lif", ENCODINGS["latency"], readout="potential")
    whole = simulate(network, X)
    one_by_one = simulate(network, X, backend=Backend(path="reference", batch_size=1))
    np.testing.assert_allclose(one_by_one.output, whole.output, rtol=1e-12)
    assert set(whole.shapes) == {"hidden"}
