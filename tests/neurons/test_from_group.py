"""Models read off groups that exist: names found as Brian2 finds them, nothing left out."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import (
    Equations,
    Function,
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeMonitor,
    StateMonitor,
    metre,
    ms,
    nS,
    pF,
    rk4,
    second,
    siemens,
    volt,
)
from library_units import firing_drive

from brianbridge.neurons.library import model_names, neuron_model
from brianbridge.neurons.model import NeuronModel

LEAKY = "dv/dt = (1.5 - v)/tau : 1"
FIRING = {"threshold": "v > 1", "reset": "v = 0"}
TAU = {"tau": 10 * ms}


def run_of(group: NeuronGroup, variable: str = "v") -> tuple[np.ndarray, np.ndarray]:
    """Return trace and spike times of a group from now on, in Brian2's own schedule."""
    trace, spikes = StateMonitor(group, variable, record=True), SpikeMonitor(group)
    Network(group, trace, spikes).run(30 * ms)
    return np.array(getattr(trace, variable)), np.array(spikes.t)


# ---------------------------------------------------------------------- names


def test_names_come_from_the_groups_own_namespace():
    tau = 99 * ms
    model = NeuronModel.from_group(NeuronGroup(2, LEAKY, namespace=TAU, **FIRING))
    assert model.parameters == TAU
    assert tau != model.parameters["tau"]


def test_names_come_from_the_variables_around_the_call():
    tau, level = 10 * ms, 1.0
    group = NeuronGroup(2, LEAKY, threshold="v > level", reset="v = 0", refractory="tau/2")
    model = NeuronModel.from_group(group)
    assert model.parameters == {"tau": tau, "level": level}
    assert model.refractory == "tau/2"
    assert model.emit == "int(v > level)"


def test_names_come_from_a_namespace_given():
    model = NeuronModel.from_group(NeuronGroup(2, LEAKY), namespace={"tau": 3 * ms})
    assert model.parameters["tau"] == 3 * ms


def test_units_are_no_parameters_even_if_imported_here():
    model = NeuronModel.from_group(NeuronGroup(1, "dv/dt = -v/(10*ms) : 1"))
    assert model.parameters == {}


def test_constants_of_every_kind_of_number():
    namespace = {"a": np.float64(3), "b": np.array(2.0), "k": np.int32(3), "q": 10 * second}
    group = NeuronGroup(1, "dv/dt = -a*b*k*v/q : 1")
    model = NeuronModel.from_group(group, namespace=namespace)
    assert model.parameters == namespace


def test_a_missing_name_is_named(refused):
    with refused("unknown variable 'nowhere'"):
        NeuronModel.from_group(NeuronGroup(1, "dv/dt = -v/nowhere : 1"))


@pytest.mark.parametrize("where", ["namespace", "around"])
def test_functions_are_refused(refused, where):
    stimulus = Function(np.square, arg_units=[1], return_unit=1)
    namespace = {"stimulus": stimulus} if where == "namespace" else None
    group = NeuronGroup(1, "dv/dt = (stimulus(v) - v)/(10*ms) : 1", namespace=namespace)
    with refused(
        "'stimulus' is a function", "bb.register_function(stimulus, torch=..., name='stimulus')"
    ):
        NeuronModel.from_group(group)


# ---------------------------------------------------------------------- values


def test_constant_parameters_are_taken_one_a_neuron():
    group = NeuronGroup(
        3,
        """dv/dt = (I - v)/tau : 1
        I : 1
        tau : second (constant)
        alike : 1 (constant)
        of_all : 1 (constant, shared)""",
        threshold="v > alike*of_all",
        reset="v = 0",
    )
    group.tau, group.I, group.alike, group.of_all = [5, 10, 20] * ms, 2, 1, 0.5
    group.v = [0.1, 0.2, 0.3]
    model = NeuronModel.from_group(group, drive="I")
    assert (model.parameters["alike"], model.parameters["of_all"]) == (1.0, 0.5)
    np.testing.assert_allclose(model.parameters["tau"] / ms, [5, 10, 20])
    np.testing.assert_allclose(model.initial["v"], [0.1, 0.2, 0.3])
    assert model.initial["I"] == 2.0
    copy = model.group(3)
    for ours, theirs in zip(run_of(copy), run_of(group), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_boolean_and_integer_variables_stay_what_they_are():
    group = NeuronGroup(
        2, LEAKY + "\nready : boolean\ncount : integer (constant)", threshold="v > 1 and ready",
        reset="v = 0", namespace=TAU,
    )  # fmt: skip
    group.ready, group.count = [True, False], 3
    model = NeuronModel.from_group(group)
    assert "ready : boolean" in model.equations
    copy = model.group(2)
    assert copy.ready[:].tolist() == [True, False]
    assert copy.count[:].tolist() == [3, 3]


def test_present_state_becomes_initial_state():
    group = NeuronGroup(1, LEAKY, namespace=TAU, **FIRING)
    Network(group).run(4 * ms)
    assert NeuronModel.from_group(group).initial["v"] == group.v[0] > 0


def test_equations_with_units_and_substitutions():
    equations = Equations("dx/dt = (-g*x + I)/C : volt", x="vm") + Equations(
        "I : amp\ndw/dt = -w/(5*ms) : volt/second\nr = 1/g : ohm\nx : siemens*meter**-2"
    )
    group = NeuronGroup(
        1, equations, threshold="vm > 1*mV", reset="vm = 0*mV",
        namespace={"g": 3 * nS, "C": 3 * pF},
    )  # fmt: skip
    model = NeuronModel.from_group(group, drive="I", receive="vm")
    copy = model.group(1)
    assert copy.variables["w"].dim is (volt * Hz).dim
    assert copy.variables["x"].dim is (siemens / metre**2).dim
    assert model.parameters["g"] == 3 * nS


def test_equations_thresholds_and_resets_of_several_lines():
    group = NeuronGroup(
        1,
        """dv/dt = (-v +
            w)/tau : 1  # leak
        dw/dt = -w/tau : 1""",
        threshold="""v > 1 and
            w > 0""",
        reset="""v = 0
        w = 0""",
        namespace=TAU,
    )
    model = NeuronModel.from_group(group)
    assert model.emit == "int(v > 1 and w > 0)"
    assert model.group(1).N == 1


def test_what_receives_is_v_or_the_only_variable():
    assert NeuronModel.from_group(NeuronGroup(1, "du/dt = -u/(5*ms) : 1")).receive == "u"
    assert NeuronModel.from_group(NeuronGroup(1, LEAKY, namespace=TAU)).receive == "v"


@pytest.mark.parametrize("refractory", [3 * ms, "3*ms", "v > 0.5", False])
def test_refractory_periods_of_every_kind(refractory):
    group = NeuronGroup(1, LEAKY + " (unless refractory)", refractory=refractory,
                        namespace=TAU, **FIRING)  # fmt: skip
    copy = NeuronModel.from_group(group).group(1)
    for ours, theirs in zip(run_of(copy), run_of(group), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


# ---------------------------------------------------------------------- methods


@pytest.mark.parametrize(
    ("equations", "method", "expected"),
    [
        ("dv/dt = -v/tau : 1", ("exact", "euler", "heun"), "exact"),
        ("dv/dt = 1/tau : 1", ("exact", "euler", "heun"), "exact"),
        ("dv/dt = -v**2/tau : 1", ("exact", "euler", "heun"), "euler"),
        ("dv/dt = -v**2/tau : 1", ["exact", "rk2", "euler"], "rk2"),
        ("dv/dt = -v/tau + xi*tau**-0.5 : 1", ("exact", "euler", "heun"), "euler"),
        ("dv/dt = -v/tau + v*xi*tau**-0.5 : 1", ("exact", "euler", "heun"), "heun"),
        ("dv/dt = -v**2/tau : 1", ["exponential_euler", "heun"], "heun"),
        ("dv/dt = -v/tau : 1", "linear", "exact"),
        ("dv/dt = -v/tau : 1", "propagator", "exact"),
        ("dv/dt = -v/tau : 1", "rk4", "rk4"),
        ("dv/dt = -v/tau : 1", rk4, "rk4"),
    ],
)
def test_the_method_is_the_one_that_brian2_would_take(equations, method, expected):
    group = NeuronGroup(1, equations, method=method, namespace=TAU)
    assert NeuronModel.from_group(group).method == expected


def test_brian2s_default_is_understood():
    group = NeuronGroup(1, "dv/dt = -v/tau : 1", namespace=TAU)
    assert NeuronModel.from_group(group).method == "exact"


def test_a_method_without_a_name_is_refused(refused):
    def home_made(equations, variables=None, method_options=None):
        return "v = v"

    group = NeuronGroup(1, LEAKY, method=home_made, namespace=TAU)
    with refused("home_made", "not registered"):
        NeuronModel.from_group(group)


# ---------------------------------------------------------------------- round trips and refusals


@pytest.mark.parametrize("name", model_names())
def test_a_group_built_from_a_model_gives_the_model_back(name):
    model = neuron_model(name)
    again = NeuronModel.from_group(model.group(2), receive=model.receive, drive=model.drive)
    for field in ("emit", "receive", "drive", "method", "refractory"):
        assert getattr(again, field) == getattr(model, field)
    used = again.parameters
    assert used == {k: v for k, v in model.parameters.items() if k in used}
    ends = []
    for one in (model, again):
        group = one.group(2, dt=0.1 * ms)
        group.variables[one.drive].set_value(firing_drive(model))
        ends.append(run_of(group))
    for ours, theirs in zip(*ends, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_a_model_cannot_hold_is_refused(refused):
    custom = NeuronGroup(1, LEAKY, events={"up": "v > 1"}, namespace=TAU)
    custom.run_on_event("up", "v = 0", when="start")
    with refused(f"group '{custom.name}'", "custom event 'up'"):
        NeuronModel.from_group(custom)
    regular = NeuronGroup(1, LEAKY, namespace=TAU)
    regular.run_regularly("v += 0.1", when="after_end")
    with refused(f"group '{regular.name}'", "run_regularly"):
        NeuronModel.from_group(regular)
    endless = NeuronGroup(1, LEAKY, refractory=np.inf * second, namespace=TAU, **FIRING)
    with refused("refractory", "fired : boolean"):
        NeuronModel.from_group(endless)


@pytest.mark.parametrize("thing", ["subgroup", "poisson", "nothing"])
def test_what_is_no_group_is_refused(refused, thing):
    things = {
        "subgroup": lambda: NeuronGroup(4, LEAKY, namespace=TAU)[:2],
        "poisson": lambda: PoissonGroup(2, rates=3 * Hz),
        "nothing": lambda: None,
    }
    with refused("is not a NeuronGroup"):
        NeuronModel.from_group(things[thing]())
