from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from brian2 import ms
from spike_files import without_digests

from brianbridge.encoding import Bernoulli
from brianbridge.errors import InputError
from brianbridge.io.inspect import as_text, describe_file
from brianbridge.io.networks.file import save_network
from brianbridge.io.spikes.file import SpikeFileWriter
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model


@pytest.fixture
def network_path(tmp_path: Path) -> Path:
    mismatched = neuron_model("lif_refractory", tau=np.array([5, 20, 10]) * ms)
    layers = [Dense(3, mismatched), Dense(2, neuron_model("adex"), bias=False)]
    encoding = Bernoulli(steps=10, dt="0.5 ms", gain=0.5)
    network = SpikingNetwork.sequential((2, 2), layers, encoding=encoding, readout="potential")
    weights = {"hidden_to_output": (np.array([[-1, 2, 3], [0, 0, 0]], np.int8), None)}
    curve = {"loss": [float(i) for i in range(20, 0, -1)]}
    network = network.with_weights(
        weights, rule="spike_count", note="a\x1b[2Jb\nc", versions={"a": "1"}, training_curve=curve
    )
    save_network(network, tmp_path / "network.h5")
    return tmp_path / "network.h5"


@pytest.fixture
def spike_path(tmp_path: Path, recording) -> Path:
    rec = recording(seed=1, spikes=30)
    path = tmp_path / "spikes.h5"
    with SpikeFileWriter(path, rec.shapes, rec.dt, rec.steps, {"seed": 1}) as spikes:
        spikes.append(rec)
    return path


def test_a_network_is_described(network_path: Path) -> None:
    description = json.loads(json.dumps(describe_file(network_path)))
    assert description["kind"] == "network"
    assert description["path"] == str(network_path)
    assert description["input_shape"] == [2, 2]
    assert description["encoding"]["dt"] == 0.5e-3
    assert description["readout"] == "potential"
    assert description["parameters"] == 3 * 4 + 3 + 2 * 3
    hidden, output = description["populations"].values()
    assert hidden["neuron"] == "lif_refractory"
    assert hidden["equations"].startswith("dv/dt = -v/tau + drive : 1")
    assert (hidden["emit"], hidden["reset"], hidden["refractory"]) == (
        "int(v > theta)", "v = 0", "t_ref"
    )  # fmt: skip
    assert hidden["parameters"] == {
        "tau": "3 values, 5 to 20 ms", "theta": "1", "t_ref": "3 ms"
    }  # fmt: skip
    assert output["parameters"]["b"] == "80.5 pA"
    assert output["initial"] == {"v": "-70.6 mV"}
    assert description["projections"]["hidden_to_output"] == {
        "shape": [2, 3], "dtype": "int8", "bias": False, "min": -1.0, "max": 3.0, "mean_abs": 1.0,
        "sign": "any", "unit": "30.5999 mV",
    }  # fmt: skip
    assert description["provenance"]["rule"] == "spike_count"


def test_the_text_of_a_network(network_path: Path) -> None:
    lines = as_text(describe_file(network_path)).splitlines()
    assert lines[1:8] == [
        "input             2 x 2, bernoulli, 10 steps of 0.5 ms, gain 0.5, signed False, seed 0",
        "hidden            3 neurons, lif_refractory: Leaky integrate-and-fire, reset to zero, "
        "absolute refractory",
        "                  period",
        "  equations       dv/dt = -v/tau + drive : 1 (unless refractory)",
        "                  drive : Hz",
        "  emit            int(v > theta)",
        "  reset           v = 0",
    ]
    assert (
        "hidden_to_output  2 x 3 int8, weights -1 to 3, mean |w| 1, natural unit 30.5999 mV"
        in lines
    )
    assert "  scale           one unit of v is 30.5999 mV, from rest at -70.5999 mV" in lines
    assert "parameters        21" in lines
    assert lines[-5:] == [
        "provenance",
        "  rule            spike_count",
        "  note            a?[2Jb c",
        "  versions        a 1",
        "  training_curve  loss 20 values, last 1",
    ]
    assert max(map(len, lines[1:])) <= 18 + 88


def test_a_spike_file_is_described(spike_path: Path) -> None:
    description = json.loads(json.dumps(describe_file(spike_path)))
    assert description["kind"] == "spikes"
    assert description["populations"]["hidden"]["spikes"] == 30
    assert as_text(description).splitlines() == [
        f"spikes      {spike_path}",
        "run         complete",
        "samples     3",
        "hidden      2 x 5 x 4 neurons, 50 steps of 0.1 ms, 30 spikes",
        "a first     10 neurons, 50 steps of 0.1 ms, 30 spikes",
        "provenance",
        "  seed      1",
    ]


def test_spikes_of_another_program_and_of_a_killed_run(spike_path: Path) -> None:
    with h5py.File(without_digests(spike_path), "r+") as file:
        file.attrs["complete"] = False
    assert "run         not complete" in as_text(describe_file(spike_path))
    with h5py.File(spike_path, "r+") as file:
        del file.attrs["written"]
    assert "a first  30 spikes" in as_text(describe_file(spike_path))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.nir"
    with pytest.raises(InputError, match=r"model\.nir': there is no such file"):
        describe_file(path)
    path.write_text("not HDF5")
    with pytest.raises(InputError, match="expected an HDF5 file"):
        describe_file(path)
    with h5py.File(path, "w") as file:
        file["node"], file["version"] = 1, 1
    with pytest.raises(InputError, match="expected a network or spikes, but this is a NIR graph"):
        describe_file(path)


def test_a_damaged_network_is_refused(network_path: Path) -> None:
    with h5py.File(network_path, "r+") as file:
        del file["provenance"]
    with pytest.raises(InputError, match=r"network\.h5': expected a dataset '/provenance'"):
        describe_file(network_path)
