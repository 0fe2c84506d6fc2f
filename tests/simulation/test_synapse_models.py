"""Synapses that do more than add a weight: the user's network, reference path and twin agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    ms,
)

import brianbridge as bb
from brianbridge.perturbations import Condition, Delay, SynapticFailure
from brianbridge.twin.spike_function import SpikeFunction

STEPS, DT = 120, 0.5 * ms
#: Neurons that receive into a state variable, and those that also have a summed current.
NEURONS = "dv/dt = (g - v)/(10*ms) : 1 (unless refractory)\ndg/dt = -g/(5*ms) : 1"
COUPLED = "dv/dt = (I + g - v)/(10*ms) : 1\ndg/dt = -g/(5*ms) : 1\nI : 1"
TSODYKS_MARKRAM = (
    "w : 1\nU : 1 (shared)\n"
    "dx/dt = (1 - x)/(20*ms) : 1 (event-driven)\ndu/dt = -u/(30*ms) : 1 (event-driven)"
)
TRACES = (
    "w : 1\ndapre/dt = -apre/(20*ms) : 1 (event-driven)\n"
    "dapost/dt = -apost/(20*ms) : 1 (event-driven)"
)
GAP = "w : 1\nI_post = w*(v_pre - v_post) : 1 (summed)"
STDP = {
    "on_pre": "g_post += w; apre += 0.05; w = clip(w - apost, 0, 1)",
    "on_post": "apost += 0.06; w = clip(w + apre, 0, 1)",
}


def network(
    model: str, on_pre: Any, on_post: Any = None, equations: str = NEURONS,
    initial: Any = (), method: str = "exact", **constants: Any,
) -> list[Any]:  # fmt: skip
    """Return 8 given sources, 6 neurons, the synapses in question, and a plain loop."""
    draw = np.random.default_rng(3)
    step, node = np.nonzero(draw.random((STEPS, 8)) < 0.12)
    given = SpikeGeneratorGroup(8, node, step * DT, dt=DT, name="given")
    cells = NeuronGroup(
        6, equations, threshold="v > 0.2", reset="v = 0", refractory=1 * ms, method="exact",
        dt=DT, name="cells",
    )  # fmt: skip
    cells.v = draw.uniform(0, 0.1, 6)
    wires = Synapses(
        given, cells, model, on_pre=on_pre, on_post=on_post, method=method, dt=DT,
        namespace=constants, name="wires",
    )  # fmt: skip
    pre, post = np.nonzero(draw.random((8, 6)) < 0.7)
    wires.connect(i=pre, j=post)
    for pathway in wires._pathways:
        pathway.delay = draw.uniform(0, 2, len(pre)) * ms
    if "w" in wires.variables:
        wires.w = 0.3 if wires.variables["w"].scalar else draw.uniform(0, 0.5, len(pre))
    for name, value in initial:
        setattr(wires, name, value)
    loop = Synapses(cells, cells, "w : 1", on_pre="v_post += w", dt=DT, name="loop")
    loop.connect(condition="i != j")
    loop.w = draw.normal(0, 0.1, 30)
    return [given, cells, wires, loop]


def in_brian2(objects: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Run the user's own network; return the raster and the potentials of the cells."""
    cells = objects[1]
    spikes, trace = SpikeMonitor(cells), StateMonitor(cells, "v", record=True, when="end")
    mine = Network(*objects, spikes, trace)
    mine.store()
    mine.run(STEPS * DT)
    raster = np.zeros((STEPS, len(cells)))
    raster[np.rint(spikes.t / DT).astype(int), spikes.i] = 1
    potential = np.array(trace.v).T
    mine.restore()
    return raster, potential


def check(objects: list[Any], net: bb.SpikingNetwork) -> float:
    """Check that reference path and twin do what the user's network does; return its spikes."""
    raster, potential = in_brian2(objects)
    for recording in (
        bb.simulate(net, None, record=("spikes", "v"), backend=bb.Backend(path="reference")),
        bb.to_torch(net, dtype=torch.float64).record(None, ("spikes", "v")),
    ):
        np.testing.assert_array_equal(recording.spikes["cells"][:, 0], raster)
        np.testing.assert_allclose(recording.traces["cells"]["v"][:, 0], potential, atol=1e-9)
    return float(raster.sum())


CASES: dict[str, dict[str, Any]] = {
    "two targets": {"model": "w : 1", "on_pre": "g_post += w; v_post -= 0.3*w"},
    "two pathways": {"model": "w : 1", "on_pre": {"up": "g += w", "down": "v -= 0.4*w"}},
    "a constant": {"model": "", "on_pre": "g += J", "J": 0.3},
    "shared": {"model": "w : 1 (shared)", "on_pre": "g += w"},
    "shared twice": {"model": "w : 1 (shared)", "on_pre": "g += w; v += 0.1*w"},
    "driving force": {"model": "w : 1", "on_pre": "g_post += w*(E - v_post)", "E": 1.5},
    "in turn": {"model": "w : 1", "on_pre": "v_post += w*(E - v_post)", "E": 0.5},
    "expression": {"model": "w : 1\ny = w**2 + 0.1 : 1", "on_pre": "g += y"},
    "condition": {"model": "w : 1", "on_pre": "v_post += w*int(v_post < 0.1)"},
    "assignment": {"model": "w : 1", "on_pre": "g_post = 0.2 + g_post/2; v_post += w/4"},
    "temporary": {"model": "w : 1", "on_pre": "r = w*v_post; g_post += w + r"},
    "depression": {
        "model": TSODYKS_MARKRAM, "on_pre": "u += U*(1 - u); r = u*x; x -= r; g += 2*w*r",
        "initial": (("x", 1), ("U", 0.4)),
    },
    "stdp": {"model": TRACES, **STDP},
    "summed": {
        "model": "w : 1\nds/dt = -s/(5*ms) : 1 (clock-driven)\nI_post = s : 1 (summed)",
        "on_pre": "s += w", "equations": COUPLED,
    },
    "saturating": {
        "model": "w : 1\nds/dt = -s/(50*ms) + 0.5*x*(1 - s)/ms : 1 (clock-driven)\n"
        "dx/dt = -x/(2*ms) : 1 (clock-driven)\nI_post = w*s : 1 (summed)",
        "on_pre": "x += 0.5", "equations": COUPLED, "method": "rk4",
    },
    "state of neurons": {
        "model": "w : 1\nds/dt = (v_post - s)/(5*ms) : 1 (clock-driven)",
        "on_pre": "g += w*(1 - s)", "method": "euler",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_users_network_reference_path_and_twin_agree(name):
    objects = network(**CASES[name])
    assert check(objects, bb.from_brian2(Network(*objects), steps=STEPS)) > 10


@pytest.mark.parametrize("name", [name for name in CASES if name != "a constant"])
def test_files_and_written_weights_keep_the_synapses(name, tmp_path):
    objects = network(**CASES[name])
    mine = Network(*objects)
    twin = bb.to_torch(bb.from_brian2(mine, steps=STEPS), dtype=torch.float64)
    with torch.no_grad():
        for weight in twin.parameters():
            weight *= 0.9
    bb.save_network(bb.write_back(twin, into=mine), tmp_path / "net.h5")
    again = bb.load_network(tmp_path / "net.h5")
    assert again.to_dict() == twin.network.to_dict()
    assert check(objects, again) > 0


def test_gap_junctions_and_constants_of_neurons():
    equations = f"{COUPLED}\ngain : 1 (constant)\nbias : 1"
    objects = network("w : 1", "g += w", equations=equations)
    cells = objects[1]
    cells.gain, cells.bias = np.linspace(0.5, 1.5, 6), np.linspace(0, 1, 6)
    gap = Synapses(
        cells, cells, "w : 1\nI_post = w*(v_pre - v_post) : 1 (summed)", dt=DT, name="gap"
    )
    gap.connect(condition="i != j")
    gap.w = np.linspace(0, 0.2, 30)
    scaled = Synapses(
        cells, cells, "w : 1", on_pre="g_post += w*gain_pre*gain_post*bias_post", dt=DT,
        name="scaled",
    )  # fmt: skip
    scaled.connect(condition="i < j")
    scaled.w = 0.2
    objects += [gap, scaled]
    net = bb.from_brian2(Network(*objects), steps=STEPS)
    assert sum(p.model is not None for p in net.projections) == 2
    assert check(objects, net) > 10


# ---------------------------------------------------------------------- what is trained


def test_constants_are_frozen_and_shared_variables_are_one_number():
    sizes = {}
    for name in ("a constant", "shared", "shared twice", "two targets"):
        net = bb.from_brian2(Network(*network(**CASES[name])), steps=STEPS)
        twin = bb.to_torch(net)
        sizes[name] = [tuple(p.shape) for n, p in twin.named_parameters() if "wires" in n]
    synapses = len(network(**CASES["two targets"])[2])
    assert sizes["a constant"] == []
    assert sizes["shared"] == sizes["shared twice"] == [(1,)]
    assert sizes["two targets"] == [(synapses,)]


def test_the_trained_variable_may_be_chosen():
    objects = network(**CASES["depression"])
    mine = Network(*objects)
    chosen = bb.from_brian2(mine, steps=STEPS, train={"wires": "U", "loop": None})
    [(name, weight)] = bb.to_torch(chosen).named_parameters()
    assert "wires" in name
    assert weight.tolist() == pytest.approx([0.4])
    [projection] = chosen.modelled
    trained = chosen.with_weights({projection.name: (np.array([0.3]), None)})
    bb.write_back(trained, into=mine)
    assert float(objects[2].U[:]) == 0.3
    assert check(objects, trained) > 0


def test_only_one_variable_of_a_model_is_trained(refused):
    mine = Network(*network(**CASES["depression"]))
    with refused("train: synapses 'wires' have ['w', 'U']; give the name of one variable"):
        bb.from_brian2(mine, steps=STEPS, train={"wires": ["w", "U"]})


# ---------------------------------------------------------------------- gradients


@pytest.mark.parametrize("name", ["driving force", "in turn", "depression", "stdp", "saturating"])
def test_gradients_are_finite_differences(name):
    objects = network(**CASES[name])
    objects[1].v = -50  # no neuron comes near to its threshold, so that the state is smooth
    net = bb.from_brian2(Network(*objects[:3]), steps=30)
    twin = bb.to_torch(net, dtype=torch.float64, spike_function=SpikeFunction("rectangle"))
    [projection] = net.modelled
    weight = twin.projection(projection.name).weight

    def loss() -> torch.Tensor:
        traces = twin.run(*twin.encode(None), record=["v", "g"]).traces["cells"]
        return (traces["v"] + 3 * traces["g"]).square().mean()

    loss().backward()
    for number in (0, len(weight) // 2):
        with torch.no_grad():
            weight[number] += 1e-6
            above = loss()
            weight[number] -= 2e-6
            below = loss()
            weight[number] += 1e-6
        assert float(above - below) / 2e-6 == pytest.approx(float(weight.grad[number]), rel=1e-5)


def test_a_gradient_passes_through_the_events_of_neurons():
    objects = network("w : 1", "g += w")
    cells = objects[1]
    plastic = Synapses(
        cells, cells, "w : 1\ndx/dt = (1 - x)/(20*ms) : 1 (event-driven)",
        on_pre="g_post += w*x; x *= 0.6", dt=DT, name="plastic",
    )  # fmt: skip
    plastic.connect(condition="i != j")
    plastic.w, plastic.x = 0.1, 1
    net = bb.from_brian2(Network(*objects[:3], plastic), steps=STEPS)
    twin = bb.to_torch(net, dtype=torch.float64)
    twin(None).square().sum().backward()
    exact = twin.record(None).spikes["cells"]
    spikes = twin.run(*twin.encode(None)).spikes["cells"].detach().numpy()
    np.testing.assert_array_equal(spikes, exact)
    for weight in twin.parameters():
        assert weight.grad.isfinite().all()
        assert weight.grad.abs().sum() > 0


def test_stdp_is_trained_and_runs_with_its_new_weights():
    objects = network(TRACES, **STDP)
    mine = Network(*objects)
    net = bb.from_brian2(mine, steps=STEPS, input="given", encoding=bb.Bernoulli(STEPS, dt=DT))
    twin = bb.to_torch(net)
    x = np.random.default_rng(0).random((12, 8)) * 0.2
    before = objects[2].w[:].copy()
    bb.train(twin, bb.from_arrays("x", x, np.arange(12) % 6), epochs=1, validation_fraction=0)
    trained = bb.write_back(twin, into=mine)
    assert np.any(objects[2].w[:] != before)
    recording = bb.simulate(trained, x)
    np.testing.assert_array_equal(twin.record(x).spikes["cells"], recording.spikes["cells"])


# ---------------------------------------------------------------------- where they run


def test_only_the_reference_path_runs_models(refused):
    net = bb.from_brian2(Network(*network(**CASES["in turn"])), steps=10)
    with refused("path = 'batched' only adds weights", "projection 'cells_to_cells_loop'"):
        bb.simulate(net, None, backend=bb.Backend(path="batched"))
    with refused("float32", "drop dtype"):
        bb.simulate(net, None, backend=bb.Backend(dtype=np.float32))
    with refused("schedule = 'canonical'", "Brian2's order only"):
        bb.simulate(net, None, schedule="canonical")


def test_perturbations_of_synapses_leave_models_alone(refused):
    net = bb.from_brian2(Network(*network(**CASES["in turn"])), steps=10)
    for perturbation in (Delay(projections=("input_to_cells_wires",)), SynapticFailure()):
        with refused("have a model, which it cannot change"):
            perturbation.apply(Condition(net), np.random.default_rng(0))
