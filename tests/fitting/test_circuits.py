"""Fits of small circuits: to traces, to rates, and what Brian2 says about them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brian2 import Network, SpikeGeneratorGroup, Synapses, ms, mV, nS, pF
from fitted_circuits import RANGES, TRUTH, chain, noisy, pair, recorded

import brianbridge as bb
from brianbridge.fitting.learned_values import learned_values
from brianbridge.fitting.loss_problem import LossProblem


@pytest.fixture(scope="module")
def found():
    target = recorded(chain(), "second", 30 * ms)
    return bb.fit(
        chain(C=500 * pF), target={"second.v": target}, learn=RANGES, starts=8, iterations=40
    )


def test_conductance_and_time_constants_are_found_from_the_trace_of_the_second_neuron(found):
    assert found.parameters.keys() == TRUTH.keys()
    for name, value in found.parameters.items():
        assert float(value / TRUTH[name]) == pytest.approx(1, rel=1e-4)
    assert found.loss < 1e-9
    assert len(found.starts) == 8
    assert found.starts[0].loss == found.loss <= found.starts[1].loss


def test_brian2_confirms_the_loss_of_a_circuit(found):
    verified = found.verify()
    assert verified.same
    assert verified.holds
    assert verified.finer != verified.again
    assert set(verified.methods) == {"exponential_euler", "rk4"}
    assert found.spikes["first"].sum() > 1


def test_the_values_go_back_into_the_users_network(found):
    mine = chain(C=500 * pF)
    bb.write_back(found.model, into=mine)
    assert float(mine["wires"].g_max[0] / nS) == pytest.approx(3, rel=1e-4)
    trace = recorded(mine, "second", 30 * ms)
    assert np.allclose(trace / mV, found.traces["second.v"] / mV, atol=1e-9)


def rates(traces, spikes):
    parts = [(spikes[n].sum() / 0.04 / hz - 1) ** 2 for n, hz in (("one", 100), ("other", 50))]
    return torch.stack(parts).sum()


def test_rates_of_a_recurrent_pair_are_reached():
    found = bb.fit(
        pair(drive=1.1, weight=0.1), loss=rates, duration=40 * ms, starts=4, iterations=30,
        learn={"one": {"I": (0.5, 4)}, "there": {"w": (0.01, 1)}}, seed=2,
    )  # fmt: skip
    assert found.loss == 0
    assert {n: s.sum() / 0.04 for n, s in found.spikes.items()} == pytest.approx(
        {"one": 100, "other": 50}
    )
    assert found.verify().same


def test_sets_with_values_of_their_own_equal_brian2_one_by_one():
    network = bb.from_brian2(noisy(), steps=25 * ms)
    learned = learned_values(
        network,
        {
            "cells": {"tau": (5 * ms, 40 * ms), "b": (0.5, 2)},
            "wires": {"w": (0.1, 2), "U": (0.1, 0.9), "tau_rec": (5 * ms, 80 * ms)},
        },
    )

    def loss(traces, spikes):
        return traces["cells.v"].square().sum() + spikes["cells"].sum()

    problem = LossProblem(network, network, learned, loss, {"cells.v": ("cells", "v")}, seed=3)
    sets = learned.ranges.values(learned.ranges.starts(4, seed=1))
    side_by_side = problem.losses(torch.as_tensor(sets))
    one_by_one = [problem.loss_in_brian2(values) for values in sets]
    assert side_by_side.tolist() == pytest.approx(one_by_one, rel=1e-9)
    assert len(set(np.round(one_by_one, 6))) == 4


def small(**changes):
    given = {"target": {"second.v": np.arange(100)[None] * mV}, "learn": RANGES, "starts": 2}
    return {**given, **changes}


def loss(traces, spikes):
    return traces["second.v"].sum()


CASES = {
    "an unknown owner": ({"learn": {"wire": {"g_max": (1, 2)}}}, ("'wire'", "'wires'?")),
    "an unknown parameter": (
        {"learn": {"second": {"tau": (1 * ms, 2 * ms)}}}, ("'tau'", "'tau_s'?"),
    ),
    "an unknown variable of synapses": (
        {"learn": {"wires": {"gmax": (1, 2)}}}, ("'gmax'", "'g_max'?"),
    ),
    "another unit": ({"learn": {"wires": {"g_max": (1 * mV, 2 * mV)}}}, ("siemens", "volt")),
    "no parameters": ({"learn": {"second": (1, 2)}}, ("'second'", "range of each")),
    "no range": ({"learn": {"second": {}}}, ("'second'", "range of each")),
    "a seed below 0": ({"seed": -1}, ("seed", "-1")),
    "nothing to learn": ({"learn": {}}, ("learn", "population or Synapses")),
    "an unknown population": ({"target": {"sec.v": np.ones(9) * mV}}, ("'sec'", "'second.v'")),
    "an unknown target": ({"target": {"second.V": np.ones(9) * mV}}, ("'V'", "'v'")),
    "a target in another unit": ({"target": {"second.v": np.arange(9) * nS}}, ("volt", "siemens")),
    "a target of other neurons": (
        {"target": {"second.v": np.ones((2, 9)) * mV}}, ("(2, 9)", "(1, 9)", "row for each"),
    ),
    "NaN": ({"target": {"second.v": np.full((1, 9), np.nan) * mV}}, ("mask_nan",)),
    "input": ({"input": np.ones(9) * mV}, ("input", "SpikeGeneratorGroup")),
    "a duration of a target": ({"duration": 10 * ms}, ("duration", "leave it out")),
    "a target and a loss": ({"loss": loss}, ("both",)),
    "neither": ({"target": None}, ("neither",)),
    "a loss without duration": ({"target": None, "loss": loss}, ("give duration",)),
    "an unknown record": (
        {"target": None, "loss": loss, "duration": 9 * ms, "record": ["second.w"]},
        ("second.w", "'w'"),
    ),
    "no iterations": ({"iterations": 0}, ("iterations = 0",)),
    "no loss": ({"target": None, "loss": 3}, ("no function",)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_circuit_is_refused_before_any_work(case, refused, monkeypatch):
    monkeypatch.setattr(Network, "run", lambda *_, **__: pytest.fail("something was simulated"))
    changes, said = CASES[case]
    with refused(*said):
        bb.fit(chain(), **small(**changes))


def test_weights_that_are_subtracted_or_constant_are_learned():
    values = {"there.w": (0.4, 0.01, 1), "back.w": (0.25, 0.1, 1), "kick.weight": (0.7, 0.1, 2)}

    def circuit(there: float, back: float):
        network = pair(weight=there)
        network["back"].w = back
        clock = SpikeGeneratorGroup(1, [0, 0], [2, 9] * ms, name="clock")
        kick = Synapses(clock, network["other"], on_pre="v += 0.7", name="kick")
        kick.connect()
        network.add(clock, kick)
        return network

    network = bb.from_brian2(circuit(0.1, 0.1), steps=20 * ms)
    learn = {name.partition(".")[0]: {name.partition(".")[2]: v[1:]} for name, v in values.items()}
    learned = learned_values(network, learn)
    true = learned.set_in(network, np.array([one[0] for one in values.values()]))
    wanted = bb.simulate(bb.from_brian2(circuit(0.4, 0.25), steps=20 * ms), None, record=["v"])
    found = bb.simulate(true, None, record=["v"])
    problem = LossProblem(
        network, network, learned, lambda t, s: t["other.v"].sum(), {"other.v": ("other", "v")}, 0
    )
    sets = torch.tensor([[one[0] for one in values.values()]], dtype=torch.float64)
    for name in ("one", "other"):
        assert np.array_equal(found.traces[name]["v"], wanted.traces[name]["v"])
    assert float(problem.losses(sets)) == pytest.approx(wanted.traces["other"]["v"][:-1].sum())


def test_target_values_may_be_missing_late_coarser_and_weighted():
    target = recorded(chain(), "second", 20 * ms)[:, ::5]
    target[:, 20:24] = np.nan * mV
    target[:, :4] = 0 * mV
    found = bb.fit(
        chain(C=300 * pF), target={"second.v": target}, target_dt=0.5 * ms, mask_nan=True,
        t_start=2 * ms, weights=np.linspace(1, 2, 40), starts=2, iterations=30,
        learn={"second": {"C": RANGES["second"]["C"]}},
    )  # fmt: skip
    assert float(found.parameters["second.C"] / pF) == pytest.approx(200, rel=1e-4)
    assert found.verify().same


def test_a_loss_that_depends_on_nothing_is_refused(refused):
    with refused("does not depend on 'wires.g_max'"):
        bb.fit(
            chain(), loss=lambda traces, spikes: spikes["first"].sum(), duration=5 * ms,
            learn=RANGES, starts=2,
        )  # fmt: skip


def test_weights_that_differ_are_refused(refused):
    mine = noisy()
    mine["wires"].w = "rand()"
    with refused("'w'", "differs between synapses", "leave it out"):
        bb.fit(
            mine, loss=lambda t, s: s["cells"].sum(), duration=5 * ms,
            learn={"wires": {"w": (0, 1)}},
        )  # fmt: skip
