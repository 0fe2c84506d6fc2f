"""The exact propagator against numerical integration, closed forms and Brian2's own `exact`."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from brian2 import BrianObjectException, Network, NeuronGroup, SpikeMonitor, ms
from brian2.stateupdaters.base import UnsupportedEquationsException

from brianbridge.neurons.matrix_exponential import phi_gamma

TAU, TAU_S = 10e-3, 5e-3
IF_SYNAPSE = "dv/dt = g/tau + drive : 1\ndg/dt = -g/tau_s : 1\ndrive : Hz"
LIF_SYNAPSE = "dv/dt = (g - v)/tau + drive : 1\ndg/dt = -g/tau_s : 1\ndrive : Hz"
CHAIN = """
dv/dt = (g - v)/tau + drive : 1
dg/dt = (h - g)/tau_s : 1
dh/dt = -h/tau_s : 1
drive : Hz
"""
#: name, equations, start, right side of the same equations, in seconds
SYSTEMS = [
    ("if", "dv/dt = drive : 1\ndrive : Hz", [0.3], lambda t, x: [70.0]),
    ("lif", "dv/dt = -v/tau + drive : 1\ndrive : Hz", [0.3], lambda t, x: [-x[0] / TAU + 70.0]),
    (
        "if with synapse",
        IF_SYNAPSE,
        [0.3, 0.8],
        lambda t, x: [x[1] / TAU + 70.0, -x[1] / TAU_S],
    ),
    (
        "lif with synapse",
        LIF_SYNAPSE,
        [0.3, 0.8],
        lambda t, x: [(x[1] - x[0]) / TAU + 70.0, -x[1] / TAU_S],
    ),
    (
        "alpha synapse",
        CHAIN,
        [0.3, 0.1, 0.8],
        lambda t, x: [(x[1] - x[0]) / TAU + 70.0, (x[2] - x[1]) / TAU_S, -x[2] / TAU_S],
    ),
    (
        "oscillator",
        "dv/dt = w/tau : 1\ndw/dt = -v/tau - 0.1*w/tau_s + drive : 1\ndrive : Hz",
        [0.3, 0.8],
        lambda t, x: [x[1] / TAU, -x[0] / TAU - 0.1 * x[1] / TAU_S + 70.0],
    ),
]


@pytest.mark.parametrize(
    ("equations", "start", "right_side"),
    [system[1:] for system in SYSTEMS],
    ids=[system[0] for system in SYSTEMS],
)
@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_every_linear_system_is_integrated_exactly(
    simulated, integrated, equations, start, right_side, dt
):
    names = [name for name in ("v", "g", "h", "w") if f"d{name}/dt" in equations]
    states = dict(zip(names, start, strict=True))
    end = simulated(
        equations,
        {**states, "drive": 70.0},
        dt=dt,
        namespace={"tau": TAU * 1000 * ms, "tau_s": TAU_S * 1000 * ms},
    )
    expected = integrated(right_side, start, 20e-3)
    np.testing.assert_allclose([end[n][0] for n in names], expected, rtol=1e-8, atol=1e-10)


def test_equal_time_constants_under_two_names_are_no_special_case(simulated, integrated):
    equal = {"tau": 10 * ms, "tau_s": 10 * ms}
    start = {"v": 0.3, "g": 0.8, "drive": 70.0}
    expected = integrated(lambda t, x: [(x[1] - x[0]) / TAU + 70.0, -x[1] / TAU], [0.3, 0.8], 20e-3)
    end = simulated(LIF_SYNAPSE, start, namespace=equal)
    np.testing.assert_allclose([end["v"][0], end["g"][0]], expected, rtol=1e-8)
    # Brian2's own method divides by tau - tau_s.
    with np.errstate(all="ignore"):
        assert np.isnan(simulated(LIF_SYNAPSE, start, namespace=equal, method="exact")["v"][0])


@pytest.mark.parametrize("equations", ["dv/dt = drive : 1\ndrive : Hz", IF_SYNAPSE])
def test_brian2_declines_the_integrate_and_fire_that_we_take(simulated, equations):
    namespace = {"tau": 10 * ms, "tau_s": 5 * ms}
    start = {"v": 0.3, "drive": 70.0}
    with pytest.raises(BrianObjectException) as declined:
        simulated(equations, start, namespace=namespace, method="exact")
    assert isinstance(declined.value.__cause__, UnsupportedEquationsException)
    assert np.isfinite(simulated(equations, start, namespace=namespace)["v"][0])


def test_it_agrees_with_brian2_where_brian2_has_an_answer(simulated):
    start = {"v": 0.3, "g": 0.8, "drive": 70.0}
    namespace = {"tau": 10 * ms, "tau_s": 5 * ms}
    ours = simulated(LIF_SYNAPSE, start, namespace=namespace)
    brian2 = simulated(LIF_SYNAPSE, start, namespace=namespace, method="exact")
    assert ours["v"][0] == pytest.approx(brian2["v"][0], rel=1e-12)


@pytest.mark.parametrize("coupled", [False, True])
def test_every_neuron_has_its_own_time_constant(simulated, integrated, coupled):
    taus = np.array([2e-3, 5e-3, 5e-3, 50e-3])
    g = "g" if coupled else "0"
    equations = f"""
    dv/dt = ({g} - v)/tau + drive : 1
    dg/dt = -g/tau_s : 1
    drive : Hz
    tau : second (constant)
    """
    start = {"v": 0.3, "g": 0.8, "drive": 70.0, "tau": taus}
    end = simulated(equations, start, n=4, namespace={"tau_s": 5 * ms})["v"]
    for v, tau in zip(end, taus, strict=True):
        expected = integrated(
            lambda t, x, tau=tau: [
                (coupled * x[1] - x[0]) / tau + 70.0,
                -x[1] / TAU_S,
            ],
            [0.3, 0.8],
            20e-3,
        )
        assert v == pytest.approx(expected[0], rel=1e-8)


def test_variables_whose_names_run_together_stay_apart(simulated):
    # With one underscore, "_phi_v_v_v" would be both what v_v adds to v and v to v_v.
    equations = "dv/dt = -v/tau + v_v/tau_s : 1\ndv_v/dt = -v_v/tau_s + 0.5*v/tau : 1"
    namespace = {"tau": 10 * ms, "tau_s": 5 * ms}
    start = {"v": 1.0, "v_v": 2.0}
    ours = simulated(equations, start, namespace=namespace)
    fine = simulated(equations, start, namespace=namespace, method="rk4", dt=0.01)
    assert ours["v"][0] == pytest.approx(fine["v"][0], rel=1e-8)


@pytest.mark.parametrize("synapse", [False, True])
@pytest.mark.parametrize("written", ["flag", "by hand"])
def test_a_refractory_variable_stands_still_and_the_others_go_on(simulated, synapse, written):
    g = "g" if synapse else "0"
    if written == "flag":
        equation = f"dv/dt = ({g} - v)/tau + drive : 1 (unless refractory)"
    else:
        equation = f"dv/dt = (({g} - v)/tau + drive)*int(not_refractory) : 1"
    equations = f"{equation}\ndg/dt = -g/tau_s : 1\ndrive : Hz"
    # Fires in the first step, and is refractory for the rest of the run.
    end = simulated(
        equations,
        {"v": 2.0, "g": 0.8, "drive": 70.0},
        milliseconds=5.0,
        threshold="v > 1",
        reset="v = 0.25",
        refractory=100 * ms,
        namespace={"tau": 10 * ms, "tau_s": 5 * ms},
    )
    assert end["v"][0] == 0.25
    assert end["g"][0] == pytest.approx(0.8 * np.exp(-1))


def test_a_variable_may_have_another_course_while_refractory(simulated):
    equations = "dv/dt = -v*int(not_refractory)/tau - v*(1 - int(not_refractory))/tau_s : 1"
    end = simulated(
        equations,
        {"v": 2.0},
        milliseconds=5.0,
        threshold="v > 1",
        reset="v = 1",
        refractory=100 * ms,
        namespace={"tau": 10 * ms, "tau_s": 5 * ms},
    )
    # One step of 0.5 ms towards the threshold, then nine of them refractory.
    assert end["v"][0] == pytest.approx(np.exp(-4.5 / 5))


# ---------------------------------------------------------------------- spike times by hand


def first_spikes(equations: str, drives: np.ndarray, threshold: str, dt: float, **ns) -> np.ndarray:
    group = NeuronGroup(
        len(drives), equations, threshold=threshold, reset="v = 0", method="propagator",
        dt=dt * ms, namespace=ns,
    )  # fmt: skip
    group.variables["drive"].set_value(drives)
    spikes = SpikeMonitor(group)
    Network(group, spikes).run(100 * ms)
    trains = spikes.spike_trains()
    return np.array([trains[i][0] / ms for i in range(len(drives))])


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_lif_fires_when_the_formula_says(dt):
    # v(t) = R (1 - exp(-t/tau)) reaches 1 at -tau ln(1 - 1/R); Brian2 stamps a spike with the
    # start of its step.
    asymptotes = np.array([1.2, 1.5, 2.0, 3.7])
    crossing = -10.0 * np.log(1 - 1 / asymptotes)
    found = first_spikes(
        "dv/dt = -v/tau + drive : 1\ndrive : Hz", asymptotes / 10e-3, "v >= 1", dt, tau=10 * ms
    )
    np.testing.assert_allclose(found, (np.ceil(crossing / dt) - 1) * dt, rtol=1e-9)


def test_if_fires_at_equal_intervals():
    drive = 70.0  # 1/70 s to the threshold: at 14.29 ms, in the step that starts at 14.2 ms
    equations = "dv/dt = drive : 1\ndrive : Hz"
    assert first_spikes(equations, np.array([drive]), "v >= 1", 0.1)[0] == pytest.approx(14.2)


# ---------------------------------------------------------------------- the numbers themselves


def test_step_of_one_variable_is_the_textbook_formula():
    rates = -np.array([1e-9, 1.0, 1e2, 1e4, 1e5])
    phi, gamma = phi_gamma(rates[:, None, None], dt=1e-3)
    np.testing.assert_allclose(phi.ravel(), np.exp(rates * 1e-3), rtol=1e-14)
    np.testing.assert_allclose(gamma.ravel(), np.expm1(rates * 1e-3) / rates, rtol=1e-14)


def test_no_leak_is_the_limit_of_a_small_leak():
    phi, gamma = phi_gamma(np.zeros((1, 1)), dt=1e-3)
    assert phi.item() == 1.0
    assert gamma.item() == 1e-3


@pytest.mark.parametrize("dt", [1e-4, 1e-3])
def test_units_of_any_size_cost_no_digits(dt):
    # Linear adaptation in farad, siemens and ampere: entries from 1e-8 to 1e9.
    c, g, a, tau_w = 281e-12, 30e-9, 4e-9, 0.144
    matrix = np.array([[-g / c, -1 / c], [a / tau_w, -1 / tau_w]])
    unit = 1e9  # the same in nanoampere
    scaled = matrix * np.array([[1, 1 / unit], [unit, 1]])
    phi, gamma = phi_gamma(matrix, dt)
    for block, same in zip((phi, gamma), phi_gamma(scaled, dt), strict=True):
        np.testing.assert_allclose(block * [[1, 1 / unit], [unit, 1]], same, rtol=1e-14)
    # Phi and Gamma of the equation: A Gamma = Phi - 1.
    np.testing.assert_allclose(matrix @ gamma, phi - np.eye(2), rtol=1e-9)


def test_steps_compose():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(5, 3, 3)) * 100
    phi, gamma = phi_gamma(matrix, 1e-3)
    phi_2, gamma_2 = phi_gamma(matrix, 2e-3)
    np.testing.assert_allclose(phi @ phi, phi_2, rtol=1e-12)
    np.testing.assert_allclose(gamma + phi @ gamma, gamma_2, rtol=1e-12)


def test_matrices_that_did_not_change_are_not_computed_again(monkeypatch):
    rates = np.linspace(-200.0, -50.0, 1000).reshape(-1, 1, 1)
    first, real, calls = phi_gamma(rates, 1e-4), scipy.linalg.expm, []
    monkeypatch.setattr(scipy.linalg, "expm", lambda x: calls.append(x) or real(x))
    for one, other in zip(first, phi_gamma(rates.copy(), 1e-4), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not calls
    first[0][:] = 0  # what a caller does with a result does not reach the next one
    assert phi_gamma(rates, 1e-4)[0].min() > 0.9
    phi_gamma(rates, 2e-4)
    assert len(calls) == 1
