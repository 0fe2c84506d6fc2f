"""What cannot be fitted is refused before anything is simulated, in one line with a remedy."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, ms, mV, nA, nS, pA, pF

import brianbridge as bb
from brianbridge.cli import main

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
    "weights below 0": ({"weights": -np.ones(100)}, ("weights", "above 0")),
    "an unknown optimizer": ({"optimizer": "evolve"}, ("Did you mean 'evolution'?",)),
    "no starts": ({"starts": 0}, ("starts = 0", "1 or more")),
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
