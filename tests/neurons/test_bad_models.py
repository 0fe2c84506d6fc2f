"""Whatever is wrong with a model is said in one line: the object, the value, the remedy."""

from __future__ import annotations

import brian2
import numpy as np
import pytest
from brian2 import TimedArray, ms, second

from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel

LIF = "dv/dt = -v/tau + drive : 1\ndrive : Hz"


def build(equations: str = LIF, **fields) -> NeuronModel:
    """Build a good model but for `fields`."""
    good = {
        "emit": "int(v >= theta)",
        "reset": "v -= theta*emit",
        "drive": "drive",
        "parameters": {"tau": 10 * ms, "theta": 1.0},
        "name": "mine",
    }
    return NeuronModel(equations, **(good | fields))


def test_the_good_model_is_good():
    assert build().emit == "int(v >= theta)"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        # equations
        ({"equations": "", "emit": "", "reset": ""}, ["no variable", "dv/dt = ... : unit"]),
        ({"equations": "hello"}, ["'hello' is not an equation", "dv/dt = ... : unit"]),
        ({"equations": "dv/dt = -v/tau"}, ["'dv/dt = -v/tau' is not an equation"]),
        ({"equations": "dv/dt = -v/ : 1"}, ["equations of neuron model 'mine', 'v'", "'-v/'"]),
        ({"equations": "dv/dt = -v/taw : 1\ndrive : Hz"}, ["unknown variable 'taw'", "'tau'?"]),
        ({"equations": "dv/dt = -expp(v)/tau : 1\ndrive : Hz"}, ["function 'expp'", "'exp'?"]),
        ({"initial": {"v": "i*0.1"}}, ["initial value of 'v'", "'i' of a group", "an array"]),
        ({"parameters": {"tau": "10 ms", "theta": 1, "N": 3}}, ["'N' cannot name"]),
        ({"equations": LIF + "\ntau : second"}, ["'tau' is both a variable", "rename"]),
        ({"equations": LIF + "\nemit : 1"}, ["'emit' cannot name"]),
        ({"equations": LIF + "\nspike_value : 1"}, ["'spike_value' cannot name"]),
        ({"equations": LIF + "\nlastspike : second"}, ["'lastspike' cannot name"]),
        (
            {"equations": LIF + "\nw : 1 (shared)", "reset": "v = 0; w = 1"},
            ["'w' has the flag (shared)", "neither a reset nor synapses", "drop the flag"],
        ),
        ({"equations": LIF + "\nw : 1 (linked)"}, ["'w'", "(linked)", "parameters={'w': ...}"]),
        ({"equations": LIF + "\nw : 1 (volatile)"}, ["volatile"]),
        # units
        ({"equations": "dv/dt = -v/tau : volts\ndrive : Hz"}, ["'volts' is not a unit"]),
        ({"equations": "dv/dt = -v/tau : mV\ndrive : Hz"}, ["'mV' is not a unit"]),
        ({"equations": "dv/dt = -v + drive : 1\ndrive : Hz"}, ["'v'", "inconsistent units"]),
        ({"emit": "int(v > tau)"}, ["threshold 'v > tau'", "different units", "(second)"]),
        ({"emit": "v*tau"}, ["emit 'v*tau' has a unit"]),
        ({"reset": "v = tau"}, ["reset 'v = tau'", "unit"]),
        ({"parameters": {"tau": "10 mV", "theta": 1}}, ["inconsistent units"]),
        ({"initial": {"v": "3 mV"}}, ["initial value", "'v'", "wrong unit"]),
        # emit, threshold, reset
        ({"emit": "int(w > 1)"}, ["emit", "unknown variable 'w'"]),
        ({"emit": "int(v >=\n)"}, ["emit", "'int(v >= )' is not an expression"]),
        ({"emit": "v >= theta"}, ["is a condition", "write 'int(v >= theta)'"]),
        ({"emit": "int(v > 1 > 0)"}, ["uses Compare"]),
        ({"emit": "int(v > 1)", "threshold": "v > 1"}, ["emit or threshold, not both"]),
        ({"emit": "int(t - lastspike > tau)"}, ["unknown variable 'lastspike'"]),
        ({"reset": "vv = 0"}, ["reset", "'vv' cannot be set", "Did you mean 'v'?"]),
        ({"reset": "v = foo"}, ["reset", "unknown variable 'foo'"]),
        ({"reset": "v"}, ["reset", "'v' is not a statement", "variable = expression"]),
        ({"reset": "v **= 2"}, ["not a statement"]),
        ({"reset": "tau = 3*ms"}, ["'tau' cannot be set"]),
        # roles
        ({"receive": "w"}, ["receive names 'w'"]),
        ({"drive": "curent"}, ["drive names 'curent'"]),
        ({"drive": "v"}, ["drive names 'v'", "not a parameter of the equations"]),
        ({"initial": {"w": 0}}, ["initial names 'w'"]),
        ({"initial": {"v": "thetta/2"}}, ["initial value of 'v'", "Did you mean 'theta'?"]),
        ({"initial": {"v": "exp(theta)"}}, ["unknown function 'exp'"]),
        # parameters
        ({"parameters": {"tau": 10 * ms}}, ["unknown variable 'theta'"]),
        ({"parameters": {"tau": "10 msec", "theta": 1}}, ["tau", "unknown unit 'msec'", "'ms'?"]),
        ({"parameters": {"tau": "ten", "theta": 1}}, ["tau: 'ten' is not a quantity", "'10 ms'"]),
        ({"parameters": {"tau": "1\n2", "theta": 1}}, ["is not a quantity"]),
        ({"parameters": {"tau": "1/0 ms", "theta": 1}}, ["tau"]),
        ({"parameters": {"tau": "1 ms**mV", "theta": 1}}, ["tau"]),
        ({"parameters": {"tau": None, "theta": 1}}, ["tau: None is not a quantity"]),
        ({"parameters": {"tau": ["1 ms", "1 mV"], "theta": 1}}, ["tau", "different units"]),
        ({"parameters": {"tau": [], "theta": 1}}, ["tau has no values"]),
        ({"parameters": {"tau": 10 * ms, "theta": np.full(99, np.nan)}}, ["theta: nan", "finite"]),
        ({"parameters": {"tau": [1, 2] * ms, "theta": np.ones(3)}}, ["different sizes [2, 3]"]),
        ({"parameters": {"tau": 10 * ms, "theta": 1, "dt": 1}}, ["'dt' cannot name"]),
        ({"parameters": {"tau": 10 * ms, "theta": 1, "mV": 1}}, ["'mV' cannot name"]),
        ({"parameters": {"tau": 10 * ms, "theta": 1, "exp": 1}}, ["'exp' cannot name"]),
        ({"parameters": {"tau": 10 * ms, "theta": 1, "a b": 1}}, ["'a b' cannot name"]),
        (
            {"parameters": {"tau": TimedArray([1, 2], dt=1 * ms), "theta": 1}},
            ["tau", "is not a quantity"],
        ),
        # refractory
        ({"refractory": "5 mV"}, ["refractory period", "is not a time", "'2 ms'"]),
        ({"refractory": 5.0}, ["refractory period 5.0 is not a time"]),
        ({"refractory": True}, ["refractory period True is not a time"]),
        ({"refractory": [1, 2] * ms}, ["is not a time"]),
        ({"refractory": "-1 ms"}, ["between 0 and 10000 s"]),
        ({"refractory": np.inf * second}, ["between 0 and 10000 s", "fired : boolean"]),
        ({"refractory": 1e6 * second}, ["fired : boolean"]),
        ({"refractory": "t_reff"}, ["refractory", "unknown variable 't_reff'"]),
        ({"refractory": "theta"}, ["neuron model 'mine'", "efractory"]),
        # methods
        ({"method": "exakt"}, ["there is no method 'exakt'", "Did you mean 'exact'?"]),
        (
            {"equations": "dv/dt = v**2/tau + drive : 1\ndrive : Hz"},
            ["method 'exact' needs linear equations", "not linear in 'v'", "'euler'"],
        ),
        (
            {"equations": "dv/dt = -v/tau + drive + xi*tau**-0.5 : 1\ndrive : Hz"},
            ["method 'exact' needs linear equations", "noise"],
        ),
        (
            {
                "equations": "dv/dt = v**2/tau + drive : 1\ndrive : Hz",
                "method": "exponential_euler",
            },
            ["method 'exponential_euler' does not apply", "conditionally linear", "'euler'"],
        ),
    ],
)
def test_what_is_wrong_is_said(refused, fields, said):
    with refused(*said):
        build(**fields)


def test_a_nonlinear_library_model_is_never_exact(refused):
    with refused("neuron model 'adex'", "'exact'", "not linear in 'v'"):
        neuron_model("adex", method="exact")


def test_suggestions_leave_out_the_thousand_units():
    with pytest.raises(ValueError, match="zzz") as caught:
        build(emit="int(zzz > 1)")
    assert "meter" not in str(caught.value)


# ---------------------------------------------------------------------- hostile strings

HOSTILE = [
    "__import__('os').system('true')",
    "v.__class__",
    "v.real",
    "v[0]",
    "(lambda: 1)()",
    "'a'",
    "f'{v}'",
    "[x for x in v]",
    "{v}",
    "(v := 3)",
    "v if v else 0",
    "exec(v)",
    "open(v)",
    "print(v)",
    "__builtins__",
    "_v",
    "1j",
    "...",
    "None",
    "v; import os",
    "v\nimport os",
    "await v",
    "9**9**9",
    "v**9999",
    "(" * 300 + "v" + ")" * 300,
    "-" * 9999 + "v",
]


PLACES = ["equations", "unit", "emit", "reset", "initial", "refractory", "parameter", "name",
          "receive", "drive", "method"]  # fmt: skip


def fields_with(text: str, where: str) -> dict:
    return {
        "equations": {"equations": f"dv/dt = {text}*v/tau + drive : 1\ndrive : Hz"},
        "unit": {"equations": f"dv/dt = -v/tau : {text}", "drive": ""},
        "emit": {"emit": f"int({text} > 0)"},
        "reset": {"reset": f"v = {text}"},
        "initial": {"initial": {"v": text}},
        "refractory": {"refractory": text},
        "parameter": {"parameters": {"tau": text, "theta": 1}},
        "name": {"parameters": {"tau": 10 * ms, "theta": 1, text: 1}},
        "receive": {"receive": text},
        "drive": {"drive": text},
        "method": {"method": text},
    }[where]


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
def test_hostile_strings_are_refused_before_brian2_sees_them(refused, monkeypatch, where, text):
    def reached(*args, **keywords):
        raise AssertionError("Brian2 was given a hostile string")

    monkeypatch.setattr(brian2, "NeuronGroup", reached)
    with refused():
        if where == "method":  # only ever looked up
            monkeypatch.undo()
        build(**fields_with(text, where))
