"""Bad input is refused before anything runs, in words that name the remedy."""

from __future__ import annotations

import numpy as np
import pytest

from brianbridge.encoding import Bernoulli, Current, Latency
from brianbridge.errors import InputError
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.reference.builder import build
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch


@pytest.fixture
def network() -> SpikingNetwork:
    layers = [Dense(2, neuron_model("cuba_lif")), Dense(2, neuron_model("lif"))]
    return SpikingNetwork.sequential((2, 3), layers, encoding=Current(4))


@pytest.fixture
def x() -> np.ndarray:
    return np.zeros((3, 2, 3))


@pytest.mark.parametrize("shape", [(3, 6), (2, 3), (3, 3, 2), (3, 2, 3, 1), (6,), (), (0, 2, 3)])
def test_samples_of_another_shape(network, shape):
    with pytest.raises(InputError, match=r"have shape .*; the network takes \(samples, 2, 3\)"):
        simulate(network, np.zeros(shape))


def simulated(network, x):
    simulate(network, x)


def recorded(network, x):
    to_torch(network).record(x)


def called(network, x):
    to_torch(network)(x)


@pytest.mark.parametrize("use", [simulated, recorded, called])
@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.zeros((2, 3)), r"shape \(2, 3\).*one sample; give it a leading axis, x\[None\]"),
        (3.0, r"shape \(\).*a single number"),
        (np.zeros((5, 6)), r"shape \(5, 6\).*x\.reshape\(-1, 2, 3\)"),
        (np.zeros((5, 2, 4)), r"takes \(samples, 2, 3\): give samples of that shape"),
        (np.ma.masked_array(np.zeros((1, 2, 3)), True), "6 masked values"),
        (np.zeros((1, 2, 3), complex), "are complex"),
        (np.zeros((1, 2, 3), "datetime64[s]"), "are dates"),
        (np.full((1, 2, 3), np.nan), r"at \[0, 0, 0\] is not finite \(nan\)"),
    ],
)
def test_wrong_batches_are_told_the_same_by_twin_and_brian2(network, x, use, expected):
    with pytest.raises(InputError, match=expected) as found:
        use(network, x)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("use", [simulated, recorded])
def test_a_recording_needs_samples(network, use):
    expected = r"shape \(0, 2, 3\).*there are no samples; give at least one"
    with pytest.raises(InputError, match=expected):
        use(network, np.zeros((0, 2, 3)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("encoding", [Current(4), Bernoulli(4), Latency(4)])
def test_samples_that_are_not_finite(network, x, value, encoding):
    network = SpikingNetwork(
        network.input_shape, encoding, network.populations, network.projections
    )
    x[2, 0, 1] = value
    seen: list[object] = []
    # The place is that in all the samples, and nothing of an earlier batch was handed out.
    with pytest.raises(InputError, match=r"at \[2, 0, 1\] is not finite"):
        simulate(network, x, backend=Backend(batch_size=1), on_chunk=seen.append)
    assert not seen


@pytest.mark.parametrize("x", ["digits", [["a"]], [[1.0], [1.0, 2.0]], None])
def test_samples_that_are_no_numbers(network, x):
    with pytest.raises(InputError, match="the samples"):
        simulate(network, x)


@pytest.mark.parametrize("index", [[0, 1], [0, 1, 2, 3], 7, [[0, 1, 2]]])
def test_numbers_that_are_not_one_for_each_sample(network, x, index):
    with pytest.raises(InputError, match="one number for each of the 3 samples"):
        simulate(network, x, index=index)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "many"])
def test_batches_that_there_are_not(batch_size):
    with pytest.raises(
        InputError, match=f"batch_size = {batch_size!r}; give an integer of at least 1"
    ):
        Backend(batch_size=batch_size)


@pytest.mark.parametrize("way", [{"path": "reference"}, {"device": "cpp_standalone"}])
def test_options_that_only_the_batched_path_has(way):
    [(name, value)] = way.items()
    with pytest.raises(InputError, match=f"^threads = 2 with {name} = '{value}', .*drop threads"):
        Backend(threads=2, **way)
    with pytest.raises(InputError, match=f"^dtype = float32 with {name} = '{value}', .*drop dtype"):
        Backend(dtype="float32", **way)
    assert Backend(threads=1, dtype="float64", **way).threads == 1


@pytest.mark.parametrize("backend", ["reference", {"path": "reference"}, Backend])
def test_a_backend_that_is_none(network, x, backend):
    with pytest.raises(InputError, match=r"^backend = .*; give one, such as bb.Backend\(path="):
        simulate(network, x, backend=backend)


def test_a_variable_that_no_population_has(network, x):
    with pytest.raises(InputError, match=r"'gg'\. Did you mean 'g'\?"):
        simulate(network, x, record=("spikes", "gg"))
    simulate(network, x, record=("g",))


@pytest.mark.parametrize("schedule", ["canonic", "Default", ""])
def test_a_schedule_that_there_is_not(network, x, schedule):
    with pytest.raises(InputError, match=f"there is no schedule '{schedule}'"):
        simulate(network, x, schedule=schedule)
    with pytest.raises(InputError, match="there is no schedule"):
        build(network, batch=1, dt=1e-3, schedule=schedule)


def test_the_schedule_that_was_meant(network):
    with pytest.raises(InputError, match="Did you mean 'canonical'"):
        build(network, batch=1, dt=1e-3, schedule="canonic")
