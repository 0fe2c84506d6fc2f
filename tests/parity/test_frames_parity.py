"""Samples that are sequences of frames: twin, reference and batched path fire the same spikes."""

from __future__ import annotations

import numpy as np
import pytest
from small_networks import assert_same

import brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.encoding import Frames
from brianbridge.ladder.rungs import Rung
from brianbridge.network import Conv2d, Dense, SpikingNetwork, SumPool2d
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch

STEPS = 8
LIF = neuron_model("lif")


def random_frames(kind: str, samples: int = 5) -> np.ndarray:
    """Return frames of 2 channels of 6 by 5 pixels: mostly 0, some 1, some more."""
    rng = np.random.default_rng(4)
    counts = rng.poisson(0.3, (samples, STEPS, 2, 6, 5))
    match kind:
        case "counts":
            counts[0, 2, 1, 3, 3] = 127
        case "binary":
            counts = counts > 0
        case "many":  # more than int8 holds
            counts[0, 2, 1, 3, 3] = 1000
        case "signed":
            counts = counts * rng.choice([-1, 1], counts.shape)
        case "graded":
            counts = counts * rng.uniform(0.5, 1.5, counts.shape)
    return counts.astype(np.float32)


KINDS = ["counts", "binary", "many", "signed", "graded"]


def convolution(delay: str = "0 ms", readout: str = "counts") -> SpikingNetwork:
    network = SpikingNetwork.sequential(
        (STEPS, 2, 6, 5),
        [Conv2d(3, 3, LIF, padding=1, delay=delay), SumPool2d((2, 1)), Dense(4, LIF)],
        encoding=Frames(STEPS), readout=readout, seed=2,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    weights = {
        p.name: (p.weight + rng.uniform(0, 0.1, p.weight.shape), p.bias)
        for p in network.projections if not p.frozen
    }  # fmt: skip
    return network.with_weights(weights)


def same_spikes(network: SpikingNetwork, x: np.ndarray) -> None:
    twin = to_torch(network).record(x)
    reference = simulate(network, x, backend=Backend(path="reference", batch_size=3))
    assert_same(reference, twin)
    assert_same(simulate(network, x, backend=Backend(batch_size=2)), twin)
    for name in twin.shapes:
        # Neither silent nor all at once.
        assert 0.02 < (twin.spikes[name] != 0).mean() < 0.98
        assert int((reference.spikes[name] != twin.spikes[name]).sum()) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("delay", ["0 ms", "2 ms"])
def test_all_paths_fire_the_same_spikes(kind, delay):
    same_spikes(convolution(delay), random_frames(kind))


@pytest.mark.parametrize("model", ["cuba_lif", "ternary_if", "multi_threshold_lif"])
def test_other_neurons_on_flat_frames(model):
    layers = [Dense(5, neuron_model(model)), Dense(4, neuron_model(model))]
    network = SpikingNetwork.sequential((STEPS, 6), layers, encoding=Frames(STEPS))
    rng = np.random.default_rng(0)
    weights = {p.name: rng.normal(0.4, 1.2, p.weight.shape) for p in network.projections}
    network = network.with_weights({name: (w, None) for name, w in weights.items()})
    x = np.random.default_rng(0).poisson(0.5, (5, STEPS, 6))
    assert network.shape_of("input") == (6,)
    same_spikes(network, x)


def test_frames_first_go_through_a_pool():
    network = SpikingNetwork.sequential(
        (STEPS, 2, 6, 5), [SumPool2d((2, 1)), Dense(4, LIF)], encoding=Frames(STEPS), seed=3
    )
    same_spikes(network, random_frames("counts"))


def test_a_finer_step_gets_the_frames_at_the_start_of_the_coarse_one():
    network, x = convolution(), random_frames("counts")
    reference = simulate(network, x, dt=0.25e-3, backend=Backend(path="reference"))
    batched = simulate(network, x, dt=0.25e-3)
    assert_same(batched, reference)
    assert sum(reference.counts["output"].ravel()) > 20


def test_encoded_frames_will_do():
    network, x = convolution(), random_frames("counts")
    encoded = network.encoding.encode(x, np.arange(len(x)))
    assert_same(simulate(network, encoded), simulate(network, x))


def test_a_twin_learns_from_frames():
    # Two classes that differ in when the events come, not in how many there are.
    rng = np.random.default_rng(0)
    x = rng.poisson(0.05, (60, STEPS, 2, 3, 3)).astype(float)
    y = np.arange(60) % 2
    x[y == 0, :4, 0] += 1
    x[y == 1, 4:, 1] += 1
    data = from_arrays("moving", x, y)
    network = SpikingNetwork.sequential(
        data.shape, [Dense(12, LIF), Dense(2, LIF)], encoding=Frames(STEPS), seed=1
    )
    twin = to_torch(network)
    bb.train(
        twin, data, rule="surrogate_gradient", epochs=15, batch_size=10, seed=1, learning_rate=1e-2
    )
    trained = write_back(twin)
    recording = simulate(trained, data.x)
    assert (recording.prediction == y).mean() > 0.9
    assert_same(recording, twin.record(data.x))


def test_a_network_on_frames_survives_its_file(tmp_path):
    network, x = convolution(), random_frames("counts")
    bb.save_network(network, tmp_path / "network.h5")
    loaded = bb.load_network(tmp_path / "network.h5")
    assert (loaded.encoding, loaded.input_shape) == (Frames(STEPS), (STEPS, 2, 6, 5))
    assert_same(simulate(loaded, x), simulate(network, x))


def test_verify_counts_no_different_spike():
    x = random_frames("counts")
    data = from_arrays("events", x, np.arange(5) % 4)
    verdict = bb.verify(
        convolution(),
        data,
        [
            Rung(name="parity"),
            Rung(name="fine", perturb={"finer_dt": {"divisor": 2}}, max_accuracy_drop=1.0),
        ],
    )
    assert verdict.rungs[0].spike_mismatches == 0
    assert verdict.rungs[0].count_mismatches == 0
    assert verdict.passed


def test_frames_and_steps_must_be_as_many(refused):
    with refused("samples of shape (7, 2, 6, 5) do not begin with steps = 8"):
        SpikingNetwork.sequential((7, 2, 6, 5), [Dense(4, LIF)], encoding=Frames(STEPS))
    with refused("the samples have shape (5, 7, 2, 6, 5)"):
        simulate(convolution(), random_frames("counts")[:, :7])
    with refused("the samples have shape"):
        to_torch(convolution()).record(random_frames("counts")[:, :7])
