"""Neurons as Brian2 users write them are read, trained, saved, and run as in their own script."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    StateMonitor,
    Synapses,
    TimedArray,
    ms,
    mV,
)
from external_sources import check_all_paths, own_spikes

import brianbridge as bb

STEPS = 200
LEAK = "dv/dt = (c - v)/(5*ms) : 1\n"
FIRING = {"threshold": "v > 0.8", "reset": "v = 0", "method": "euler"}


@dataclass
class Neurons:
    """Hold the arguments of a `NeuronGroup` of four neurons, and values to set."""

    equations: str
    options: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    regular: str = ""
    weight: Any = 0.7

    def network(self) -> tuple[Network, NeuronGroup, Synapses]:
        """Return a network in which a generator drives the neurons."""
        group = NeuronGroup(4, self.equations, name="cells", **{**FIRING, **self.options})
        for name, value in self.values.items():
            setattr(group, name, value)
        if self.regular:
            group.run_regularly(self.regular, dt=0.5 * ms)
        source = SpikeGeneratorGroup(3, [0, 1, 2, 0], [1, 2, 5, 9] * ms, name="source")
        unit = "volt" if "v : volt" in self.equations else "1"
        wires = Synapses(source, group, f"w : {unit}", on_pre="v += w", name="wires")
        wires.connect()
        wires.w = np.linspace(0.3, 1, 12) * self.weight
        return Network(group, source, wires), group, wires


SHARED = "c : 1 (shared)\nd = 0.5 + sin(t/ms) : 1 (shared)"
CASES = {
    "local name": Neurons(LEAK + "c : 1", {"reset": "v = 0; w = 0"}, {"c": [0.5, 1, 1.5, 2]}),
    "local names in turn": Neurons(
        LEAK + "c : 1",
        {"reset": "x = 0.1*v; x += 0.05; y = x*c; x = y + 1; v = 0.1*x - 0.1; c += 0.1*y"},
        {"c": [0.5, 1, 1.5, 2]},
    ),
    "local name of a condition": Neurons(
        LEAK + "c : 1\nk : integer",
        {"reset": "big = v > 0.9; n = int(big) + 1; k += n; v = 0.1*n*k/(k + 1.0)"},
        {"c": [0.5, 1, 1.5, 2]},
    ),
    "local name in regular code": Neurons(
        LEAK + "c : 1", {"reset": "x = 0.1; v = x"}, {"c": 1.2}, regular="x = 0.9*c; c = x + 0.1"
    ),
    "local name of a constant": Neurons(
        LEAK + "c = a : 1", {"reset": "a = 0.1*v; v = a", "namespace": {"a": 1.1}}
    ),
    "index in equations": Neurons("dv/dt = (0.5*i - v)/(5*ms) : 1"),
    "number in equations": Neurons("dv/dt = (N*0.4 - v)/(5*ms) : 1"),
    "index everywhere": Neurons(
        "dv/dt = (c*i/N - v)/(5*ms) : 1 (unless refractory)\nc : 1",
        {
            "threshold": "v > 0.2*(i + 1)", "reset": "v = 0.05*(i % 3) - 0.1*(i//2)/N",
            "refractory": "i*ms",
        },
        {"c": 1.5}, regular="c = 1.4 + 0.1*i",
    ),
    "index and columns": Neurons(
        "dv/dt = (column(t, i) - v)/(5*ms) : 1",
        {"namespace": {"column": TimedArray(np.arange(16).reshape(4, 4) / 5, dt=2 * ms)}},
    ),
    "index, exactly": Neurons("dv/dt = (1.2 - v)/((3 + i)*ms) : 1", {"method": "exact"}),
    "types": Neurons(
        LEAK + "c : 1\nb : boolean (constant)\nk : integer\nn : integer (constant)\non : boolean",
        {"threshold": "v > 0.2 + 0.1*(k % 3) and (b or on)",
         "reset": "v = 0.01*n; k = (k + n) % 5; on = k > 2"},
        {"c": 1.1, "b": [True, False, True, False], "n": [1, 2, 3, 1], "on": [False, True] * 2},
    ),
    "bounds": Neurons(
        "dv/dt = (clip(3*v + c, low, high) - v)/(5*ms) : 1\nc : 1\nlow : 1 (constant)\nhigh : 1",
        {"reset": "v = clip(v - 1, low, high)"},
        {"c": 1, "low": [0, 0.1, 0.2, 0.3], "high": [0.4, 1.5, 2, 1]},
    ),
    "shared": Neurons(LEAK + SHARED, {"threshold": "v > 0.5 + 0.1*d"}, {"c": 1.2}),
    "shared, exactly": Neurons(LEAK + "c : 1 (shared)", {"method": "exact"}, {"c": 1.2}),
    "shared constant": Neurons(LEAK + "c : 1 (shared, constant)", {}, {"c": 1.2}),
    "shared and regular": Neurons(LEAK + SHARED, {}, {"c": 1}, regular="c = 2.1 - c*0.9"),
    "no equation": Neurons("v : 1"),
    "no equation, in volts": Neurons(
        "v : volt", {"threshold": "v >= 20*mV", "reset": "v -= 20*mV"}, {"v": 5 * mV},
        weight=40 * mV,
    ),
    "no equation, with a refractory period": Neurons("v : 1", {"refractory": 3.95 * ms}),
    "no equation, but regular code": Neurons("v : 1\nc : 1", {}, {"c": 0.1}, regular="v += c"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_path_emits_the_spikes_of_the_users_run(case, tmp_path):
    mine, group, _ = case.network()
    net = bb.from_brian2(mine, steps=STEPS)
    monitor = StateMonitor(group, "v", record=True, when="end")
    (spikes,) = own_spikes([*mine.objects, monitor], [group], STEPS * 0.1 * ms)
    assert 2 < spikes.sum() < STEPS
    check_all_paths(net, None, spikes)
    check_traces(net, np.asarray(monitor.v_))
    # Many samples at once, also after a file.
    bb.save_network(net, tmp_path / "net.h5")
    again = bb.load_network(tmp_path / "net.h5")
    assert again.population("cells").neuron == net.population("cells").neuron
    for path in ("reference", "batched"):
        backend = bb.Backend(batch_size=3, path=path)
        found = bb.simulate(again, np.zeros((5, 1)), backend=backend).raster("cells")
        for sample in range(5):
            np.testing.assert_array_equal(found[:, sample], spikes)


def check_traces(net: Any, wanted: np.ndarray) -> None:
    """Check the traces of twin and Brian2 against ``(neurons, steps)``."""
    twin = bb.to_torch(net, dtype=torch.float64)
    for recording in (twin.record(None, ("v",)), bb.simulate(net, None, record=("v",))):
        found = recording.traces["cells"]["v"][:, 0].T
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9 * np.abs(wanted).max())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_weights_are_trained_and_written_back(case):
    mine, _, wires = case.network()
    twin = bb.to_torch(bb.from_brian2(mine, steps=STEPS), dtype=torch.float64)
    twin(np.zeros((1, 1))).square().sum().backward()
    (weight,) = twin.parameters()
    assert torch.isfinite(weight.grad).all()
    assert weight.grad.abs().sum() > 0
    before = np.array(wires.w)
    with torch.no_grad():
        weight -= 0.01 * weight * weight.grad.sign()
    trained = bb.write_back(twin, into=mine)
    assert not np.array_equal(wires.w, before)
    (spikes,) = own_spikes(mine.objects, [mine["cells"]], STEPS * 0.1 * ms)
    check_all_paths(trained, None, spikes)
