"""A neuron is fitted by a loss of the user's, through the gradient of the twin."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brian2 import Network, NeuronGroup, TimedArray, ms, mV, nS, pA, pF
from hodgkin_huxley import DT, RANGES, TRUTH, currents, neuron

import brianbridge as bb
from brianbridge.fitting.by_gradient import values_at
from brianbridge.fitting.gradient_problem import problem_of_neuron


def leaky(**changes):
    group = NeuronGroup(
        1, "dv/dt = (g*(-70*mV - v) + I)/C : volt\nI : amp", method="exact",
        threshold="v > -52*mV", reset="v = -70*mV",
        namespace={"g": 10 * nS, "C": 200 * pF, **changes},
    )  # fmt: skip
    group.v = -70 * mV
    return group


def step(steps=300):
    return np.outer([100, -150], np.arange(steps) >= 50) * pA


LEARN = {"g": (1 * nS, 100 * nS), "C": (50 * pF, 1000 * pF)}


def extremes(traces, spikes):
    """Compare the ends of both sweeps, and how far they have come after 10 ms."""
    ends = torch.tensor([-60.3, -85.0], dtype=torch.float64)
    early = torch.tensor([-65.0, -77.5], dtype=torch.float64)
    v = traces["v"] * 1e3
    return ((v[:, -1] - ends) ** 2).mean() + ((v[:, 180] - early) ** 2).mean()


def test_a_neuron_is_fitted_by_what_a_loss_says():
    found = bb.fit(
        leaky(), input=step(), drive="I", loss=extremes, record=["v"], dt=0.1 * ms, learn=LEARN,
        starts=8, iterations=40,
    )  # fmt: skip
    v = found.traces["v"] / mV
    assert v.shape == (2, 300)
    assert v[:, -1] == pytest.approx([-60.3, -85.0], abs=0.5)
    assert v[:, 0] == pytest.approx([-70, -70])
    assert found.model.parameters["g"] == found.parameters["g"]
    assert found.verify().same
    assert found.verify().holds
    assert "g = " in str(found)
    assert found.to_dict()["losses_of_starts"][0] == found.loss


def test_spikes_of_a_neuron_raise_and_lower_its_rate():
    wanted = torch.tensor([4.0, 0.0], dtype=torch.float64)
    found = bb.fit(
        leaky(), input=8 * step(), drive="I", dt=0.1 * ms, learn={"g": LEARN["g"]}, starts=2,
        loss=lambda traces, spikes: ((spikes.sum(1) - wanted) ** 2).sum(), iterations=30,
    )  # fmt: skip
    assert found.loss == 0
    assert found.spikes["neuron"].sum(1).tolist() == [4, 0]


def test_a_neuron_whose_equations_have_the_input_takes_a_duration():
    group = NeuronGroup(
        1, "dv/dt = (-v + wave(t))/tau : 1", method="euler",
        namespace={"tau": 5 * ms, "wave": TimedArray([0, 1, 0], dt=5 * ms)},
    )  # fmt: skip
    found = bb.fit(
        group, loss=lambda traces, spikes: (traces["v"].amax() - 0.3) ** 2, record=["v"],
        duration=15 * ms, dt=0.1 * ms, learn={"tau": (1 * ms, 50 * ms)}, starts=2, iterations=20,
    )  # fmt: skip
    assert float(found.traces["v"].max()) == pytest.approx(0.3, abs=1e-6)


def test_gradients_of_a_spiking_trace_are_those_of_finite_differences():
    target = torch.linspace(-0.07, 0.02, 120, dtype=torch.float64)
    problem = problem_of_neuron(
        neuron(), input=currents()[:, 50:170], drive="I", dt=DT, input_dt=None, duration=None,
        learn=RANGES, loss=lambda t, _: ((t["v"] - target) * 1e3).square().mean(), record=["v"],
        seed=0,
    )  # fmt: skip
    ranges = problem.ranges
    truth = np.array([float(TRUTH[name]) for name in RANGES])
    z = torch.as_tensor(ranges.coordinates(truth))[None].repeat(2, 1)
    z[1] += 0.02
    z.requires_grad_()
    (slopes,) = torch.autograd.grad(problem.losses(values_at(ranges, z)).sum(), z)
    h = 1e-6
    with torch.no_grad():
        for k in range(3):
            moved = torch.zeros_like(z)
            moved[:, k] = h
            up, down = (problem.losses(values_at(ranges, z + s * moved)) for s in (1, -1))
            assert torch.allclose((up - down) / (2 * h), slopes[:, k], rtol=1e-5)


def test_coordinates_are_those_of_the_ranges():
    found = problem_of_neuron(
        neuron(), input=currents()[:, :5], drive="I", dt=DT, input_dt=None, duration=None,
        learn={**RANGES, "C": (1 * pF, 5 * pF)}, loss=lambda t, _: t["v"].sum(), record=["v"],
        seed=0,
    )  # fmt: skip
    z = found.ranges.starts(4, seed=0)
    assert np.allclose(
        values_at(found.ranges, torch.as_tensor(z)).numpy(), found.ranges.values(z), rtol=1e-12
    )


CASES = {
    "no scalar": ({"loss": lambda t, s: t["v"].sum(1)}, ("scalar", "(2,)")),
    "no tensor": ({"loss": lambda t, s: 1.0}, ("1.0", "scalar tensor")),
    "no gradient": ({"loss": lambda t, s: t["v"].detach().sum()}, ("no gradient", "detach")),
    "an unknown variable": ({"record": ["V"]}, ("'V'", "'v'")),
    "a name as record": ({"record": "v"}, ("['v']",)),
    "weights": ({"weights": 1.0}, ("weights", "leave it out")),
    "a duration beside input": ({"duration": 5 * ms}, ("duration", "leave it out")),
    "no duration": ({"input": None}, ("give duration",)),
    "another unit": ({"learn": {"g": (1 * mV, 2 * mV)}}, ("'g'", "siemens")),
    "an unknown parameter": ({"learn": {"gg": (1, 2)}}, ("'gg'", "'g'?")),
    "input that is not finite": ({"input": np.full(9, np.nan) * pA}, ("input", "not finite")),
    "no step": ({"dt": None}, ("dt",)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_loss_is_refused_before_any_work(case, refused, monkeypatch):
    monkeypatch.setattr(Network, "run", lambda *_, **__: pytest.fail("something was simulated"))
    changes, said = CASES[case]
    given = {
        "input": step(), "drive": "I", "loss": extremes, "record": ["v"], "dt": 0.1 * ms,
        "learn": LEARN, "starts": 2,
    }  # fmt: skip
    with refused(*said):
        bb.fit(leaky(), **{**given, **changes})


def test_a_value_that_the_loss_does_not_depend_on_is_refused(refused):
    group = NeuronGroup(
        1, "dv/dt = -v/tau : 1\ndx/dt = -x/other : 1", method="exact",
        namespace={"tau": 5 * ms, "other": 5 * ms},
    )  # fmt: skip
    group.v = 1
    with refused("does not depend on 'other'", "leave it out"):
        bb.fit(
            group, loss=lambda traces, spikes: traces["v"].sum(), record=["v"], duration=5 * ms,
            dt=0.1 * ms, starts=2, iterations=2,
            learn={"tau": (1 * ms, 20 * ms), "other": (1 * ms, 20 * ms)},
        )  # fmt: skip


def test_a_loss_that_is_never_finite_is_refused(refused):
    with refused("not finite at any start", "narrower ranges"):
        bb.fit(
            leaky(), input=step(20), drive="I", dt=0.1 * ms, learn=LEARN, starts=2, iterations=2,
            record=["v"], loss=lambda traces, spikes: torch.log(traces["v"]).sum(),
        )  # fmt: skip


def test_starts_whose_loss_is_not_finite_do_not_end_the_fit():
    def loss(traces, spikes):
        fallen = traces["v"][:, -1] * 1e3
        return (torch.log(fallen + 62) - 0.5).square().sum()  # NaN for most conductances

    found = bb.fit(
        leaky(), input=step()[:1], drive="I", dt=0.1 * ms, learn={"g": LEARN["g"]}, starts=8,
        iterations=40, record=["v"], loss=loss,
    )  # fmt: skip
    assert np.isinf([one.loss for one in found.starts]).sum() >= 4
    assert found.loss < 1e-6
    assert found.verify().same


def test_a_loss_may_be_negative():
    found = bb.fit(
        leaky(), input=step()[:1], drive="I", dt=0.1 * ms, learn={"g": LEARN["g"]}, starts=4,
        iterations=20, record=["v"], loss=lambda traces, _: traces["v"][0, -1] * 1e3,
    )  # fmt: skip
    # Little current lifts the neuron that leaks most.
    assert float(found.parameters["g"] / nS) == pytest.approx(100, rel=0.05)
    assert found.loss == pytest.approx(-69, abs=0.1)
    assert found.verify().same
