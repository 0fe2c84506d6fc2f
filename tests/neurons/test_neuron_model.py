"""The neuron model: spellings, variants, and the Brian2 group that it builds."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from brian2 import Network, Quantity, SpikeMonitor, ms, mV, second

from brianbridge.neurons.library import model_names, neuron_model
from brianbridge.neurons.model import SPIKE_VALUE, NeuronModel

LIF = "dv/dt = -v/tau + drive : 1\ndrive : Hz"
PARAMETERS = {"tau": 10 * ms, "theta": 1.0}


def lif(equations: str = LIF, **fields) -> NeuronModel:
    fields = {"emit": "int(v >= theta)", "reset": "v -= theta*emit", "drive": "drive"} | fields
    return NeuronModel(equations, parameters=PARAMETERS, name="lif", **fields)


def spikes_of(model: NeuronModel, drive: float = 300.0, steps: int = 50) -> SpikeMonitor:
    group = model.group(1, dt=1 * ms)
    group.variables["drive"].set_value(drive)
    recorded = ["spike_value"] if SPIKE_VALUE in group.variables else []
    monitor = SpikeMonitor(group, recorded, when="after_resets")
    Network(group, monitor).run(steps * ms)
    return monitor


# ---------------------------------------------------------------------- spellings


def test_threshold_is_another_word_for_emit():
    spelt = lif(emit="", threshold=" v >= theta ")
    assert spelt.emit == "int(v >= theta)"
    assert spelt == lif()


@pytest.mark.parametrize(
    ("emit", "condition"),
    [
        ("int(v >= theta)", "v >= theta"),
        ("  int ( v >= theta )  ", "v >= theta"),
        ("(int(v >= theta))", "v >= theta"),
        ("int(v >= theta)  # a comment", "v >= theta"),
        ("int(v >= theta\n    and v < 9)", "v >= theta and v < 9"),
        ("int(not (v < theta))", "not (v < theta)"),
        ("int(v >= theta) - int(v <= -theta)", ""),
        ("int(v/theta)", ""),
        ("clip(floor(v/theta), 0, 4)", ""),
    ],
)
def test_the_threshold_of_the_group_is_the_condition(emit, condition):
    model = lif(emit=emit)
    assert model.is_binary == bool(condition)
    assert model.threshold_condition == (condition or f"({model.emit}) != 0")
    assert model.group(1).events["spike"] == model.threshold_condition


def test_an_emit_of_two_lines_with_comments_is_one_expression():
    ternary = lif(emit="int(v >= theta)  # up\n - int(v <= -theta)  # down")
    assert ternary.emit == "int(v >= theta) - int(v <= -theta)"
    assert set(spikes_of(ternary, drive=-300.0).spike_value) == {-1.0}


def test_the_reset_sees_what_was_emitted():
    graded = lif(emit="clip(floor(v/theta), 0, 4)", reset="v -= theta*emit")
    values = spikes_of(graded, drive=3500.0).spike_value
    assert set(values) == {3.0, 4.0}


@pytest.mark.parametrize("method", ["exact", "Exact", "linear", "independent", "propagator"])
def test_all_exact_methods_are_the_propagator(method):
    model = lif(method=method)
    assert model.method == "exact"
    assert model.group(1).method_choice == "propagator"


def test_other_methods_are_brian2s():
    assert lif(method="RK4").group(1).method_choice == "rk4"


@pytest.mark.parametrize("refractory", ["3 ms", "3*ms", 3 * ms, "t_ref"])
def test_a_refractory_period_in_any_spelling(refractory):
    parameters = PARAMETERS | {"t_ref": 3 * ms}
    model = NeuronModel(
        LIF.replace("drive : 1", "drive : 1 (unless refractory)"),
        threshold="v > theta", reset="v = 0", drive="drive", parameters=parameters,
        refractory=refractory,
    )  # fmt: skip
    steps = np.diff(np.rint(spikes_of(model, drive=1e5).t / ms))
    assert set(steps) == {3}


def test_a_free_potential_ignores_the_refractory_period():
    model = lif(LIF.replace("drive : 1", "drive : 1 (unless refractory)"), refractory="3 ms")
    assert "spike" not in model.group(1, fires=False).events


def test_a_quantity_may_be_text():
    model = NeuronModel(LIF, drive="drive", parameters={"tau": "20 ms"})
    assert model.parameters["tau"] == 20 * ms


# ---------------------------------------------------------------------- initial values


def test_initial_values_may_be_expressions_of_parameters():
    model = lif(initial={"v": "theta/2"})
    assert model.initial["v"] == 0.5
    assert model.group(2).v[1] == 0.5


def test_initial_values_follow_the_parameters():
    assert neuron_model("adex", E_L="-60 mV").initial["v"] == -60 * mV
    moved = neuron_model("izhikevich").with_parameters(c="-60 mV", b="0.1/ms")
    assert moved.initial["u"] == 0.1 / ms * -60 * mV
    again = moved.with_parameters(c="-50 mV")
    assert again.group(1).v[0] == -50 * mV


# ---------------------------------------------------------------------- one value a neuron


def test_arrays_give_one_value_a_neuron():
    model = lif().with_parameters(tau=[5, 10, 20] * ms)
    group = model.group(6)
    np.testing.assert_allclose(group.tau / ms, [5, 10, 20, 5, 10, 20])
    assert model.heterogeneous.keys() == {"tau"}


@pytest.mark.parametrize("field", ["parameter", "initial"])
def test_arrays_must_fit_the_number_of_neurons(refused, field):
    if field == "parameter":
        model = lif().with_parameters(theta=np.ones(3))
    else:
        model = lif(initial={"v": np.zeros(3)})
    with refused("neuron model 'lif'", "3 values for 4 neurons"):
        model.group(4)


# ---------------------------------------------------------------------- variants


def test_with_parameters_changes_nothing_else():
    model = lif(refractory="2 ms", method="rk4")
    slow = model.with_parameters(tau=20 * ms)
    assert slow.parameters == {"tau": 20 * ms, "theta": 1.0}
    assert model.parameters["tau"] == 10 * ms
    assert replace(slow, parameters=model.parameters) == model


def test_with_parameters_suggests_the_near_name(refused):
    with refused("neuron model 'lif'", "no parameter 'tauu'", "Did you mean 'tau'?"):
        lif().with_parameters(tauu=20 * ms)


def test_models_are_equal_if_they_say_the_same():
    assert lif() == lif()
    assert hash(lif()) == hash(lif())
    assert lif() != lif().with_parameters(theta=2.0)
    assert lif() != "lif"


# ---------------------------------------------------------------------- as a description


@pytest.mark.parametrize("name", model_names())
def test_every_model_survives_json(name):
    model = neuron_model(name)
    again = NeuronModel.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again == model
    assert again.to_dict() == model.to_dict()


def test_arrays_units_and_flags_survive_json_to_the_last_bit():
    tau = np.array([1 / 3, 0.1, 1e-9]) * second
    model = NeuronModel(
        LIF + "\nfired : boolean", emit="int(v > 1 and not fired)", reset="fired = True",
        drive="drive", parameters={"tau": tau}, initial={"v": np.array([0.1, 0.2, 0.3]),
        "fired": True}, refractory="1.1 ms",
    )  # fmt: skip
    again = NeuronModel.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again == model
    assert np.array_equal(np.asarray(again.parameters["tau"]), np.asarray(tau))
    assert isinstance(again.refractory, Quantity)
    assert bool(again.group(3).fired[0]) is True


def test_a_wrong_description_is_refused(refused):
    with refused("unknown key 'equation'", "Did you mean 'equations'?"):
        NeuronModel.from_dict({"equation": LIF})
    with refused("missing key 'equations'"):
        NeuronModel.from_dict({"emit": "1"})


# ---------------------------------------------------------------------- the group


def test_a_model_without_emit_never_fires():
    model = NeuronModel(LIF, drive="drive", parameters={"tau": 10 * ms})
    assert not model.is_binary
    assert not model.group(2).events


def test_spikes_that_carry_more_than_one_reset_right_after_the_threshold():
    group = neuron_model("ternary_if").group(2, order=5)
    assert group.resetter["spike"].when == "thresholds"
    assert group.resetter["spike"].order == 6
    assert neuron_model("if").group(2).resetter["spike"].when == "resets"


def test_keywords_reach_the_group():
    group = lif().group(2, name="cortex", dt=0.5 * ms)
    assert group.name == "cortex"
    assert group.dt[:] == 0.5 * ms


def test_potential_is_v_or_what_receives():
    assert neuron_model("cuba_lif").potential == "v"
    renamed = NeuronModel("du/dt = -u/tau : 1", receive="u", parameters={"tau": 5 * ms})
    assert renamed.potential == "u"
