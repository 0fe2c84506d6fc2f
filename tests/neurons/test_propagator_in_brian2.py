"""`method="propagator"` in plain Brian2 scripts: namespaces, runs, what is declined, code."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import (
    BrianObjectException,
    Hz,
    Network,
    NeuronGroup,
    StateMonitor,
    Synapses,
    TimedArray,
    defaultclock,
    linked_var,
    ms,
    prefs,
    run,
    second,
)
from brian2.stateupdaters.base import UnsupportedEquationsException

from brianbridge.neurons.propagator import METHOD, exact_propagator, why_not_linear

LIF = "dv/dt = -v/tau : 1"


def declined(network: Network) -> str:
    """Return why a network cannot run, on one line."""
    with pytest.raises(BrianObjectException) as caught:
        network.run(1 * ms)
    reason = caught.value.__cause__
    assert isinstance(reason, UnsupportedEquationsException)
    return " ".join(str(reason).split())


def code_of(group: NeuronGroup) -> str:
    return group.state_updater.abstract_code


# ---------------------------------------------------------------------- in a script


def test_constants_are_found_in_the_variables_around_it():
    tau = 5 * ms
    group = NeuronGroup(1, LIF, method="propagator")
    group.v = 1
    run(5 * ms)
    assert group.v[0] == pytest.approx(np.exp(-1))
    assert tau == 5 * ms


def test_a_constant_may_change_between_runs():
    tau = 5 * ms
    group = NeuronGroup(1, LIF, method="propagator")
    group.v = 1
    run(5 * ms)
    tau = 1 * ms
    run(5 * ms)
    assert tau == 1 * ms
    assert group.v[0] == pytest.approx(np.exp(-6))


def test_a_parameter_of_each_neuron_may_change_between_runs():
    group = NeuronGroup(2, LIF + "\ntau : second (constant)", method=METHOD)
    group.v, group.tau = 1, [5, 10] * ms
    network = Network(group)
    network.run(5 * ms)
    group.tau = [1, 2] * ms
    network.run(5 * ms)
    np.testing.assert_allclose(group.v, [np.exp(-6), np.exp(-3)])


def test_the_time_step_may_change_between_runs():
    group = NeuronGroup(1, LIF, method="propagator", namespace={"tau": 5 * ms})
    group.v = 1
    for dt in (0.1, 1.0, 0.5):
        defaultclock.dt = dt * ms
        run(2 * ms)
    assert group.v[0] == pytest.approx(np.exp(-6 / 5))


def test_store_and_restore():
    group = NeuronGroup(1, LIF, method="propagator", namespace={"tau": 5 * ms})
    group.v = 1
    network = Network(group)
    network.store()
    for _ in range(2):
        network.restore()
        network.run(5 * ms)
        assert group.v[0] == pytest.approx(np.exp(-1))


def test_parameters_of_the_whole_group_and_of_another_group():
    source = NeuronGroup(3, "tau : second (constant)")
    source.tau = [1, 2, 5] * ms
    group = NeuronGroup(
        2,
        """dv/dt = -v/tau : 1
        dw/dt = (v - w)/tau_w : 1
        tau : second (linked)
        tau_w : second (constant, shared)""",
        method="propagator",
    )
    group.tau = linked_var(source, "tau", index=[2, 0])
    group.v, group.tau_w = 1, 2 * ms
    Network(source, group).run(5 * ms)
    np.testing.assert_allclose(group.v, np.exp([-1, -5]))


def test_synapses_with_a_state_of_their_own():
    group = NeuronGroup(2, "v : 1")
    synapses = Synapses(
        group, group, "dg/dt = -g/tau : 1 (clock-driven)\ntau : second (constant)", method=METHOD
    )
    synapses.connect()
    synapses.g, synapses.tau = 1, [1, 2, 5, 10] * ms
    Network(group, synapses).run(5 * ms)
    np.testing.assert_allclose(synapses.g, np.exp([-5, -2.5, -1, -0.5]))


def test_the_method_may_be_one_of_a_list():
    group = NeuronGroup(1, "dv/dt = drive : 1\ndrive : Hz", method=("exact", "propagator", "euler"))
    group.drive = 10 * Hz
    Network(group).run(1 * ms)
    assert "_gamma_v__v" in code_of(group)


@pytest.mark.slow
def test_cython_computes_the_same():
    ends = []
    for target in ("numpy", "cython"):
        prefs.codegen.target = target
        group = NeuronGroup(
            2,
            """dv/dt = (g - v)/tau : 1 (unless refractory)
            dg/dt = -g/tau_s : 1
            tau : second (constant)""",
            threshold="v > 0.3",
            reset="v = 0",
            refractory=1 * ms,
            method="propagator",
            namespace={"tau_s": 5 * ms},
        )
        group.g, group.tau = 1, [5, 10] * ms
        Network(group).run(5 * ms)
        ends.append(np.array(group.v))
    np.testing.assert_allclose(*ends, rtol=1e-13)


# ---------------------------------------------------------------------- inputs


def test_a_timed_array_may_drive_it(integrated):
    values = np.array([100.0, -50.0, 200.0])
    drive = TimedArray(values * Hz, dt=1 * ms)
    group = NeuronGroup(
        1, "dv/dt = -v/tau + drive(t) : 1", method="propagator",
        namespace={"tau": 5 * ms, "drive": drive},
    )  # fmt: skip
    Network(group).run(3 * ms)
    v = 0.0
    for value in values:
        v = integrated(lambda t, x, value=value: [-x[0] / 5e-3 + value], [v], 1e-3)[0]
    assert group.v[0] == pytest.approx(v, rel=1e-8)


def test_a_timed_array_may_scale_the_leak_of_one_variable():
    speed = TimedArray([1.0, 2.0, 3.0], dt=1 * ms)
    group = NeuronGroup(
        1, "dv/dt = -speed(t)*v/tau : 1", method="propagator",
        namespace={"tau": 5 * ms, "speed": speed},
    )  # fmt: skip
    group.v = 1
    Network(group).run(3 * ms)
    assert group.v[0] == pytest.approx(np.exp(-6 / 5))


def test_another_groups_current_and_subexpressions_may_drive_it():
    group = NeuronGroup(
        1, "dv/dt = (total - v)/tau : 1\ntotal = a + 2*b : 1\na : 1\nb : 1", method="propagator",
        namespace={"tau": 5 * ms},
    )  # fmt: skip
    group.a, group.b = 1, 0.5
    Network(group).run(5 * ms)
    assert group.v[0] == pytest.approx(2 * (1 - np.exp(-1)))


# ---------------------------------------------------------------------- parameters that may change


def test_a_changing_parameter_of_one_variable_is_followed():
    group = NeuronGroup(
        3,
        """dv/dt = (1 - v)/tau : 1
        dw/dt = -k*w/tau : 1
        tau : second
        k : 1""",
        method="propagator",
    )
    group.tau, group.w, group.k = [2, 5, 10] * ms, 1, [0, 1, 2]
    group.run_regularly("tau = tau*2", dt=5 * ms)
    Network(group).run(10 * ms)
    # It holds twice its value from the first step on, four times from 5 ms on.
    elapsed = 5 / np.array([4, 10, 20]) + 5 / np.array([8, 20, 40])
    np.testing.assert_allclose(group.v, 1 - np.exp(-elapsed))
    np.testing.assert_allclose(group.w, np.exp(-elapsed * [0, 1, 2]))
    assert "exprel" in code_of(group)
    assert "_phi" not in code_of(group)


def test_a_changing_parameter_that_couples_is_declined_by_name():
    equations = "dv/dt = (g - v)/tau : 1\ndg/dt = -g/(5*ms) : 1\ntau : second"
    reason = declined(Network(NeuronGroup(1, equations, method="propagator")))
    assert "'tau'" in reason
    assert "(constant)" in reason


def test_what_does_not_couple_does_not_mind():
    group = NeuronGroup(
        1,
        """dv/dt = (g - v)/tau : 1
        dg/dt = -g/(5*ms) : 1
        dw/dt = -w/tau_w : 1
        tau_w : second""",
        method="propagator",
        namespace={"tau": 10 * ms},
    )
    group.w, group.tau_w = 1, 2 * ms
    Network(group).run(2 * ms)
    assert group.w[0] == pytest.approx(np.exp(-1))
    assert "_phi_v__g" in code_of(group)


# ---------------------------------------------------------------------- declined


@pytest.mark.parametrize(
    ("right_side", "said"),
    [
        ("-v/tau + sin(t/tau)/tau", "changes within a time step"),
        ("-v*t/tau**2", "changes within a time step"),
        ("fine(t)/tau", "changes within a time step"),
        ("(rand() - v)/tau", "changes within a time step"),
        ("-v/tau + xi*tau**-0.5", "noise"),
        ("-v**2/tau", "not linear in 'v'"),
        ("-v*w/tau", "not linear"),
        ("exp(w)/tau", "not linear in 'w'"),
        ("int(v > 1)/tau", "not linear in 'v'"),
        ("int(w > 1)*v/tau", "not linear"),
        ("abs(v)/tau", "not linear"),
        ("sign(w)/tau", "not linear"),
        ("clip(v, 0, 1)/tau", "not linear"),
        ("floor(v)/tau", "not linear"),
        ("1/v/tau", "not linear"),
        ("(v + w)*coarse(t)/tau", "'coarse'"),
    ],
)
def test_what_is_no_linear_system_is_declined_with_the_reason(right_side, said):
    group = NeuronGroup(
        1,
        f"dv/dt = {right_side} : 1\ndw/dt = -w/tau : 1",
        method="propagator",
        namespace={
            "tau": 10 * ms,
            "fine": TimedArray([1.0, 2.0], dt=0.01 * ms),
            "coarse": TimedArray([1.0, 2.0], dt=1 * ms),
        },
    )
    assert said in declined(Network(group))


def test_a_list_of_methods_goes_on_to_the_next():
    group = NeuronGroup(1, "dv/dt = -v**2/tau : 1", method=("propagator", "euler"),
                        namespace={"tau": 10 * ms})  # fmt: skip
    group.v = 1
    Network(group).run(1 * ms)
    assert "_phi" not in code_of(group)


def test_why_not_linear_is_empty_for_a_linear_system():
    group = NeuronGroup(1, LIF, namespace={"tau": 10 * ms})
    variables = {**group.variables, "tau": group._resolve("tau", {})}
    assert why_not_linear(group.equations, variables) == ""


def test_no_options_are_understood():
    with pytest.raises(KeyError):
        exact_propagator(NeuronGroup(1, LIF).equations, {}, {"simplify": True})


# ---------------------------------------------------------------------- generated code


@pytest.mark.parametrize("per_neuron", [False, True])
def test_the_code_is_the_same_for_every_time_constant(per_neuron):
    codes = []
    for tau in (5 * ms, 20 * ms):
        equations = "dv/dt = (g - v)/tau + drive : 1\ndg/dt = -g/tau_s : 1\ndrive : Hz"
        group = NeuronGroup(
            2,
            equations + ("\ntau : second (constant)" if per_neuron else ""),
            method="propagator",
            name="neurons",
            namespace={"tau_s": tau} | ({} if per_neuron else {"tau": tau}),
        )
        if per_neuron:
            group.tau = tau
        network = Network(group)
        network.run(1 * ms)
        generated = group.state_updater.codeobj.code
        codes.append((code_of(group), {k: str(v) for k, v in vars(generated).items()}))
        del network, group
    assert codes[0] == codes[1]
    assert "0.0" not in codes[0][0]


def test_coefficients_are_constants_of_the_group():
    equations = LIF + "\ntau : second (constant)"
    group = NeuronGroup(2, equations, method="propagator")
    group.tau = [5, 10] * ms
    Network(group).run(1 * ms)
    factor = group.variables["_phi_v__v"]
    assert factor.constant
    np.testing.assert_allclose(factor.get_value(), np.exp(-0.1 / np.array([5, 10])))


def test_the_abstract_code_can_be_read():
    group = NeuronGroup(
        1, "dv/dt = (g - v)/tau : 1 (unless refractory)\ndg/dt = -g/tau : 1",
        threshold="v > 1", reset="v = 0", refractory=2 * ms, method="propagator",
        namespace={"tau": 10 * ms},
    )  # fmt: skip
    Network(group).run(1 * ms)
    assert code_of(group).splitlines()[1:] == [
        "_g = _phi_g__g*g",
        "_v = int(not_refractory)*(_phi_v__g*g + _phi_v__v*v) + int(not not_refractory)*(v)",
        "g = _g",
        "v = _v",
    ]


def test_a_trace_in_a_monitor_is_the_closed_form():
    group = NeuronGroup(1, LIF, method="propagator", namespace={"tau": 5 * ms})
    group.v = 1
    monitor = StateMonitor(group, "v", record=True)
    Network(group, monitor).run(0.01 * second)
    np.testing.assert_allclose(monitor.v[0], np.exp(-monitor.t / (5 * ms)))
