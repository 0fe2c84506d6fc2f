"""A user's standalone device: whatever runs in Python says so first, and their program is built."""

from __future__ import annotations

import shutil
from importlib import import_module

import brian2
import numpy as np
import pytest
from brian2 import Network, NeuronGroup, SpikeMonitor, ms, set_device

import brianbridge as bb
import brianbridge.simulation.memory  # registers a preference
from brianbridge.datasets import from_arrays
from brianbridge.encoding import Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model

X, Y = np.random.default_rng(0).random((6, 3)), np.arange(6) % 2


def network() -> SpikingNetwork:
    layers = [Dense(4, neuron_model("lif")), Dense(2, neuron_model("lif"))]
    return SpikingNetwork.sequential((3,), layers, encoding=Current(5))


def calls():
    net, data = network(), from_arrays("mine", X, Y)
    group = NeuronGroup(2, "v : 1", threshold="v > 1", reset="v = 0", name="theirs")
    yield "simulate", lambda: bb.simulate(net, X)
    yield "reference", lambda: bb.simulate(net, X, backend=bb.Backend(path="reference"))
    yield "program", lambda: bb.simulate(net, X, backend=bb.Backend(device="cpp_standalone"))
    yield "verify", lambda: bb.verify(net, data)
    yield "calibrate", lambda: bb.calibrate(net, data, [])
    yield "fine_tune", lambda: bb.fine_tune(net, data, [], rule="spike_count", epochs=1)
    yield "from_brian2", lambda: bb.from_brian2(Network(group), steps=3)
    yield "DenseProjection", lambda: bb.simulation.DenseProjection(group, group, np.eye(2))


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Give a device that builds a program, with a group and a monitor that belong to it."""
    monkeypatch.chdir(tmp_path)  # where `build` puts its folder
    set_device("cpp_standalone", directory=str(tmp_path / "program"), build_on_run=False)
    group = NeuronGroup(3, "dv/dt = 2*Hz : 1", threshold="v > 1", reset="v = 0", method="euler")
    monitor = SpikeMonitor(group)
    net = Network(group, monitor)
    yield net, monitor
    brian2.get_device().reinit()
    import_module("brian2.devices").reset_device()


def state():
    device = brian2.get_device()
    return (
        device, {id(v) for v in device.arrays}, len(device.main_queue), list(device.code_objects),
        {name: brian2.prefs[name] for name in brian2.prefs}, brian2.defaultclock.dt,
        [*import_module("brian2.devices.device").previous_devices],
    )  # fmt: skip


def test_every_call_is_refused_before_anything_is_touched(program):
    for name, call in calls():
        before = state()
        with pytest.raises(
            InputError, match=r"'cpp_standalone'.*brian2\.devices\.reset_device\(\)"
        ):
            call()
        assert state() == before, name


def test_descriptions_and_twins_are_made_beside_a_program(program):
    before = state()
    twin = bb.to_torch(network())
    assert bb.write_back(twin) is not None
    assert state() == before


def test_the_advice_works(program):
    with pytest.raises(InputError):
        bb.simulate(network(), X)
    brian2.devices.reset_device()
    assert bb.simulate(network(), X).samples == 6
    set_device("cpp_standalone", build_on_run=False)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler")
def test_the_users_program_is_built_and_runs_afterwards(program):
    net, monitor = program
    for _, call in calls():
        with pytest.raises(InputError):
            call()
    net.run(1000 * ms)
    brian2.get_device().build(with_output=False)
    assert monitor.num_spikes == 3
