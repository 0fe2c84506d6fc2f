from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from brian2 import Hz, ms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_files import assert_equal, refused

from brianbridge.encoding import Bernoulli, Current, Latency
from brianbridge.errors import InputError
from brianbridge.io.networks.file import load_network, save_network
from brianbridge.io.spikes.file import SpikeFileWriter
from brianbridge.network import Dense, Population, Projection, SpikingNetwork
from brianbridge.neurons.library import model_names, neuron_model
from brianbridge.neurons.model import NeuronModel


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.h5"


# Round trip


def test_what_was_saved_is_loaded(network: SpikingNetwork, saved: Path) -> None:
    assert_equal(load_network(saved), network)
    assert [p.name for p in saved.parent.iterdir()] == ["network.h5"]


@pytest.mark.parametrize("name", model_names())
def test_every_library_model_comes_back(name: str, path: Path) -> None:
    model = neuron_model(name)
    network = SpikingNetwork.sequential((3,), [Dense(2, model)], encoding=Current(steps=2))
    save_network(network, path)
    assert_equal(load_network(path), network)
    assert load_network(path).populations[0].neuron == model


def test_quantities_arrays_initial_values_and_refractory_come_back(path: Path) -> None:
    model = NeuronModel(
        "dv/dt = (E - v)/tau + drive : volt (unless refractory)\ndrive : volt/second\nb : boolean",
        emit="int(v > theta)",
        reset="v = E  # back to rest\nb = True",
        parameters={"tau": [0.1, 20 / 3] * ms, "E": "-70.6 mV", "theta": "1e-3 volt"},
        initial={"v": "E", "b": True},
        refractory=2.1 * ms,
        drive="drive",
        name="naïve τ",
    )
    network = SpikingNetwork(
        (), Current(2), (Population("a", (2, 1, 3), model),),
        (Projection("input", "a", np.ones((6, 1))),), "potential",
    )  # fmt: skip
    save_network(network, path)
    again = load_network(path)
    assert_equal(again, network)
    loaded = again.populations[0].neuron
    np.testing.assert_array_equal(loaded.parameters["tau"] / ms, [0.1, 20 / 3] * ms / ms)
    assert loaded.refractory == 2.1 * ms
    assert loaded.initial["b"] is True


def quantities(neurons: int) -> st.SearchStrategy[Any]:
    def variants(x: float) -> st.SearchStrategy[Any]:
        values = x / np.arange(1, neurons + 1)
        return st.sampled_from([x, x * ms, x * Hz, values, values * ms])

    return st.floats(1e-6, 1e6).flatmap(variants)


jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text("aé/\0"), part, max_size=3),
    max_leaves=8,
)  # fmt: skip
encodings = st.one_of(
    st.builds(Current, st.integers(1, 10**6), st.floats(1e-9, 10)),
    st.builds(
        Bernoulli, st.just(3), gain=st.floats(0, 1), signed=st.booleans(), seed=st.integers(0)
    ),
    st.builds(Latency, st.just(3), silent=st.floats(-1, 1)),
)


@st.composite
def networks(draw: st.DrawFn) -> SpikingNetwork:
    names = st.text("abz_1", min_size=1, max_size=3).filter(str.isidentifier)
    populations, projections, source, fan_in = [], [], "input", 4
    for name in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        model = replace(
            neuron_model(draw(st.sampled_from(["lif", "ternary_if", "single_spike_if"]))),
            summary=draw(st.text("a\n'\"\\", max_size=5)),
        )
        shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple))
        spare = draw(quantities(math.prod(shape)))
        model = replace(model, parameters={**model.parameters, "spare": spare})
        population = Population(name, shape, model)
        dtype = draw(st.sampled_from(["<f2", "<f4", "<f8", ">f4", "i1", "u2"]))
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        weight = (rng.normal(size=(population.size, fan_in)) * 9).astype(dtype)
        bias = weight[:, 0].copy() if draw(st.booleans()) else None
        populations.append(population)
        projections.append(Projection(source, name, weight, bias))
        source, fan_in = name, population.size
    provenance = draw(st.dictionaries(st.text("abc"), jsons, max_size=3))
    if draw(st.booleans()):
        numbers = st.lists(st.floats(), min_size=1) | st.lists(st.integers(-9, 9), min_size=1)
        provenance["training_curve"] = draw(st.dictionaries(st.text("bac", min_size=1), numbers))
    readout: Any = draw(st.sampled_from(["counts", "potential"]))
    return SpikingNetwork(
        (2, 2), draw(encodings), tuple(populations), tuple(projections), readout, provenance
    )


@given(network=networks())
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_network_comes_back_to_the_last_bit(network: SpikingNetwork, tmp_path: Path) -> None:
    save_network(network, tmp_path / "network.h5")
    assert_equal(load_network(tmp_path / "network.h5"), network)


def test_the_same_network_gives_the_same_bytes(network: SpikingNetwork, tmp_path: Path) -> None:
    save_network(network, tmp_path / "a.h5")
    time.sleep(1.1)  # HDF5's clock counts seconds
    save_network(load_network(tmp_path / "a.h5"), tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_other_programs_find_weights_and_curves(network: SpikingNetwork, saved: Path) -> None:
    with h5py.File(saved) as file:
        weight = file["projections/input_to_hidden/weight"]
        np.testing.assert_array_equal(weight[()], network.projections[0].weight)
        assert (weight.compression, weight.shuffle) == ("gzip", True)
        np.testing.assert_array_equal(file["training/validation_loss"][()], [1.5, np.nan])
        assert json.loads(file["network"].asstr()[0]) == network.to_dict()
        assert json.loads(file["provenance"].asstr()[0]) == {"rule": "spike_count", "seed": 1}


@pytest.mark.parametrize(
    "curve",
    [
        {"loss": [1.0, None]}, {"loss": []}, {"a/b": [1.0]}, {".": [1.0]}, {"loss": [[1, 2], [3]]},
        {"loss": [1.0], "best": 3}, {}, [1.0, 2.0], None, {"loss": [True]},
    ],
)  # fmt: skip
def test_curves_that_hdf5_cannot_hold_stay_json(network, path: Path, curve: object) -> None:
    network = network.with_weights({}, training_curve=curve)
    save_network(network, path)
    assert_equal(load_network(path), network)


def test_an_encoding_of_the_user_comes_back(network: SpikingNetwork, path: Path) -> None:
    @dataclass(frozen=True)
    class Burst(Bernoulli):
        kind = "burst"
        length: int = 2

    network = replace(network, encoding=Burst(steps=4, length=3))
    save_network(network, path)
    assert_equal(load_network(path), network)


# What cannot be saved


@pytest.mark.parametrize(
    "provenance", [{"x": np.zeros(2)}, {"x": float("nan")}, {"x": "\ud800"}, {"x": {1, 2}}]
)
def test_a_provenance_that_is_no_json_is_refused(network, path: Path, provenance: dict) -> None:
    with pytest.raises(InputError, match="provenance: expected plain JSON"):
        save_network(network.with_weights({}, **provenance), path)
    assert not list(path.parent.iterdir())


def test_a_failed_save_leaves_the_earlier_file(network: SpikingNetwork, saved: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(InputError):
        save_network(network.with_weights({}, x=object()), saved)
    assert saved.read_bytes() == before


# Foreign files


def test_no_file_or_a_folder(tmp_path: Path) -> None:
    assert "there is no such file" in refused(tmp_path / "none.h5")
    assert "this is a folder" in refused(tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "the file is empty"), (b"PK\x03\x04 weights", "expected an HDF5 file"),
     (b"\x89HDF\r\n\x1a\n", "damaged")],
)  # fmt: skip
def test_what_is_not_hdf5(path: Path, content: bytes, problem: str) -> None:
    path.write_bytes(content)
    assert problem in refused(path)


def test_a_spike_file_is_called_one(path: Path, recording) -> None:
    rec = recording(seed=1, spikes=5)
    with SpikeFileWriter(path, rec.shapes, rec.dt, rec.steps) as spikes:
        spikes.append(rec)
    assert "expected a network that brianbridge saved, but this is a spike file" in refused(path)


@pytest.mark.parametrize(
    ("entries", "kind"),
    [(["node", "version"], "a NIR graph"), (["layer", "x"], "a HDF5 file with 'layer', 'x'"),
     ([], "a HDF5 file with no entries")],
)  # fmt: skip
def test_other_hdf5_files_are_described(path: Path, entries: list[str], kind: str) -> None:
    with h5py.File(path, "w") as file:
        for name in entries:
            file[name] = 1.0
    assert f"but this is {kind}" in refused(path)
