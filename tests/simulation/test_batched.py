"""The batched path: chunks, input, time, memory, NaN, precision, crossing times, threads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from batched_networks import ENCODINGS, X, assert_same, looped, one_layer, rooted
from brian2 import prefs

from brianbridge.encoding import Bernoulli, Current, EncodedInput
from brianbridge.errors import InputError
from brianbridge.network import Dense, Population, Projection, Sparse, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.recording import Recording
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate

# ---------------------------------------------------------------------- chunks


@pytest.mark.parametrize("readout", ["counts", "potential"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_chunks_do_not_matter(encoding, readout):
    network = looped(encoding, readout)
    whole = simulate(network, X, record=("spikes", "v"))
    assert all(len(whole.events(name)) > 20 for name in whole.shapes)
    for batch_size in (1, 2, 3, 5, 100):
        chunked = simulate(
            network, X, record=("spikes", "v"), backend=Backend(batch_size=batch_size)
        )
        assert_same(chunked, whole)
    assert_same(
        simulate(network, X, record=("spikes", "v"), backend=Backend(path="reference")), whole
    )


def test_nothing_is_left_from_one_sample_to_the_next():
    x = np.stack([X[0], X[1], X[0], X[0]])
    recording = simulate(looped(), x, backend=Backend(batch_size=1), index=[5, 6, 5, 5])
    for name in recording.shapes:
        spikes = recording.spikes[name]
        np.testing.assert_array_equal(spikes[:, [2, 3]], spikes[:, [0, 0]])
    assert (recording.spikes["conv1"][:, 0] != recording.spikes["conv1"][:, 1]).any()


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(3, [3, 3, 1]), (5, [4, 3]), (7, [7]), (1, [1] * 7)]
)
def test_chunks_are_handed_on_as_they_are_done(batch_size, sizes):
    network = looped()
    parts: list[Recording] = []
    whole = simulate(network, X, record=("spikes", "v"))
    bare = simulate(
        network,
        X,
        record=("spikes", "v"),
        backend=Backend(batch_size=batch_size),
        on_chunk=parts.append,
        keep=False,
    )
    assert [part.samples for part in parts] == sizes
    assert_same(Recording.concatenate(parts), whole)
    assert (bare.samples, bare.shapes, bare.all_events, bare.traces) == (7, {}, {}, {})
    np.testing.assert_array_equal(bare.output, whole.output)
    np.testing.assert_array_equal(bare.prediction, whole.prediction)
    with pytest.raises(InputError, match="no population 'conv1' was recorded"):
        bare.events("conv1")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encoded_input_will_do(encoding):
    network = looped(encoding)
    encoded = network.encoding.encode(X, np.arange(7))
    whole = simulate(network, X, backend=Backend(batch_size=3))
    assert_same(simulate(network, encoded, backend=Backend(batch_size=3)), whole)
    assert_same(simulate(network, encoded, backend=Backend(batch_size=2, path="reference")), whole)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int8, bool])
def test_rasters_of_any_type(kind):
    rng = np.random.default_rng(2)
    raster = rng.integers(0, 2, (12, 3, 2, 5, 3)).astype(kind)
    if np.issubdtype(kind, np.floating):
        raster *= kind(0.25)  # no value but 0 and a quarter
    network, encoded = looped(), EncodedInput(raster=raster)
    expected = simulate(network, encoded, record=("v",), backend=Backend(path="reference"))
    assert_same(simulate(network, encoded, record=("v",), backend=Backend(batch_size=2)), expected)
    assert len(expected.events("conv1")) > 5


# ---------------------------------------------------------------------- time

EQUATIONS = "dv/dt = drive : 1\ndrive : Hz"
TIMED = {
    "equations": {"equations": "dv/dt = drive*(1 + t/(5*ms)) : 1\ndrive : Hz"},
    "emit": {"emit": "int(v >= 1 and t > 3*ms)"},
    "reset": {"reset": "v -= 1 + t/(10*ms)"},
    "refractory": {"refractory": "t > 4*ms"},
}


@pytest.mark.parametrize("readout", ["counts", "potential"])
@pytest.mark.parametrize("part", TIMED)
def test_time_starts_anew_with_every_chunk(part, readout):
    options: dict[str, Any] = {
        "equations": EQUATIONS, "emit": "int(v >= 1)", "reset": "v -= 1", "drive": "drive",
        "method": "euler", **TIMED[part],
    }  # fmt: skip
    model = NeuronModel(**options)
    network = one_layer(model, Current(10), 0.6, readout=readout)
    x = np.random.default_rng(1).uniform(0.5, 1, (5, 2))
    expected = simulate(
        network, x, record=("spikes", "v"), backend=Backend(path="reference", batch_size=2)
    )
    for batch_size in (1, 2, 5):
        found = simulate(network, x, record=("spikes", "v"), backend=Backend(batch_size=batch_size))
        assert_same(found, expected)
    assert np.ptp(expected.traces["output"]["v"]) > 0.5


# ---------------------------------------------------------------------- memory


def test_memory_decides_how_many_samples_run_at_once(refused):
    network = looped()
    x = np.concatenate([X] * 10)
    parts: list[int] = []
    prefs["brianbridge.memory"] = 0.1
    small = simulate(network, x, on_chunk=lambda part: parts.append(part.samples))
    assert 2 < len(parts) < 70
    prefs["brianbridge.memory"] = 256.0
    assert_same(simulate(network, x), small)
    prefs["brianbridge.memory"] = 0.005
    for path in ("batched", "reference"):
        with refused("one sample", "MB", "prefs.brianbridge.memory allows 0.005 MB", "raise it"):
            simulate(network, x, backend=Backend(path=path))


# ---------------------------------------------------------------------- not a number


def spoilt() -> tuple[SpikingNetwork, np.ndarray]:
    """Return a network and samples of which the fourth ends in NaN."""
    layers = [Dense(2, model, bias=False) for model in (neuron_model("if"), rooted())]
    network = SpikingNetwork.sequential((2,), layers, encoding=Current(8))
    network = network.with_weights({p.name: (np.eye(2), None) for p in network.projections})
    return network, np.array([[0.1, 0], [0.25, 0], [0, 0.1], [0, 1.0], [0.1, 0.1]])


@pytest.mark.parametrize("path", ["batched", "reference"])
@pytest.mark.parametrize(("batch_size", "done"), [(1, [1, 1, 1]), (2, [2]), (5, [])])
def test_nan_is_traced_to_population_variable_and_step(refused, path, batch_size, done):
    network, x = spoilt()
    seen: list[int] = []

    def note(part):
        seen.append(part.samples)

    with refused("population 'output'", "'s' is not a number (NaN) from step 3 on", "overflow"):
        # A spike in each step: v = 1, 2, 3 after steps 0, 1, 2, and sqrt(2 - 3) in step 3.
        simulate(network, x, backend=Backend(batch_size=batch_size, path=path), on_chunk=note)
    assert seen == done  # the chunks before that of the fourth sample


@pytest.mark.slow
def test_a_program_names_population_and_variable(refused):
    with refused("population 'output'", "'s' is not a number (NaN)", "device 'runtime'"):
        simulate(*spoilt(), backend=Backend(device="cpp_standalone"))


def test_samples_that_are_not_there_may_be_nan():
    model = NeuronModel(
        "dv/dt = drive*(drive/drive) : 1\ndrive : Hz", emit="int(v >= 1)", reset="v -= 1",
        drive="drive", method="euler",
    )  # fmt: skip
    network = one_layer(model, Bernoulli(4))
    network = replace(network, projections=(replace(network.projections[0], bias=np.full(2, 0.3)),))
    recording = simulate(
        network, np.ones((3, 2)), backend=Backend(batch_size=2), record=("spikes", "v")
    )
    assert np.isfinite(recording.traces["output"]["v"]).all()


# ---------------------------------------------------------------------- delays of synapses


@pytest.mark.parametrize("path", ["reference", "batched"])
def test_delays_of_single_synapses(path):
    sparse = Sparse([0, 1, 1], [0, 1, 0], [0.0, 1e-3, 3e-3])
    network = SpikingNetwork(
        (2,), Bernoulli(6), (Population("a", (2,), neuron_model("if")),),
        (Projection("input", "a", np.ones(3), None, sparse, delay="1 ms"),),
    )  # fmt: skip
    raster = np.zeros((6, 1, 2), np.int8)
    raster[0] = 1
    encoded = EncodedInput(raster=raster)
    found = simulate(network, encoded, backend=Backend(path=path)).spikes["a"][:, 0]
    assert found.T.tolist() == [[0, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0]]


# ---------------------------------------------------------------------- precision


def test_single_precision():
    network = looped(model=neuron_model("lif"))
    double = simulate(network, X, record=("spikes", "v"))
    single = simulate(
        network, X, record=("spikes", "v"), backend=Backend(dtype=np.float32, batch_size=3)
    )
    for name in double.traces:
        v = single.traces[name]["v"]
        np.testing.assert_array_equal(v, v.astype(np.float32))
        # The first steps, before a spike can differ.
        np.testing.assert_allclose(v[:2], double.traces[name]["v"][:2], rtol=0, atol=1e-5)
        differing = (single.spikes[name] != double.spikes[name]).mean()
        assert differing < 0.01
    assert single.output.dtype == np.float64


@pytest.mark.parametrize("dtype", ["float16", int, "double precision"])
def test_other_types_are_refused(refused, dtype):
    with refused("dtype", "float64 or float32"):
        simulate(looped(), X, backend=Backend(dtype=dtype))


# ---------------------------------------------------------------------- crossing times


@pytest.mark.parametrize("divisor", [1, 4])
@pytest.mark.parametrize("model", ["lif", "cuba_lif", "ternary_if", "multi_threshold_lif"])
def test_crossing_times_are_those_of_the_reference(model, divisor):
    network = looped("current", model=neuron_model(model))
    options: dict[str, Any] = {"record": ("spikes", "t_crossing"), "dt": network.dt / divisor}
    expected = simulate(network, X, backend=Backend(path="reference"), **options)
    found = simulate(network, X, backend=Backend(batch_size=3), **options)
    for name in expected.shapes:
        one, other = found.events(name).sorted(), expected.events(name).sorted()
        assert len(other) > 10
        np.testing.assert_array_equal(one.time, other.time)
        np.testing.assert_allclose(one.t_crossing, other.t_crossing, rtol=0, atol=1e-9)
        within = one.t_crossing - one.time
        assert ((within >= -1e-15) & (within <= one.dt * (1 + 1e-9))).all()
    within = found.events("conv1").t_crossing - found.events("conv1").time
    assert ((within > 0) & (within < network.dt / divisor)).any()


def test_crossing_times_that_nobody_knows():
    network, x = one_layer(neuron_model("adex"), Current(20), 0.01), np.ones((3, 2))
    for path in ("batched", "reference"):
        backend = Backend(path=path, batch_size=2)
        events = simulate(network, x, record=("t_crossing",), backend=backend).events("output")
        assert len(events) > 3
        assert np.isnan(events.t_crossing).all()
        assert simulate(network, x, backend=backend).events("output").t_crossing is None
