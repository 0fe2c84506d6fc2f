"""Custom events that change the state of their own group are read and run in their place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, ms
from external_sources import check_all_paths, own_spikes

import brianbridge as bb
from brianbridge.neurons.events import CustomEvent

STEPS = 200
EQUATIONS = "dv/dt = (c - v)/(5*ms) : 1 (unless refractory)\nc : 1\nk : integer\non : boolean"


def network(events: dict[str, tuple[str, str]], **options: Any) -> tuple[Network, NeuronGroup]:
    group = NeuronGroup(
        3, EQUATIONS, name="cells",
        **{
            "threshold": "v > 0.8", "reset": "v = 0", "method": "euler",
            "events": {name: condition for name, (condition, _) in events.items()}, **options,
        },
    )  # fmt: skip
    for name, (_, code) in events.items():
        if code:
            group.run_on_event(name, code)
    group.c = [0.7, 1.1, 1.6]
    source = SpikeGeneratorGroup(1, [0, 0, 0], [1, 4, 9] * ms, name="source")
    wires = Synapses(source, group, "w : 1", on_pre="v += w", name="wires")
    wires.connect()
    wires.w = [0.3, 0.2, 0.1]
    return Network(group, source, wires), group


CASES = {
    "on the way up": ({"up": ("v > 0.5 and not on", "on = True; v += 0.1; k += 1")}, {}),
    "with each spike": ({"fired": ("v > 0.8", "c = 0.9*c + 0.05; on = not on")}, {}),
    "in a refractory period": ({"low": ("v < 0.1", "v = 0.2; c += 0.01")}, {"refractory": 2 * ms}),
    "two of them": (
        {"b": ("v > 0.6", "x = 0.1*v; c = c - x*0.1"), "a": ("c < 0.9", "c = 1.3 + 0.1*i")}, {}
    ),
    "of time": ({"late": ("t > 10*ms", "v *= 0.999; c += 0.001")}, {}),
    "without effect": ({"seen": ("v > 0.5", "")}, {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_path_emits_the_spikes_of_the_users_run(case, tmp_path):
    events, options = case
    mine, group = network(events, **options)
    net = bb.from_brian2(mine, steps=STEPS)
    (spikes,) = own_spikes(mine.objects, [group], STEPS * 0.1 * ms)
    plain, other = network({}, **options)
    (without,) = own_spikes(plain.objects, [other], STEPS * 0.1 * ms)
    assert np.array_equal(spikes, without) == (events == CASES["without effect"][0])
    check_all_paths(net, None, spikes)
    bb.save_network(net, tmp_path / "net.h5")
    again = bb.load_network(tmp_path / "net.h5")
    check_all_paths(again, None, spikes)
    found = bb.simulate(again, np.zeros((4, 1)), backend=bb.Backend(batch_size=2)).raster("cells")
    for sample in range(4):
        np.testing.assert_array_equal(found[:, sample], spikes)


def test_random_events_draw_the_same_numbers():
    mine, _ = network({"jump": ("rand() < 0.05", "v += 0.2*rand(); c += 0.02*randn()")})
    net = bb.from_brian2(mine, steps=STEPS)
    x = np.zeros((3, 1))
    twin = bb.to_torch(net).double()
    wanted = twin.record(x, seed=2).raster("cells")
    assert wanted.sum() > 10
    for path in ("reference", "batched"):
        found = bb.simulate(net, x, seed=2, backend=bb.Backend(path=path)).raster("cells")
        np.testing.assert_array_equal(found, wanted)


def test_the_canonical_order_has_events_too():
    model = bb.NeuronModel(
        "dv/dt = (drive - v)/(5*ms) : 1\ndrive : 1\nk : 1", threshold="v > 0.5 + 0.1*k",
        reset="v = 0", drive="drive", method="euler",
        events=[CustomEvent("up", "v > 0.4", "k = clip(k + 0.3, 0, 2)")],
    )  # fmt: skip
    net = bb.SpikingNetwork.sequential(
        (3,), [bb.Dense(6, model), bb.Dense(2, model)], encoding=bb.Bernoulli(60, "1 ms")
    )
    draw = np.random.default_rng(3)
    net = net.with_weights(
        {p.name: (draw.uniform(0, 0.6, p.weight.shape), p.bias) for p in net.projections}
    )
    x = draw.random((3, 3))
    wanted = bb.to_torch(net).record(x)
    for path in ("reference", "batched"):
        found = bb.simulate(net, x, backend=bb.Backend(path=path))
        for name in ("hidden", "output"):
            assert wanted.spikes[name].sum() > 10
            np.testing.assert_array_equal(found.spikes[name], wanted.spikes[name])


def test_events_that_cannot_be_read(refused):
    _, group = network({"up": ("v > 0.5", "v += 0.1")})
    group.set_event_schedule("up", when="start")
    with refused("group 'cells'", "custom event 'up' runs in 'start'", "'after_thresholds'"):
        bb.NeuronModel.from_group(group)
    _, group = network({"up": ("not not_refractory", "v += 0.1")}, refractory=2 * ms)
    with refused("the condition of event 'up' depends on 'not_refractory'"):
        bb.NeuronModel.from_group(group)
    equations = "dv/dt = -v/(5*ms) : 1"
    with refused("event 'up' happens if 'v'", "no condition"):
        bb.NeuronModel(equations, events=[CustomEvent("up", "v", "v = 0")])
    with refused("'u' cannot be set"):
        bb.NeuronModel(equations, events=[CustomEvent("up", "v > 1", "u += 1")])
    with refused("event 'up' and spikes of several values"):
        bb.NeuronModel(
            equations,
            emit="floor(v)",
            reset="v -= emit",
            events=[CustomEvent("up", "v > 1", "v = 0")],
        )
