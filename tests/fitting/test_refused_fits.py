"""What cannot be fitted is refused before anything is simulated, in one line with a remedy."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, Network, NeuronGroup, TimedArray, ms, mV, nA, nS, pA, pF

import brianbridge as bb
from brianbridge.cli import main
from brianbridge.fitting import Features

CASES = {
    "an unknown parameter": ({"learn": {"gg": (1 * nS, 2 * nS)}}, ("'gg'", "Did you mean 'g'?")),
    "another unit": ({"learn": {"g": (1 * mV, 2 * mV)}}, ("'g'", "siemens", "volt")),
    "a range that is none": ({"learn": {"g": (2 * nS, 1 * nS)}}, ("'g'", "2. nS", "below")),
    "one bound": ({"learn": {"g": 2 * nS}}, ("'g'", "lowest and its highest")),
    "no ranges": ({"learn": {}}, ("learn", "give one for each parameter")),
    "an unknown target": ({"target": {"V": np.zeros(100) * mV}}, ("'V'", "Choose from: 'I', 'v'.")),
    "a target in another unit": ({"target": {"v": np.ones(100) * pA}}, ("amp", "volt")),
    "no target": ({"target": {}}, ("target", "{'v': traces}")),
    "a target of another length": (
        {"target": {"v": np.arange(90) * mV}}, ("10 ms", "9 ms", "cut the longer one"),
    ),
    "other sweeps": ({"target": {"v": np.ones((2, 100)) * mV}}, ("1 sweeps", "2 of targets")),
    "sweeps of several lengths": ({"target": {"v": [[1, 2], [1]]}}, ("no array", "(sweeps")),
    "a constant target": ({"target": {"v": np.ones(100) * mV}}, ("'v'", "never changes")),
    "NaN": (
        {"target": {"v": np.where(np.arange(100) > 3, 1, np.nan) * mV}},
        ("4 values", "mask_nan=True"),
    ),
    "input in another unit": ({"input": np.ones(100) * mV}, ("volt", "amp", "multiply")),
    "input that is not finite": ({"input": np.full(100, np.inf) * nA}, ("input", "not finite")),
    "an unknown drive": ({"drive": "J"}, ("'J'", "Choose from: 'C', 'I', 'g'")),
    "no drive": ({"drive": ""}, ("does not say", "drive='I'")),
    "steps that do not divide": ({"target_dt": 0.25 * ms}, ("target_dt = 0.25 ms", "dt = 0.1 ms")),
    "an input of uneven steps": ({"input_dt": 0.25 * ms}, ("input_dt = 0.25 ms", "dt = 0.1 ms")),
    "dt that is no time": ({"dt": 1 * mV}, ("dt", "not a time")),
    "a late start": ({"t_start": 10 * ms}, ("t_start = 10 ms", "make it shorter")),
    "weights of another shape": ({"weights": np.ones(7)}, ("(7,)", "(1, 100)")),
    "weights below 0": ({"weights": -np.ones(100)}, ("weights", "0 or more")),
    "an unknown optimizer": ({"optimizer": "evolve"}, ("Did you mean 'evolution'?",)),
    "no starts": ({"starts": 0}, ("starts = 0", "from 1 to")),
    "too many starts": ({"starts": 10**9}, ("starts = 1000000000", "from 1 to")),
    "a bound for each neuron": ({"learn": {"g": ([1, 2] * nS, 3 * nS)}}, ("'g'", "[1., 2.]")),
    "a range as text": ({"learn": {"g": "1 nS"}}, ("'g'", "'1 nS'", "lowest")),
    "a number as a parameter": ({"learn": {3: (1 * nS, 2 * nS)}}, ("'3'", "'C', 'g'")),
    "weights by variable": ({"weights": {"v": 1}}, ("{'v': 1}", "one for each value")),
    "NaN as weights": ({"weights": np.full(100, np.nan)}, ("weights", "not finite")),
    "weights with a unit": ({"weights": np.ones(100) * mV}, ("weights", "plain numbers")),
    "no step": ({"dt": None}, ("dt is missing", "dt=0.1*ms")),
    "a step that is a switch": ({"dt": True}, ("dt = True", "not a time")),
    "a divisor that can be written": (
        {"target_dt": 0.25 * ms}, ("dt = 0.1 ms", "such as 0.0625 ms"),
    ),
    "complex input": ({"input": np.ones(100) * pA * 1j}, ("input", "complex")),
    "a TimedArray as input": (
        {"input": TimedArray([1, 2] * pA, dt=1 * ms)}, ("in the equations", "leave input out"),
    ),
    "a number as drive": ({"drive": 3}, ("drive = 3", "drive='I'")),
    "a switch that is none": ({"mask_nan": "yes"}, ("mask_nan = 'yes'", "True or False")),
    "a seed below 0": ({"seed": -1}, ("seed = -1",)),
    "a progress that is no function": ({"progress": 3}, ("progress = 3", "no function")),
    "a recording without a name": ({"target": np.arange(100) * mV}, ("no recording", "{'v':")),
    "text as a target": ({"target": "traces.npz"}, ("'traces.npz'", "no recording", "{'v':")),
    "spikes of a neuron without a threshold": (
        {"target": [[1, 2] * ms]}, ("no threshold", "threshold='v > -20*mV'"),
    ),
}  # fmt: skip

#: Refused in a fit to spikes, rates or a loss.
OTHERS = {
    "a trace as spikes": ({"target": [np.arange(100) * mV]}, ("spike train 0", "{'v': traces}")),
    "text as spikes": ({"target": ["a"]}, ("spike train 0", "no array of times")),
    "a number as a metric": ({"target": [[1] * ms], "metric": 3}, ("metric 3", "'gamma'")),
    "other numbers among rates": ({"target": [10 * Hz, 3]}, ("3 among rates", "in Hz")),
    "more than a spike in each step": ({"target": [1e6] * Hz}, ("1e+06 Hz", "smaller dt")),
    "a feature without a number": (
        {"target": Features("v", {"AP_amplitude": "x"})}, ("'AP_amplitude'", "'x'", "numbers"),
    ),
    "a scale for all features": (
        {"target": Features("v", {"AP_amplitude": 1 * mV}, scale=3)}, ("scale = 3", "by name"),
    ),
    "a loss that fails": (
        {"loss": lambda traces, _: traces["u"].mean()}, ("KeyError ('u')", "'v': (1, 100)"),
    ),
    "a loss that is a number": ({"loss": lambda *_: 3}, ("returns 3", "scalar tensor")),
    "a loss of each sweep": ({"loss": lambda t, _: t["v"].mean(1)}, ("shape (1,)", "scalar")),
    "a count as a loss": ({"loss": lambda t, _: (t["v"] > 0).sum()}, ("torch.int64", "scalar")),
    "a loss without a gradient": (
        {"loss": lambda t, _: t["v"].detach().mean()}, ("no gradient", "without detach()"),
    ),
    "no iterations": (
        {"loss": lambda t, _: t["v"].mean(), "iterations": 0}, ("iterations = 0", "1 or more"),
    ),
    "a number to record": (
        {"loss": lambda t, _: t["v"].mean(), "record": 3}, ("record = 3", "['v']"),
    ),
}  # fmt: skip


def arguments(**changes):
    group = NeuronGroup(
        1, "dv/dt = (g*(-70*mV - v) + I)/C : volt\nI : amp", method="exact",
        namespace={"g": 10 * nS, "C": 200 * pF, "unused": 1.0},
    )  # fmt: skip
    given = {
        "input": np.ones(100) * pA, "drive": "I", "target": {"v": np.arange(100) * mV},
        "dt": 0.1 * ms, "learn": {"g": (1 * nS, 100 * nS)}, "starts": 2,
    }  # fmt: skip
    return group, {**given, **changes}


@pytest.mark.parametrize("case", CASES)
def test_refused_before_any_work(case, refused, monkeypatch):
    monkeypatch.setattr(Network, "run", lambda *_, **__: pytest.fail("something was simulated"))
    changes, said = CASES[case]
    group, given = arguments(**changes)
    with refused(*said):
        bb.fit(group, **given)


@pytest.mark.parametrize("case", OTHERS)
def test_spikes_rates_and_losses_are_refused_before_any_work(case, refused, monkeypatch):
    monkeypatch.setattr(Network, "run", lambda *_, **__: pytest.fail("something was simulated"))
    changes, said = OTHERS[case]
    _, given = arguments(target=None)
    group = NeuronGroup(
        1, "dv/dt = (g*(-70*mV - v) + I)/C : volt\nI : amp", method="exact",
        threshold="v > -50*mV", reset="v = -60*mV", namespace={"g": 10 * nS, "C": 200 * pF},
    )  # fmt: skip
    if "loss" in changes:
        given["record"] = ["v"]
    if any(isinstance(one, Features) for one in changes.values()):
        pytest.importorskip("efel")
    with refused(*said):
        bb.fit(group, **{**given, **changes})


def test_a_loss_that_fails_keeps_the_cause():
    def loss(traces, spikes):
        raise ValueError("mine")

    group, given = arguments(target=None, loss=loss, record=["v"])
    with pytest.raises(bb.InputError) as caught:
        bb.fit(group, **given)
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_group_of_several_neurons_is_refused(refused):
    group = NeuronGroup(3, "dv/dt = (-v + I)/tau : volt\nI : volt", namespace={"tau": 5 * ms},
                        name="three")  # fmt: skip
    _, given = arguments(learn={"tau": (1 * ms, 20 * ms)})
    with refused("'three' has 3 neurons", "give a group with one"):
        bb.fit(group, **given)


def test_missing_input_is_named_if_nothing_depends_on_a_parameter(refused):
    _, given = arguments(input=None, drive="", learn={"R": (1, 20)})
    group = NeuronGroup(
        1, "dv/dt = (-70*mV - v + R*I)/(5*ms) : volt\nI : volt", namespace={"R": 5.0},
        method="euler",
    )  # fmt: skip
    with refused("do not depend on 'R'", "give the input, of which there is none"):
        bb.fit(group, **given)


def test_a_parameter_without_effect_is_refused_after_two_simulations(refused, monkeypatch):
    runs, run = [], Network.run
    monkeypatch.setattr(Network, "run", lambda *a, **k: (runs.append(1), run(*a, **k)))
    group = NeuronGroup(
        1, "dv/dt = (g*(-70*mV - v) + I + x)/C : volt\nI : amp\ndx/dt = -x/tau : amp",
        method="exact", namespace={"g": 10 * nS, "C": 200 * pF, "tau": 5 * ms},
    )  # fmt: skip
    _, given = arguments(learn={"g": (1 * nS, 100 * nS), "tau": (1 * ms, 20 * ms)})
    with refused("do not depend on 'tau'", "leave it out"):
        bb.fit(group, **given)
    assert len(runs) == 2  # it follows the recording, and runs by itself


def test_the_command_refuses_in_one_line(tmp_path, capsys):
    path = tmp_path / "cell.toml"
    path.write_text(
        'model = "lif"\ndt = "0.1 ms"\n[target.v]\nfile = "no.npz"\nvalues = "v"\n[learn]\n'
    )
    assert main(["fit", str(path)]) == 2
    error = capsys.readouterr().err
    assert "no.npz" in error
    assert error.count("\n") == 1
    assert main(["fit", str(tmp_path / "none.toml")]) == 2
    assert "no fit file" in (error := capsys.readouterr().err)
    assert "that exists" in error
    assert "There are none" not in error
    path.write_text(path.read_text().replace("dt =", "dtt ="))
    assert main(["fit", str(path)]) == 2
    assert "dtt" in capsys.readouterr().err
