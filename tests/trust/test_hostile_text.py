"""Text that asks for too much is refused in one line and in seconds: files, and Python."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.cli import main
from brianbridge.errors import InputError
from brianbridge.neurons.model import NeuronModel
from brianbridge.study import read_study

SECONDS = 10.0

LIF = "dv/dt = -v/tau + drive : 1\ndrive : Hz"


def coupled(n: int, method: str, *, dense: bool = False) -> dict:
    """Return `n` differential equations, each of which names a neighbour or all others."""
    every = " + ".join(f"v{j}" for j in range(n))
    right = [f"({every})/tau" if dense else f"(v{(i + 1) % n} - v{i})/tau" for i in range(n)]
    lines = [f"dv{i}/dt = {code} : 1" for i, code in enumerate(right)]
    return {
        "equations": "\n".join(lines),
        "emit": "int(v0 >= theta)",
        "reset": "v0 -= theta",
        "receive": "v0",
        "drive": "",
        "method": method,
    }


def doubling(operator: str) -> dict:
    lines = [f"s{i + 1} = s{i}{operator}s{i} + s{i} : 1" for i in range(30)]
    return {
        "equations": "\n".join([f"{LIF} \ndw/dt = -w*s30/tau : 1", "s0 = v : 1", *lines]),
        "method": "euler",
    }


def equation(term: str, method: str = "euler") -> dict:
    return {"equations": f"dv/dt = -v/tau{term} + drive : 1\ndrive : Hz", "method": method}


POWERS = "((((10**64)**64)**64)**64)**64"

#: What is refused, and a part of the reason.
MODELS = {
    # too much work
    "powers in an emit": ({"emit": f"int(v >= {POWERS})"}, "not a finite number"),
    "powers in an equation": (equation(f"*{POWERS}"), "not a finite number"),
    "powers of a name": (equation("*((v**8)**8)**8"), "power of a power"),
    "big coefficients": (equation("*(10**200*v)**2*(10**200*v)**2"), "digits in a coefficient"),
    "products that double": (doubling("*"), "once"),
    "sums that double": (doubling("+"), "once"),
    "a product of sums": (equation("".join(f"*(v + {i})" for i in range(30))), "expanded"),
    "a power of a sum": (equation("*(v + theta + 1)**60", "exact"), "expanded"),
    "exponentials in exponentials": (equation("*exp(exp(exp(v)))"), "exponentials in exponentials"),
    "a sum of 900": ({"emit": f"int(v >= {'+'.join(['v'] * 900)})"}, "levels"),
    "5,000 digits": ({"emit": f"int(v >= 1{'0' * 5000})"}, "characters"),
    "a long line": (equation("*1" * 4000), "characters"),
    "400 equations": (coupled(400, "exact"), "differential"),
    "150 equations": (coupled(150, "euler"), "differential"),
    "60 equations, all coupled": (coupled(60, "exact", dense=True), "couplings"),
    "60 equations in a ring": (coupled(60, "exact"), "3600 dependences"),
    "60, exponential": (coupled(60, "exponential_euler", dense=True), "couplings"),
    "a circle": ({"equations": f"{LIF}\na = b : 1\nb = a : 1"}, "a needs b needs a"),
    # no numbers
    "int(v/0)": ({"emit": "int(v/0)"}, "divides by 0"),
    "int(1/0)": ({"emit": "int(1/0)"}, "divides by 0"),
    "int(True)": ({"emit": "int(True)"}, "the same in every step"),
    "int(v and v)": ({"emit": "int(v and v)"}, "'v > 0'"),
    "sqrt(-1)": (equation("*sqrt(-1)"), "not a finite number"),
    "1e999": (equation("*1e999"), "not a finite number"),
    "log(0)": (equation(" + log(0)*Hz"), "not a finite number"),
    "inf": ({"emit": "int(v > inf)"}, "not a finite number"),
    "v = v/0": ({"reset": "v = v/0"}, "divides by 0"),
    "-v/0": (equation("/0"), "divides by 0"),
    # what only a trial tells
    "rand() in a subexpression": (
        {"equations": f"{LIF}\nw = rand() : 1", "emit": "int(v > w)", "method": "euler"},
        "constant over dt",
    ),
    "a root of a parameter": (
        equation("*sqrt(-theta)"), "'v' is nan"
    ),
    "a singular start": (equation(" + log(v)*Hz"), "'v' is -inf"),
    "a parameter of 0": ({"reset": "v = v/(theta - 1)"}, "cannot run"),
    # no plain ASCII
    "full-width letters": ({"emit": "int(ｖ >= theta)"}, "ASCII"),
    "full-width equations": (
        {"equations": LIF.replace("v", "ｖ"), "receive": "ｖ"}, "ASCII",
    ),
}  # fmt: skip


def build(**fields) -> NeuronModel:
    good = {
        "equations": LIF,
        "emit": "int(v >= theta)",
        "reset": "v -= theta",
        "drive": "drive",
        "parameters": {"tau": "10 ms", "theta": 1.0},
    }
    return NeuronModel(**(good | fields))


@pytest.fixture(autouse=True)
def in_time():
    # Time of the processor: the machine may have other work.
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("case", MODELS)
def test_a_model_that_cannot_be_is_refused(refused, case):
    fields, said = MODELS[case]
    with refused(said):
        build(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        coupled(40, "exact"),
        coupled(90, "euler"),
        coupled(30, "exact", dense=True),
        coupled(30, "exponential_euler", dense=True),
        equation("*(v - 1)*(v - theta)"),
        {"emit": "int(rand() < 1 - exp(-dt/tau*exp((v - theta)/theta)))"},
        {"equations": LIF + "  # time constant in µs, a comment as good as any"},
        {"equations": f"{LIF}\na = v + 1 : 1\nb = a*a : 1", "emit": "int(b > 5)"},
    ],
)
def test_a_model_that_can_be_is_taken(fields):
    assert build(**fields).group(2).N == 2


def test_a_trial_leaves_global_state_alone():
    from brian2 import defaultclock, prefs

    before = (np.random.get_state()[1].copy(), defaultclock.dt, dict(prefs))
    build(emit="int(v > rand())", name="drawn", parameters={"tau": "11 ms", "theta": 1.0})
    after = (np.random.get_state()[1], defaultclock.dt, dict(prefs))
    np.testing.assert_array_equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_equal_models_are_tried_once(monkeypatch):
    from brianbridge.neurons import checks

    tried = []
    monkeypatch.setattr(checks, "try_model", lambda *arguments: tried.append(arguments))
    for tau in ("12.5 ms", "12.5 ms", "13.5 ms"):
        build(parameters={"tau": tau, "theta": 1.0})
    assert len(tried) == 2


# ---------------------------------------------------------------------- TOML, all four kinds

NEURON = """
equations = '''
dv/dt = -v/tau + drive : 1
drive : Hz
'''
emit = "int(v >= theta)"
reset = "v -= theta"
drive = "drive"
[parameters]
tau = "10 ms"
theta = 1.0
[initial]
v = 0.0
"""
NETWORK = """
summary = "mine"
source = "nobody"
input_shape = [1, 6, 6]
encoding = { kind = "poisson", steps = 3, dt = "1 ms", rate = "100 Hz" }
weight_gain = 1.0
[neurons.lif]
theta = 0.5
[[layers]]
units = 4
neuron = "lif"
delay = "1 ms"
"""
STUDY = """
title = "small"
seed = 1
[dataset]
name = "digits"
[network]
encoding = { kind = "current", steps = 3, dt = "1 ms" }
neurons.if.theta = 1.0
[[network.layers]]
units = 10
neuron = "if"
[rule]
name = "spike_count"
[training]
epochs = 1
batch_size = 512
learning_rate = 1e-3
"""
LADDER = """
[[rung]]
name = "a bad chip"
repeats = 2
perturb.mismatch = { cv = 0.2 }
"""
KINDS = {"neuron": NEURON, "network": NETWORK, "study": STUDY, "ladder": LADDER}


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """Return a network file for ladders to be climbed by."""
    path = tmp_path_factory.mktemp("network") / "network.h5"
    layers = [bb.Dense(10, bb.neuron_model("lif"))]
    bb.save_network(bb.SpikingNetwork.sequential((8, 8), layers, encoding=bb.Current(3)), path)
    return path


@pytest.fixture
def said(tmp_path, capsys, saved):
    """Return a function that gives a file to the command line, and returns what that says."""

    def give(kind: str, text: str | bytes) -> str:
        path = tmp_path / f"{kind}.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        arguments = {
            "neuron": ["models", path],
            "network": ["models", path],
            "study": ["train", path, "--out", tmp_path / "out"],
            "ladder": ["verify", saved, "--data", "digits", "--samples", "3", "--ladder", path],
        }[kind]
        assert main([str(argument) for argument in arguments]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        return lines[0]

    return give


ANY = {
    "deep arrays": (f"x = {'[' * 3000}{']' * 3000}\n", "nested"),
    "deep tables": (f"x = {'{a = ' * 3000}1{'}' * 3000}\n", "nested"),
    "deep keys": (f"{'a.' * 3000}a = 1\n", "key"),
    "endless keys": (f"{'a.' * 60000}a = 1\n", "key"),
    "5,000 digits": (f"x = 1{'0' * 5000}\n", "digits"),
    "50 digits": (f"x = 1{'0' * 50}\n", "64 bits"),
    "inf": ("x = inf\n", "finite"),
    "no text": (b"\xff\xfe", "cannot be read"),
    "a megabyte": ("#" * 1_100_000 + "\n", "bytes"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ANY)
def test_a_file_that_is_too_much_is_refused(said, kind, case):
    text, reason = ANY[case]
    assert reason in said(kind, text if isinstance(text, bytes) else text + KINDS[kind])


TEXTS = [
    *[
        ("neuron", "v = 0.0", f"v = {value}", reason)
        for value, reason in {
            '"mV"': "wrong unit",
            '"theta*mV"': "wrong unit",
            '"inf"': "finite",
            '"theta/0"': "divides by 0",
            '"tau + theta"': "units do not match",
            '"theta**tau"': "dimensionless",
            '"tau > theta"': "units do not match",
            '"1e999"': "not finite",
            "[1.0]": "'initial.v'",
            "2020-01-01": "'initial.v'",
        }.items()
    ],
    ("neuron", 'tau = "10 ms"', 'tau = ["10 ms", 1]', "different units"),
    ("neuron", 'tau = "10 ms"', "tau = []", "no values"),
    ("neuron", "theta = 1.0", f"theta = 1{'0' * 400}", "64 bits"),
    ("neuron", "v -= theta", "v = v/0", "divides by 0"),
    ("neuron", "-v/tau", "-v/0/tau", "divides by 0"),
    ("network", '"poisson"', "0", "no encoding '0'"),
    ("network", '"poisson"', "{ a = 1 }", "no encoding"),
    ("network", '"100 Hz"', '["1 Hz", "2 Hz"]', "is not a rate"),
    ("network", "steps = 3", 'steps = "3"', "steps = '3'"),
    ("network", "steps = 3", f"steps = {2**62}", "at most"),
    ("network", 'dt = "1 ms"', "dt = 1e300", "give a step"),
    ("network", "theta = 0.5", "theta = [1.0, 2.0, 3.0]", "3 values for 4 neurons"),
    ("network", 'delay = "1 ms"', "delay = 1e9", "give a shorter one"),
    ("network", 'delay = "1 ms"', "delay = 1e300", "give a shorter one"),
    ("network", "units = 4", f"units = {2**62}", "at most"),
    ("network", "units = 4", "units = 10_000_000", "at most"),
    ("network", "[1, 6, 6]", f"[1, {2**62}, 6]", "at most"),
    ("network", "weight_gain = 1.0", "weight_gain = 1e308", "not finite"),
    ("study", '"current"', "0", "no encoding '0'"),
    ("study", '"current"', "{ a = 1 }", "no encoding"),
    ("study", "if.theta = 1.0", "if.theta = [1.0, 2.0, 3.0]", "3 values for 10 neurons"),
    ("study", 'name = "spike_count"', 'name = "spike_count"\nrule = 1', "no option 'rule'"),
    ("study", "learning_rate = 1e-3", "learning_rate = 1e38", "less than or equal"),
    ("ladder", "cv = 0.2", "name = 0.2", "no option 'name'"),
    ("ladder", "cv = 0.2", "cv = 1e308", "at most"),
    ("ladder", "repeats = 2", f"repeats = {2**62}", "less than or equal"),
]


@pytest.mark.parametrize(("kind", "old", "new", "reason"), TEXTS)
def test_a_wrong_value_is_named(said, kind, old, new, reason):
    assert old in KINDS[kind]
    assert reason in said(kind, KINDS[kind].replace(old, new, 1))


@pytest.mark.parametrize("name", ["x" * 300 + ".toml", "x\0.toml", "../x", "x" * 100_000])
@pytest.mark.parametrize("read", [bb.neuron_model, bb.network_model, read_study])
def test_a_name_that_no_file_has_is_refused(refused, read, name):
    with refused("there is no"):
        read(name)


# ---------------------------------------------------------------------- networks


@pytest.mark.parametrize(
    ("provenance", "reason"),
    [
        ({"dataset": "x"}, "'dataset' = 'x'"),
        ({"dataset": {"name": "digits", "folds": "x"}}, "'folds' = 'x'"),
        ({"dataset": {"name": "digits", "seed": -1}}, "'seed' = -1"),
        ({"dataset": {"name": "digits", "test_fraction": 1e9}}, "'test_fraction'"),
    ],
)
def test_a_provenance_that_tells_no_split_is_refused(said, saved, tmp_path, capsys, provenance,
                                                     reason):  # fmt: skip
    network = bb.load_network(saved)
    path = tmp_path / "other.h5"
    bb.save_network(network.with_weights({}, **provenance), path)
    assert main(["verify", str(path), "--data", "digits", "--samples", "3"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert reason in lines[0]
    assert main(["inspect", str(path)]) == 0


def test_a_receive_that_does_not_exist_is_refused_behind_a_constant_current():
    from dataclasses import replace

    layers = [bb.Dense(2, bb.neuron_model("lif"))]
    network = bb.SpikingNetwork.sequential((3,), layers, encoding=bb.Current(3))
    wrong = replace(network.projections[0], receive="nothing")
    with pytest.raises(InputError, match="cannot add to 'nothing'"):
        replace(network, projections=(wrong,))
