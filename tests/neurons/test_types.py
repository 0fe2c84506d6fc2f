"""Integers and conditions: what would be cut off is refused, all else is equal in the twin."""

from __future__ import annotations

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.encoding import Bernoulli
from brianbridge.errors import InputError
from brianbridge.network import INPUT, AllToAll, Dense, Population, Projection, SpikingNetwork

LIF = "dv/dt = -v/(10*ms) : 1\n"
ON = np.array([True, False, True, True])
LOW, HIGH = np.array([0.0, 0.1, -0.2, 0.3]), np.array([1.2, 0.9, 1.5, 1.0])


def model(equations: str = LIF, **keywords: object) -> bb.NeuronModel:
    if "emit" not in keywords:
        keywords.setdefault("threshold", "v >= 1")
    keywords.setdefault("reset", "v -= 1")
    return bb.NeuronModel(equations, name="m", **keywords)


REFUSED = {
    "k += 1.6": ({"reset": "k += 1.6"}, r"write 'k \+= int\(1\.6\)'"),
    "k = v": ({"reset": "v -= 1; k = 2*v"}, r"write 'k = int\(2\*v\)'"),
    "k *= 1.5": ({"reset": "k *= 1.5"}, r"write 'k = int\(k\*\(1\.5\)\)'"),
    "k /= 2": ({"reset": "k /= 2"}, r"write 'k = int\(k/\(2\)\)'"),
    "k += emit": ({"emit": "clip(floor(v), 0, 3)", "reset": "k += emit"}, r"'k \+= int\(emit\)'"),
    "on = 2": ({"reset": "on = 2"}, "set it to one"),
    "on += True": ({"reset": "on += True"}, "set it to one"),
    "k(0) = 1.6": ({"initial": {"k": 1.6}}, "not a whole number"),
    "on(0) = 0.5": ({"initial": {"on": 0.5}}, "neither true nor false"),
    "receive = k": ({"receive": "k"}, "receive names 'k', which is integer"),
    "receive = on": ({"receive": "on"}, "receive names 'on', which is boolean"),
    "drive = k": ({"drive": "k"}, "drive names 'k'"),
}


@pytest.mark.parametrize(("keywords", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_brian2_would_cut_off_or_fail_at_is_refused(keywords, expected):
    with pytest.raises(InputError, match=expected) as found:
        model(LIF + "k : integer\non : boolean", **keywords)
    assert "\n" not in str(found.value)


def test_a_subexpression_that_is_an_integer():
    with pytest.raises(InputError, match=r"write 'j = int\(floor\(v\)\)'"):
        model(LIF + "j = floor(v) : integer")


def test_weights_of_a_projection_cannot_add_to_an_integer():
    neuron = model(LIF + "k : integer")
    projection = Projection(
        INPUT, "out", weight=np.ones((2, 3)), connection=AllToAll(), receive="k"
    )
    with pytest.raises(InputError, match=r"cannot add to 'k' .* which is integer"):
        SpikingNetwork((3,), Bernoulli(4), (Population("out", (2,), neuron),), (projection,))


EQUAL = {
    "boolean parameter": {"threshold": "v >= 1 and on", "parameters": {"on": True}},
    "NumPy's boolean": {"threshold": "v >= 1 and on", "parameters": {"on": np.bool_(True)}},
    "booleans, one a neuron": {"threshold": "v >= 1 and on", "parameters": {"on": ON}},
    "a list of booleans": {
        "threshold": "v >= 1 and (on or v > 1.2)", "parameters": {"on": ON.tolist()}
    },
    "booleans in a reset": {"reset": "v = v*int(on)", "parameters": {"on": ON}},
    "booleans in equations": {
        "equations": "dv/dt = -v*int(on)/(10*ms) : 1", "parameters": {"on": ON}, "method": "euler"
    },
    "a condition that is set": {
        "equations": LIF + "on : boolean", "threshold": "v + 0.1*int(on) >= 1",
        "reset": "v -= 1; on = not on",
    },
    "an integer": {
        "equations": LIF + "k : integer", "threshold": "v >= 1 + 0.1*k",
        "reset": "v -= 1; k += int(1.6); k = int(k*0.9) + emit",
    },
    "an integer, graded": {
        "equations": LIF + "k : integer", "emit": "clip(floor(v), 0, 3)",
        "reset": "v -= emit*(1 + 0.1*k); k += int(emit)",
    },
    "lower bounds": {"reset": "v = clip(v - 1, low, 5)", "parameters": {"low": LOW}},
    "upper bounds": {"reset": "v = clip(v - 1, -5, high)", "parameters": {"high": HIGH}},
    "both bounds": {
        "reset": "v = clip(v - 1, low, high)", "parameters": {"low": LOW, "high": HIGH}
    },
    "lower bounds of a number": {"reset": "v -= clip(0.2, low, 1)", "parameters": {"low": LOW}},
    "upper bounds of a number": {"reset": "v -= clip(1.1, 0, high)", "parameters": {"high": HIGH}},
    "both bounds of a number": {
        "reset": "v -= clip(1.1, low, high)", "parameters": {"low": LOW, "high": HIGH}
    },
    "a potential as a bound": {"reset": "v -= clip(0.9, 0, v)"},
    "bounds of a staircase": {
        "emit": "clip(floor(v), 0, high)", "reset": "v -= emit",
        "parameters": {"high": np.array([1.0, 2.0, 1.0, 3.0])},
    },
}  # fmt: skip


@pytest.mark.parametrize("path", ["batched", "reference"])
@pytest.mark.parametrize("keywords", EQUAL.values(), ids=EQUAL)
def test_twin_and_brian2_are_equal(keywords, path):
    neuron = model(**keywords)
    net = SpikingNetwork.sequential(
        (5,), [Dense(4, neuron, bias=False)], encoding=Bernoulli(15), seed=1, weight_gain=6.0
    )
    # The reference path adds one weight after the other, which a leak makes inexact.
    tolerance = 1e-13 if path == "reference" else 0.0
    x = np.random.default_rng(1).random((6, 5))
    ours = bb.to_torch(net).record(x, record=("spikes", "v"))
    theirs = bb.simulate(net, x, record=("spikes", "v"), backend=bb.Backend(path=path))
    assert ours.raster("output").any()
    np.testing.assert_array_equal(ours.raster("output"), theirs.raster("output"))
    np.testing.assert_allclose(
        ours.traces["output"]["v"], theirs.traces["output"]["v"], rtol=0, atol=tolerance
    )


@pytest.mark.parametrize("on", [True, np.bool_(False), ON, ON.tolist()])
def test_boolean_parameters_survive_a_file(on, tmp_path):
    neuron = model(threshold="v >= 1 and on", parameters={"on": on})
    again = bb.NeuronModel.from_dict(neuron.to_dict())
    assert again == neuron
    assert np.asarray(again.parameters["on"]).dtype == bool
    net = SpikingNetwork.sequential((5,), [Dense(4, neuron, bias=False)], encoding=Bernoulli(5))
    bb.save_network(net, tmp_path / "network.h5")
    found = bb.load_network(tmp_path / "network.h5").populations[0].neuron.parameters["on"]
    np.testing.assert_array_equal(found, on)
    assert np.asarray(found).dtype == bool
