"""The time of a threshold crossing within a step, against scipy's events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from brian2 import ms, mV
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from brianbridge.neurons.crossing import CrossingFinder, crossing_finder
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array

DT = 1e-3
CUBA = "dv/dt = (g - v)/tau + drive : 1\ndg/dt = -g/tau_s : 1\ndrive : Hz"
LIF = "dv/dt = -v/tau + drive : 1\ndrive : Hz"


def leaky(t: float, x: np.ndarray, drive: float, p: Mapping[str, float]) -> list[float]:
    return [-x[0] / p["tau"] + drive]


def straight(t: float, x: np.ndarray, drive: float, p: Mapping[str, float]) -> list[float]:
    return [drive]


def synaptic(t: float, x: np.ndarray, drive: float, p: Mapping[str, float]) -> list[float]:
    return [(x[1] - x[0]) / p["tau"] + drive, -x[1] / p["tau_s"]]


def above(x: np.ndarray, p: Mapping[str, float]) -> float:
    return x[0] - p["theta"]


def either_sign(x: np.ndarray, p: Mapping[str, float]) -> float:
    return abs(x[0]) - p["theta"]


def graded(x: np.ndarray, p: Mapping[str, float]) -> float:
    return x[0] / p["theta"] + 1e-9 - 1


def by_scipy(
    right: Callable[..., list[float]],
    distance: Callable[..., float],
    start: list[float],
    drive: float,
    p: Mapping[str, float],
    dt: float = DT,
) -> float:
    """Return when `distance` became positive, or `dt` if it did not; seconds."""
    if distance(np.array(start), p) >= 0:
        return 0.0

    def event(t: float, x: np.ndarray) -> float:
        return distance(x, p)

    event.direction = 1  # type: ignore[attr-defined]
    found = solve_ivp(
        lambda t, x: right(t, x, drive, p), (0, dt), start, method="DOP853",
        rtol=1e-12, atol=1e-14, max_step=dt / 20, events=event, dense_output=True,
    )  # fmt: skip
    return float(found.t_events[0][-1]) if distance(found.y[:, -1], p) >= 0 else dt


#: model, its right side, how far it is beyond the threshold
LIBRARY = [
    ("if", straight, above),
    ("if_zero", straight, above),
    ("if_rest", straight, above),
    ("lif", leaky, above),
    ("lif_zero", leaky, above),
    ("lif_rest", leaky, above),
    ("lif_refractory", leaky, above),
    ("single_spike_if", straight, above),
    ("ternary_if", straight, either_sign),
    ("ternary_lif", leaky, either_sign),
    ("ternary_if_gated", straight, either_sign),
    ("ternary_lif_gated", leaky, either_sign),
    ("multi_threshold_lif", leaky, graded),
    ("multi_threshold_lif_zero", leaky, graded),
    ("cuba_lif", synaptic, above),
]


@pytest.mark.parametrize(("name", "right", "distance"), LIBRARY, ids=[e[0] for e in LIBRARY])
def test_every_linear_model_of_the_library_crosses_when_scipy_says(name, right, distance):
    rng = np.random.default_rng(0)
    neurons, spikes = 7, 40
    model = neuron_model(name)
    ranges = {"tau": (3e-3, 30e-3), "tau_s": (2e-3, 20e-3), "theta": (0.5, 2.0)}
    values = {k: rng.uniform(*ranges[k], neurons) for k in model.parameters if k in ranges}
    units = {"tau": ms / 1e-3, "tau_s": ms / 1e-3, "theta": 1}
    model = model.with_parameters(**{k: v * units[k] for k, v in values.items()})
    node = rng.integers(0, neurons, spikes)
    per_spike = {k: v[node] for k, v in values.items()}
    sign = rng.choice([-1, 1], spikes) if distance is either_sign else np.ones(spikes)
    start = {
        "v": sign * per_spike["theta"] * rng.uniform(0.8, 1.03, spikes),
        "g": rng.uniform(0, 3, spikes),
        "drive": sign * rng.uniform(0, 800, spikes),
        "fired": np.zeros(spikes, dtype=bool),
    }
    finder = crossing_finder(model, neurons, DT)
    assert finder is not None
    found = finder({k: start[k] for k in finder.variables}, node)
    states = ["v", "g"] if name == "cuba_lif" else ["v"]
    expected = [
        by_scipy(
            right,
            distance,
            [start[k][i] for k in states],
            start["drive"][i],
            {k: v[i] for k, v in per_spike.items()},
        )
        for i in range(spikes)
    ]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert {0.0, DT} < {*found}  # at the start, at the jump, and in between
    assert np.mean((found > 0) & (found < DT)) > 0.3


# ---------------------------------------------------------------------- hard parameters


@pytest.mark.parametrize("tau_s", [5.0, 10.0, 10.0 + 1e-9])
@pytest.mark.parametrize("dt", [1e-4, 2e-3])
def test_equal_time_constants_are_no_special_case(tau_s, dt):
    finder = crossing_finder(neuron_model("cuba_lif", tau_s=tau_s * ms), 1, dt)
    start = {"v": np.full(5, 0.98), "g": np.linspace(0, 4, 5), "drive": np.full(5, 150.0)}
    found = finder(start, np.zeros(5, dtype=int))
    parameters = {"tau": 10e-3, "tau_s": tau_s * 1e-3, "theta": 1.0}
    for i, s in enumerate(found):
        x = [start["v"][i], start["g"][i]]
        expected = by_scipy(synaptic, above, x, 150.0, parameters, dt)
        assert s == pytest.approx(expected, abs=1e-12 * dt / 1e-3)


@pytest.mark.parametrize("seconds", [1e2, 1e4, 1e9, 1e20, 1e300])
def test_a_weak_leak_tends_to_none(seconds):
    model = neuron_model("lif", tau=seconds * 1e3 * ms)
    start = {"v": np.array([0.95, 0.5, 0.999]), "drive": np.array([100.0, 100.0, 2.0])}
    node = np.zeros(3, dtype=int)
    found = crossing_finder(model, 1, DT)(start, node)
    without = crossing_finder(neuron_model("if"), 1, DT)(start, node)
    np.testing.assert_allclose(without, [0.5e-3, DT, 0.5e-3], rtol=1e-13)
    # To first order the leak delays by s v / (tau drive), here half a part in tau at most.
    np.testing.assert_allclose(found, without, rtol=max(0.6 / seconds, 1e-15))


def test_a_stiff_leak_is_no_special_case():
    start = {"v": np.array([0.0, 0.0]), "drive": np.array([2e9, 1.0000001e9])}
    found = crossing_finder(neuron_model("lif", tau=1e-6 * ms), 1, DT)(start, np.zeros(2, int))
    ratio = np.array([0.5, 1 / 1.0000001])
    np.testing.assert_allclose(found, -1e-9 * np.log1p(-ratio), rtol=1e-8)


@pytest.mark.parametrize("name", ["lif", "cuba_lif"])
def test_each_neuron_has_its_own_parameters(name):
    taus = np.array([5.0, 10.0, 20.0])
    node = np.array([2, 0, 5, 1, 2, 4, 0])
    start = {"v": np.full(7, 0.9), "g": np.full(7, 2.0), "drive": np.full(7, 300.0)}
    finder = crossing_finder(neuron_model(name, tau=taus * ms), 6, DT)
    start = {k: start[k] for k in finder.variables}
    found = finder(start, node)
    assert len(set(found)) == 3
    for i, neuron in enumerate(node):
        # Three values for six neurons are repeated, as in the group.
        alone = crossing_finder(neuron_model(name, tau=taus[neuron % 3] * ms), 1, DT)
        one = {k: v[i : i + 1] for k, v in start.items()}
        assert found[i] == pytest.approx(alone(one, np.zeros(1, int))[0], abs=1e-16)


@pytest.mark.parametrize("name", ["lif", "cuba_lif"])
def test_many_spikes_are_worked_on_in_parts(name, monkeypatch):
    rng = np.random.default_rng(1)
    finder = crossing_finder(neuron_model(name, tau=[f"{t} ms" for t in range(5, 9)]), 8, DT)
    start = {k: rng.uniform(0.9, 1.0, 100) for k in finder.variables}
    start["drive"] = rng.uniform(100, 300, 100)
    node = rng.integers(0, 8, 100)
    at_once = finder(start, node)
    monkeypatch.setattr("brianbridge.neurons.crossing._CHUNK", 7)
    np.testing.assert_allclose(finder(start, node), at_once, rtol=0, atol=1e-12 * DT)


# ---------------------------------------------------------------------- ends of the step


@pytest.mark.parametrize("name", ["lif", "cuba_lif"])
def test_who_is_above_at_the_start_crossed_then(name):
    finder = crossing_finder(neuron_model(name), 1, DT)
    start = {"v": [1.0, 1.5, 3.0], "g": [0.0, 0.0, -9.0], "drive": [0.0, 100.0, -1000.0]}
    assert not finder(start, np.zeros(3, int)).any()


@pytest.mark.parametrize("name", ["lif", "if", "cuba_lif", "ternary_lif", "multi_threshold_lif"])
def test_who_needs_the_jump_crossed_at_the_end(name):
    finder = crossing_finder(neuron_model(name), 1, DT)
    start = {"v": [0.0, 0.9, 0.999], "g": [0.0, 0.0, 0.0], "drive": [0.0, 0.0, -50.0]}
    assert (finder(start, np.zeros(3, int)) == DT).all()


def test_no_spikes_have_no_times():
    for name in ("lif", "cuba_lif"):
        finder = crossing_finder(neuron_model(name, tau=["5 ms", "9 ms"]), 2, DT)
        none = dict.fromkeys(finder.variables, np.zeros(0))
        assert finder(none, np.zeros(0, int)).shape == (0,)


def test_a_neuron_that_has_fired_takes_its_flag_into_account():
    finder = crossing_finder(neuron_model("single_spike_if"), 1, DT)
    assert set(finder.variables) == {"v", "drive", "fired"}
    start = {"v": [0.95, 0.95], "drive": [100.0, 100.0], "fired": np.array([0.0, 1.0])}
    np.testing.assert_allclose(finder(start, np.zeros(2, int)), [0.5e-3, DT])


def test_true_in_the_middle_only_is_not_seen():
    # Down through the band from 0.9 to 0.95: Brian2 would fire by the jump only.
    model = NeuronModel(LIF, "int(v < 0.95 and v > 0.9)", "v = 0", parameters={"tau": "1 ms"})
    finder = crossing_finder(model, 1, DT)
    start = {"v": np.array([1.0, 1.0]), "drive": np.array([0.0, 920.0])}
    within = -1e-3 * np.log((0.95 - 0.92) / (1 - 0.92))
    np.testing.assert_allclose(finder(start, np.zeros(2, int)), [DT, within], rtol=1e-12)


# ---------------------------------------------------------------------- conditions and units


def bisected(finder: CrossingFinder) -> CrossingFinder:
    """Take the closed form from a finder."""
    assert finder._levels is not None
    finder._levels = None
    return finder


CONDITIONS = [
    "int(v >= theta)",
    "int(theta < v)",
    "int(2*v > theta + v)",
    "int(u > theta)",
    "int(v >= theta) - int(v <= -theta)",
    "3*int(v >= theta) + 2*int(v >= 2*theta) - int(v <= -theta)",
    "int(v > theta or v < -2*theta)",
    "int(not (v < theta))",
    "clip(floor(v/theta + 1e-9), 0, 4)",
    "clip(floor(v/theta), -1, 4)",
]


@settings(max_examples=60, deadline=None)
@given(
    emit=st.sampled_from(CONDITIONS),
    leak=st.sampled_from([-1, 0, 1]),
    steps=st.floats(0.1, 1e5),
    v=st.floats(-0.99, 0.99),
    end=st.floats(1.01, 1.9),
    theta=st.floats(0.01, 100.0),
)
def test_closed_form_equals_bisection(emit, leak, steps, v, end, theta):
    # A leak, none or growth, with a time constant of so many steps; v moves from v*theta at the
    # start to end*theta at the end of the step.
    assume("-1, 4" not in emit or v >= 0)  # below 0 this one holds from the start
    model = NeuronModel(
        f"dv/dt = {leak}*v/tau + drive : 1\nu = v + 0*theta : 1\ndrive : Hz", emit, drive="drive",
        parameters={"tau": steps * DT * 1e3 * ms, "theta": theta},
    )  # fmt: skip
    rate = leak / (steps * DT)
    grown = DT if rate == 0 else np.expm1(rate * DT) / rate
    drive = theta * (end - v * np.exp(rate * DT)) / grown
    start = {"v": np.array([v * theta]), "drive": np.array([drive])}
    node = np.zeros(1, int)
    finder = crossing_finder(model, 1, DT)
    closed = finder(start, node)
    stepped = bisected(finder)(start, node)
    slope = rate * theta + drive  # at the crossing: rounding of v moves s
    atol = 1e-12 * DT + 32 * np.finfo(float).eps * theta / slope
    np.testing.assert_allclose(closed, stepped, rtol=0, atol=atol)
    assert 0 < closed[0] < DT


@pytest.mark.parametrize(
    "emit", ["int(v**2 > theta)", "int(abs(v) > theta)", "int(v + g > theta)", "int(exp(v) > e)"]
)
def test_other_conditions_are_bisected(emit):
    model = NeuronModel(
        CUBA, emit, drive="drive", receive="g",
        parameters={"tau": "10 ms", "tau_s": "5 ms", "theta": 1.0},
    )  # fmt: skip
    start = {"v": np.array([0.95]), "g": np.array([0.01]), "drive": np.array([200.0])}
    found = crossing_finder(model, 1, DT)(start, np.zeros(1, int))[0]

    def distance(x: np.ndarray, p: Any) -> float:
        return x[0] + ("g" in emit) * x[1] - 1

    parameters = {"tau": 10e-3, "tau_s": 5e-3}
    expected = by_scipy(synaptic, distance, [0.95, 0.01], 200.0, parameters)
    assert 0 < found < DT
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("emit", ["int(v > v_t)", "int(v > E + 20*mV)", "int((v - E)/mV > 20)"])
def test_a_threshold_in_volt(emit):
    model = NeuronModel(
        "dv/dt = (E - v)/tau + drive : volt\ndrive : volt/second", emit, drive="drive",
        parameters={"tau": 10 * ms, "E": -70 * mV, "v_t": [-50, -50] * mV},
    )  # fmt: skip
    start = {"v": si_array([-51, -49, -60] * mV), "drive": si_array([4, 4, 4] * mV / ms)}
    finder = crossing_finder(model, 2, DT)
    found = finder(start, np.array([0, 1, 1]))
    # From 19 to 20 mV above rest, on the way to 40 mV.
    np.testing.assert_allclose(found, [10e-3 * np.log(21 / 20), 0, DT], rtol=1e-12)
    np.testing.assert_allclose(bisected(finder)(start, np.array([0, 1, 1])), found, rtol=1e-11)


def test_only_what_the_condition_depends_on_is_asked_for():
    model = NeuronModel(
        "dv/dt = -v/tau + drive : 1\ndw/dt = (v - w)/tau : 1\nh = 2*v + bias : 1\n"
        "drive : Hz\nbias : 1\nunused : 1",
        "int(h > 1)", drive="drive", parameters={"tau": "10 ms"},
    )  # fmt: skip
    finder = crossing_finder(model, 1, DT)
    assert finder.variables == ("v", "bias", "drive")
    start = {"v": np.array([0.0]), "bias": np.array([0.9]), "drive": np.array([100.0])}
    expected = -10e-3 * np.log(1 - 0.05)  # v reaches 0.05 on its way to 1
    assert finder(start, np.zeros(1, int))[0] == pytest.approx(expected, rel=1e-12)


def test_a_leak_may_be_a_variable():
    equations = "dv/dt = -k*v + drive : 1\ndrive : Hz\nk : Hz"
    for emit in ("int(v > 1)", "int(v**2 > 1)"):
        finder = crossing_finder(NeuronModel(equations, emit, drive="drive"), 1, DT)
        start = {"v": np.full(3, 0.95), "drive": np.full(3, 200.0), "k": np.array([0.0, 50, 100])}
        found = finder(start, np.zeros(3, int))
        expected = [0.25e-3, -np.log(3 / 3.05) / 50, -np.log(1 / 1.05) / 100]
        np.testing.assert_allclose(found, expected, rtol=1e-11)


# ---------------------------------------------------------------------- unknown


@pytest.mark.parametrize(
    "model",
    [
        neuron_model("adex"),
        neuron_model("izhikevich"),
        neuron_model("lif", method="euler"),
        NeuronModel(LIF, parameters={"tau": "10 ms"}),
        NeuronModel(LIF, "int(v > rand())", parameters={"tau": "10 ms"}),
        NeuronModel(LIF, "int(v > 1 + t/second)", parameters={"tau": "10 ms"}),
    ],
    ids=["adex", "izhikevich", "euler", "no emit", "random", "time"],
)
def test_other_crossing_times_are_unknown(model, refused):
    assert crossing_finder(model, 1, DT) is None
    with refused("crossing times are unknown", f"'{model.method}'", f"'{model.emit}'"):
        CrossingFinder(model, 1, DT)


def test_other_mistakes_are_not_taken_for_unknown_times(refused):
    with refused("'tau' has 2 values for 3 neurons"):
        crossing_finder(neuron_model("lif", tau=["5 ms", "9 ms"]), 3, DT)
