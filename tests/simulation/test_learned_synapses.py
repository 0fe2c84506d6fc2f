"""Parameters of synapses with a model learn: release, recovery, decay and reversal potential."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, SpikeMonitor, Synapses, ms

import brianbridge as bb
from brianbridge.training import natural_units

STEPS, DT = 100, 0.5 * ms
DEPRESSING = (
    "w : 1\nU : 1 (shared)\n"
    "dx/dt = (1 - x)/tau_rec : 1 (event-driven)\ndu/dt = -u/tau_f : 1 (event-driven)"
)
RELEASE = "u += U*(1 - u); I_post += gain*w*u*x; x *= 1 - u"
CONDUCTANCE = "w : 1\nds/dt = -s/tau_s : 1 (clock-driven)\ng_post = w*s*(E - v_post) : 1 (summed)"
SYNAPSES: dict[str, dict[str, Any]] = {
    "release": {
        "model": DEPRESSING, "on_pre": RELEASE,
        "namespace": {"tau_rec": 20 * ms, "tau_f": 30 * ms, "gain": 0.9},
        "learn": ["U", "tau_rec", "tau_f", "gain", "x", bb.Learn("u", "synapse", 0, 1)],
    },
    "reversal": {
        "model": CONDUCTANCE, "on_pre": "s += 1", "method": "euler",
        "namespace": {"tau_s": 5 * ms, "E": 2.0},
        "learn": ["tau_s", "E", bb.Learn("s", "synapse")],
    },
}  # fmt: skip


def network(kind: str, threshold: float = 0.15) -> list[Any]:
    rng = np.random.default_rng(3)
    step, node = np.nonzero(rng.random((STEPS, 6)) < 0.15)
    given = SpikeGeneratorGroup(6, node, step * DT, dt=DT, name="given")
    cells = NeuronGroup(
        4, "dv/dt = (I + g - v)/(10*ms) : 1\ndI/dt = -I/(5*ms) : 1\ng : 1\nlow : 1 (constant)",
        threshold=f"v > {threshold}", reset="v = low", method="exact", dt=DT, name="cells",
    )  # fmt: skip
    chosen = {k: v for k, v in SYNAPSES[kind].items() if k != "learn"}
    wires = Synapses(given, cells, dt=DT, name="wires", **chosen)
    wires.connect()
    wires.w = rng.uniform(0.1, 0.4, 24)
    if kind == "release":
        wires.U, wires.x, wires.u = 0.4, 1.0, 0.1
    else:
        wires.s = 0.1
    return [given, cells, wires]


def twin_of(objects: list[Any], learn: Any) -> bb.twin.NetworkTwin:
    net = bb.from_brian2(Network(*objects), steps=STEPS, train={"wires": "w"})
    (projection,) = net.modelled
    return bb.to_torch(net, dtype=torch.float64, learn={projection.name: learn})


X = np.zeros((1, 1))


@pytest.mark.parametrize("kind", SYNAPSES)
def test_gradients_are_those_of_finite_differences(kind):
    twin = twin_of(network(kind, threshold=99.0), SYNAPSES[kind]["learn"])

    def loss() -> torch.Tensor:
        return twin.run(*twin.encode(X), record=["v"]).traces["cells"]["v"].square().sum()

    loss().backward()
    for name, raw in twin.learned.named_parameters():
        direction = torch.linspace(0.5, 1.0, raw.numel(), dtype=raw.dtype).reshape(raw.shape)
        expected = float((raw.grad * direction).sum())
        assert expected != 0, name

        def at(h: float, raw=raw, direction=direction) -> float:
            with torch.no_grad():
                raw += h * direction
                value = float(loss())
                raw -= h * direction
            return value

        found = (8 * (at(1e-4) - at(-1e-4)) - (at(2e-4) - at(-2e-4))) / 12e-4
        assert found == pytest.approx(expected, rel=1e-6), name


@pytest.mark.parametrize("kind", SYNAPSES)
def test_they_return_to_the_synapses_of_the_user(kind, tmp_path):
    objects = network(kind)
    _, cells, wires = objects
    twin = twin_of(objects, SYNAPSES[kind]["learn"])
    optimizer = torch.optim.Adam(twin.learned.parameters(), lr=0.1)
    for _ in range(4):
        optimizer.zero_grad()
        twin.run(*twin.encode(X), record=["v"]).traces["cells"]["v"].mean().backward()
        with natural_units(twin):
            optimizer.step()
    written = bb.write_back(twin, into=Network(*objects))
    bb.save_network(written, tmp_path / "net.h5")
    again = bb.from_brian2(Network(*objects), steps=STEPS, train={"wires": "w"})
    expected = bb.simulate(written, X).spikes["cells"]
    assert expected.any()
    for found in (
        bb.simulate(written, X, backend=bb.Backend(path="reference")).spikes["cells"],
        bb.simulate(again, X).spikes["cells"],
        bb.simulate(bb.load_network(tmp_path / "net.h5"), X).spikes["cells"],
        twin.record(X).spikes["cells"],
        twin.run(*twin.encode(X)).spikes["cells"].detach().numpy(),
    ):
        np.testing.assert_array_equal(found, expected)
    model = written.modelled[0].model
    given = SYNAPSES[kind]["namespace"]
    for name, value in given.items():
        assert wires.namespace[name] == model.constants[name] != value
    monitor = SpikeMonitor(cells)
    Network(*objects, monitor).run(STEPS * DT)
    np.testing.assert_array_equal(monitor.count, expected.sum(axis=(0, 1)))


REFUSED = {
    "Did you mean 'tau_rec'": ["tau_rek"],
    "'w' is its weight": ["w"],
    "give each = 'population' or 'synapse'": [bb.Learn("U", each="neuron")],
    "low = 1 mV is not one value in second": [bb.Learn("tau_f", low="1 mV")],
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_synapses_cannot_learn_is_refused(message):
    with pytest.raises(bb.InputError, match=re.escape(message)):
        twin_of(network("release"), REFUSED[message])


def test_a_value_for_each_synapse_needs_a_variable():
    objects = network("release")
    twin = twin_of(objects, [bb.Learn("tau_rec", each="synapse")])
    with pytest.raises(bb.InputError, match=re.escape("'tau_rec : second (constant)'")):
        bb.write_back(twin, into=Network(*objects))


def test_plain_synapses_have_only_weights():
    lif = bb.neuron_model("lif")
    net = bb.SpikingNetwork.sequential((2,), [bb.Dense(3, lif)], encoding=bb.Bernoulli(5))
    with pytest.raises(bb.InputError, match="only adds its weights"):
        bb.to_torch(net, learn={"input_to_output": ["delay"]})


def test_parameters_of_neurons_that_synapses_read_are_refused():
    objects = network("release")
    for code, name in (("v_post += w*low_post", "low"), ("v_post += w*g_post", "g")):
        wires = Synapses(objects[0], objects[1], "w : 1", on_pre=code, dt=DT)
        wires.connect()
        net = bb.from_brian2(Network(*objects[:2], wires), steps=5, train={wires.name: "w"})
        with pytest.raises(bb.InputError, match=f"read '{name}' of population 'cells'"):
            bb.to_torch(net, learn={"cells": [name]})
