"""Which variable is the membrane potential: found from the equations, or named."""

from __future__ import annotations

import pytest
from brian2 import NeuronGroup, mV

from brianbridge.neurons.files import model_names
from brianbridge.neurons.library import neuron_model, read_model
from brianbridge.neurons.model import NeuronModel


def model(*lines: str, **options: object) -> NeuronModel:
    """Return a model of equations ``x = right-hand side : unit``, each in 10 ms."""
    code = []
    for line in lines:
        name, right = line.split(" = ")
        value, unit = right.split(" : ") if " : " in right else (right, "1")
        code.append(f"d{name}/dt = ({value})/(10*ms) : {unit}")
    return NeuronModel("\n".join(code), name="cells", **options)


@pytest.mark.parametrize(
    ("lines", "options", "expected"),
    [
        # the variable on which firing depends
        (("U = g - U", "g = -g"), {"threshold": "U > 1", "receive": "g"}, "U"),
        (("g = -g", "U = g - U", "w = -w"), {"threshold": "U*2 > 1 and not (U < 0)"}, "U"),
        (("U = g - U", "th = 1 - th", "g = -g"), {"threshold": "U > th", "receive": "U"}, "U"),
        # what it is called
        (("vm = ge - vm", "ge = -ge"), {"receive": "ge"}, "vm"),
        (("V = ge - V", "ge = -ge", "th = 1 - th"), {"threshold": "V > th"}, "V"),
        (("v = g - v", "V = v - V", "g = -g"), {"threshold": "V > 1", "receive": "g"}, "v"),
        # its unit
        (("E = m*mV - E : volt", "m = 1 - m"), {"threshold": "m > 0.5", "receive": "m"}, "E"),
        # the only one, and one that others do not use
        (("x = -x",), {}, "x"),
        (("u = w - u", "w = u - w"), {"receive": "u"}, "u"),
    ],
)
def test_it_is_found(lines, options, expected):
    found = model(*lines, **options)
    assert found.potential == expected
    assert "potential" not in found.to_dict()
    assert NeuronModel.from_dict(found.to_dict()) == found


def test_a_subexpression_stands_for_its_variables():
    equations = (
        "dU/dt = (g - U)/(5*ms) : 1\ndg/dt = -g/(5*ms) : 1\nrel = U/2 : 1\nlow = rel - 1 : 1"
    )
    assert NeuronModel(equations, threshold="low > 0").potential == "U"


def test_a_variable_without_an_equation_may_be_one():
    equations = "dg/dt = -g/(5*ms) : 1\nU : 1\nfired : boolean"
    assert NeuronModel(equations, threshold="U > 1 and not fired").potential == "U"


@pytest.mark.parametrize("name", model_names())
def test_models_of_the_library_have_the_same_as_before(name):
    assert neuron_model(name).potential == "v"


OPEN = ("U = g - U", "g = -g")


def test_it_is_asked_for_only_where_it_is_needed(refused):
    assert model(*OPEN, threshold="U > g + 1", receive="g").potential == ""
    found = model(*OPEN, receive="g")
    assert found.potential == ""
    assert found.group(2).N == 2
    with refused("readout 'x' needs", "neuron model 'cells'", "'U' or 'g'", "potential = 'U'"):
        found.require_potential("readout 'x'")
    assert model(*OPEN, receive="g", potential="U").require_potential("readout 'x'") == "U"


def test_a_named_one_is_kept():
    found = model(*OPEN, potential="g")
    assert (found.potential, found.receive) == ("g", "g")
    assert found.to_dict()["potential"] == "g"
    assert NeuronModel.from_dict(found.to_dict()) == found
    assert "potential: g" in repr(found)
    assert found != model(*OPEN, potential="U")


def test_a_name_that_does_not_exist_is_refused(refused):
    with refused("neuron model 'cells': potential names 'Um'", "Did you mean 'U'?"):
        model(*OPEN, potential="Um")


def test_a_file_names_it(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'equations = """\ndU/dt = (g - U)/(5*ms) : 1\ndg/dt = -g/(5*ms) : 1"""\n'
        'threshold = "g > U"\npotential = "U"\n'
    )
    found = read_model(path)
    assert (found.potential, found.receive) == ("U", "U")


def test_spikes_add_to_v_or_else_to_the_potential():
    assert model("V = ge - V", "ge = -ge").receive == "V"
    assert model("v = u - v", "u = -u").receive == "v"
    assert model(*OPEN).receive == ""
    assert model("v = -v", receive="").receive == ""


def test_a_group_is_read_whatever_its_variables_are_called():
    equations = "dV/dt = (ge - V)/(10*ms) : volt\ndge/dt = -ge/(5*ms) : volt"
    group = NeuronGroup(2, equations, threshold="V > 1*mV", reset="V = 0*mV", method="exact")
    found = NeuronModel.from_group(group, namespace={"mV": mV})
    assert (found.potential, found.receive) == ("V", "V")
    assert NeuronModel.from_group(group, receive="ge", potential="ge").potential == "ge"
