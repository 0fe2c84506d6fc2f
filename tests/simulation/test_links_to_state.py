"""Linked variables that follow the state of another group, in Brian2's order of updates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from brian2 import (
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    linked_var,
    ms,
)
from brian2_objects import wires

import brianbridge as bb
from brianbridge.measures import operations_of

STEPS = 250
#: The groups that are read and that read, by name: Brian2 updates 'alpha' before 'beta'.
ORDERS = [("alpha", "beta"), ("beta", "alpha"), ("group", "group_1")]


def pair(
    source: str, target: str, *, mutual: bool = False, method: str = "euler", **options: Any
) -> tuple[NeuronGroup, NeuronGroup]:
    """Return three neurons, and four whose `q` follows them; with `mutual` also the other way."""
    back = "- 0.2*p" if mutual else ""
    equations = f"dv/dt = (1.5 + 0.1*i {back} - v)/(5*ms) : 1"
    read = NeuronGroup(
        3, equations + ("\np : 1 (linked)" if mutual else ""), threshold="v > 1", reset="v = 0",
        method="euler", name=source,
    )  # fmt: skip
    read.v = [0, 0.3, 0.6]
    reading = NeuronGroup(
        4, "dv/dt = (2.2*q - v)/(3*ms) : 1\nq : 1 (linked)", reset="v = 0", method=method,
        name=target, **{"threshold": "v > 0.7", **options},
    )  # fmt: skip
    reading.q = linked_var(read, "v", index=[2, 1, 1, 0])
    if mutual:
        read.p = linked_var(reading, "v", index=[3, 0, 1])
    return read, reading


def check(*groups: NeuronGroup, variable: str = "v") -> np.ndarray:
    """Check spikes and traces of the last group on both sides; return its raster."""
    last = groups[-1]
    spikes, trace = SpikeMonitor(last), StateMonitor(last, variable, record=True, when="end")
    net = bb.from_brian2(Network(*groups), steps=STEPS, output=last)
    Network(*groups, spikes, trace).run(STEPS * 0.1 * ms)
    wanted = np.zeros((STEPS, len(last)))
    wanted[np.rint(np.asarray(spikes.t_[:]) / 1e-4).astype(int), spikes.i[:]] = 1
    assert wanted.sum() > 3
    twin = bb.to_torch(net, dtype=torch.float64)
    for found in (
        twin.record(None, ("spikes", variable)),
        bb.simulate(net, None, record=("spikes", variable)),
    ):
        np.testing.assert_array_equal(found.spikes[last.name][:, 0], wanted)
        mine = found.traces[last.name][variable][:, 0].T
        np.testing.assert_allclose(mine, trace.variables[variable].get_value().T, atol=1e-13)
    return wanted


@pytest.mark.parametrize(("source", "target"), ORDERS)
@pytest.mark.parametrize("mutual", [False, True])
@pytest.mark.parametrize("method", ["exact", "euler"])
def test_both_sides_follow_another_group_as_brian2_does(source, target, mutual, method):
    check(*pair(source, target, mutual=mutual, method=method))


def test_names_decide_which_step_of_the_source_is_read():
    first, second = check(*pair("alpha", "beta")), check(*pair("beta", "alpha"))
    assert np.any(first != second)


def test_a_chain_of_links():
    one, two = pair("a", "b")
    three = NeuronGroup(
        2, "dv/dt = (2*r + s - v)/(4*ms) : 1\nr : 1 (linked)\ns : 1 (linked)",
        threshold="v > 0.9", reset="v = 0", method="euler", name="c",
    )  # fmt: skip
    three.r = linked_var(two, "v", index=[3, 0])
    three.s = linked_var(two, "q", index=[0, 2])  # which is linked itself
    check(one, two, three)


def test_a_threshold_may_read_a_source_that_is_updated_before():
    check(*pair("alpha", "beta", threshold="v > 0.3 + 0.5*q"))


def common_noise() -> tuple[NeuronGroup, NeuronGroup]:
    """Return one source without threshold, and cells that all follow it; from Brian2's manual."""
    noise = NeuronGroup(1, "dx/dt = (1.5 - x)/(5*ms) : 1", method="exact", name="noise")
    cells = NeuronGroup(
        3, "dv/dt = (1.3*x - v)/(10*ms) : 1\nx : 1 (linked)", threshold="v > 1 + 0.05*i",
        reset="v = 0", method="euler", name="cells",
    )  # fmt: skip
    cells.x = linked_var(noise, "x")
    return noise, cells


def test_one_source_without_spikes_for_all_cells():
    check(*common_noise())


def test_counts_of_operations_leave_links_out():
    net = bb.from_brian2(Network(*common_noise()), steps=STEPS)
    assert operations_of(net, bb.to_torch(net).record(None), np.zeros((1, 1))).synops == 0


def trained() -> tuple[Network, Synapses]:
    """Return cells that follow others, which receive spikes by trained synapses."""
    given = PoissonGroup(6, 300 * (1 / (1000 * ms)), name="given")
    read = NeuronGroup(3, "dv/dt = -v/(5*ms) : 1", method="exact", name="read")
    reading = NeuronGroup(
        2, "dv/dt = (4*q - v)/(3*ms) : 1\nq : 1 (linked)", threshold="v > 0.7", reset="v = 0",
        method="euler", name="reading",
    )  # fmt: skip
    reading.q = linked_var(read, "v", index=[2, 0])
    synapses = wires(given, read, pairs={"p": 1})
    synapses.w = np.random.default_rng(0).uniform(0.05, 0.3, len(synapses))
    return Network(given, read, reading, synapses), synapses


def test_a_gradient_passes_and_trained_weights_are_written_back(tmp_path):
    mine, synapses = trained()
    net = bb.from_brian2(mine, steps=200, input="given")
    data = bb.from_arrays("given", np.random.default_rng(1).random((24, 6)), np.arange(24) % 2)
    twin = bb.to_torch(net)
    twin(data.x[:4]).square().sum().backward()
    gradient = twin.projection("input_to_read_wires").weight.grad
    into = synapses.j[:]
    assert gradient[into != 1].abs().max() > 0
    assert gradient[into == 1].abs().max() == 0  # nothing follows neuron 1
    bb.train(twin, data, epochs=1)
    before = np.array(synapses.w)
    written = bb.write_back(twin, into=mine)
    assert np.any(np.array(synapses.w) != before)
    bb.save_network(written, tmp_path / "network.h5")
    again = bb.load_network(tmp_path / "network.h5")
    found, wanted = (bb.simulate(one, data.x[:5]).spikes["reading"] for one in (again, written))
    assert wanted.sum() > 3
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(twin.record(data.x[:5]).spikes["reading"], wanted)


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        (("beta", "alpha"), {"threshold": "v > q"}, "condition of event 'spike'"),
        (("alpha", "beta"), {"reset": "v = 0.1*q"}, "code of event 'spike'"),
    ],
)
def test_code_that_reads_another_moment_is_refused(refused, names, options, said):
    read, reading = pair(*names)
    reading = NeuronGroup(
        4, "dv/dt = (2.2*q - v)/(3*ms) : 1\nq : 1 (linked)", method="euler", name=names[1],
        **{"threshold": "v > 0.7", "reset": "v = 0", **options},
    )  # fmt: skip
    reading.q = linked_var(read, "v", index=[2, 1, 1, 0])
    with refused(f"group '{names[1]}': linked variable 'q' follows 'v' of '{names[0]}'", said):
        bb.from_brian2(Network(read, reading), steps=STEPS)


def test_regular_code_of_a_later_source_is_refused_and_of_an_earlier_one_read(refused):
    def coupled(*names: str) -> tuple[NeuronGroup, NeuronGroup]:
        groups = pair(*names)
        groups[0].run_regularly("v = 0.9*v", dt=1 * ms)
        return groups

    with refused("linked variable 'q' follows 'v' of 'beta'", "rename 'beta'"):
        bb.from_brian2(Network(*coupled("beta", "alpha")), steps=STEPS)
    check(*coupled("alpha", "beta"))


@pytest.mark.parametrize("code", ["v_post += w*q_post", "q_post += w"])
def test_synapses_that_read_or_change_a_linked_variable_are_refused(refused, code):
    read, _ = pair("alpha", "beta")
    reading = NeuronGroup(
        3, "v : 1\nq : 1 (linked)", threshold="v > 1", reset="v = 0", name="other"
    )
    reading.q = linked_var(read, "v")
    with refused("synapses 'wires': 'q_post' is a linked variable of group 'other'"):
        bb.from_brian2(Network(read, reading, wires(read, reading, code)), steps=STEPS)


def test_a_group_that_follows_itself_is_refused(refused):
    group = NeuronGroup(2, "dv/dt = (q - v)/(5*ms) : 1\nq : 1 (linked)", threshold="v > 1",
                        reset="v = 0", method="euler", name="cells")  # fmt: skip
    group.q = linked_var(group, "v", index=[1, 0])
    with refused("group 'cells': linked variable 'q' follows 'v' of 'cells', the same group"):
        bb.from_brian2(Network(group), steps=STEPS)


def test_a_source_outside_the_network_is_refused(refused):
    _, reading = pair("alpha", "beta")
    with refused("linked variable 'q' follows 'v' of 'alpha', which is no NeuronGroup", "add the"):
        bb.from_brian2(Network(reading), steps=STEPS)


def test_links_in_a_circle_of_updates_are_refused(refused):
    net = bb.from_brian2(Network(*pair("alpha", "beta", mutual=True)), steps=STEPS)
    late = tuple(replace(p, model=replace(p.model, after_source=True)) for p in net.projections)
    with refused("is set after the update of", "drop after_source"):
        replace(net, projections=late)


def test_a_link_says_what_it_sets():
    net = bb.from_brian2(Network(*pair("alpha", "beta")), steps=STEPS)
    assert "sets q in each step" in repr(net.projections[0])
