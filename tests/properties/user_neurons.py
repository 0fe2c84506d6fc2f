"""Draw the neurons of a user: equations, threshold, reset, refractory period, events, noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from brian2 import NeuronGroup, TimedArray, check_units, linked_var
from user_draw import Draw

import brianbridge as bb
from brianbridge.neurons.functions import USER_FUNCTIONS

__all__ = ["NEURONS", "Neurons", "draw_neurons", "holder"]

DECLARATIONS = """
I : 1
c : 1
k : integer
n : integer (constant)
on : boolean
fixed : boolean (constant)
s : 1 (shared)
f = 0.1*s + sin(t/ms)/5 : 1 (shared)
low : 1 (constant)
"""
_LINEAR = {
    "constant": "c", "index": "0.5*i/N", "number": "0.005*N", "boolean": "0.3*int(on)",
    "shared": "0.5*s", "linked": "q", "timed array": "0.5*stimulus(t)", "columns": "column(t, i)",
}  # fmt: skip
_NONLINEAR = {
    "constant boolean": "0.3*int(fixed and not on)", "integer": "0.1*(k % 3)",
    "constant integer": "0.2*(n//2)", "shared expression": "f",
    "clip": "clip(v + c, low, 1.5)", "function of the user": "0.5*hill(v)",
}  # fmt: skip
_RANDOM = {"randn": "0.1*randn()", "rand": "0.2*rand()", "constant over dt": "h"}
#: Variables that are declared if they are used.
_DECLARED = {"q": "q : 1 (linked)\n", "h": "h = 0.2*randn() : 1 (constant over dt)\n"}
_ALL = {**_LINEAR, **_NONLINEAR}


@dataclass(frozen=True)
class _Step:
    """Say how a group takes a step: its method, the terms of its equation, and its noise."""

    method: str = "euler"
    terms: tuple[str, ...] = tuple(_ALL)
    random: bool = False  # whether there are random terms, too
    noise: str = ""
    equation: str = "dv/dt = ({terms} + g + I - v)/(5*ms){noise} : 1{flag}\ndg/dt = -g/(3*ms) : 1"


_STEPS = {
    "exact": _Step("exact", tuple(_LINEAR)),
    "euler": _Step(),
    "rk4": _Step("rk4"),
    "exponential Euler": _Step(
        "exponential_euler", tuple(_LINEAR),
        equation="dv/dt = ({terms} + g + I - v*(1 + u**2))/(5*ms) : 1{flag}\n"
        "dg/dt = -g/(3*ms) : 1\ndu/dt = (v - u)/(20*ms) : 1",
    ),
    "random terms": _Step(random=True),
    "xi, euler": _Step(noise=" + 0.2*xi*(5*ms)**-0.5"),
    "xi, heun": _Step("heun", noise=" + 0.2*xi_a*(5*ms)**-0.5"),
    "xi, milstein": _Step("milstein", noise=" + 0.3*v*xi*(5*ms)**-0.5"),
    "no equation": _Step(equation="v : 1\ng : 1"),
}  # fmt: skip
_THRESHOLDS = {
    "constant": "v > 0.8", "index": "v > 0.6 + 0.4*i/N", "random": "v > 0.6 + 0.2*rand()",
    "boolean": "v > 0.6 and (on or i != 1)", "function of the user": "v > 0.9*hill(low)",
    "shared expression": "v >= 0.6 + f", "integer": "v > 0.5 + 0.1*(k % 3) or rand() < 0.002",
    "timed array": "v > 0.6 + 0.2*stimulus(t)",
}  # fmt: skip
_RESETS = {
    "constant": "v = 0", "subtraction": "v -= 0.9", "unused local name": "v = 0; w = 0",
    "local name": "w = v - 0.5; w += 0.2*i/N; v = clip(w, -0.5, 0.3)",
    "constant integer": "v = low - 0.1; k += n", "boolean": "on = not on; v = 0",
    "local condition": "k = (k + 1) % 4; high = v > 0.9; v = -0.1*int(high)",
    "random": "v = 0.3*rand(); c = clip(c + 0.1*randn(), 0, 1.5)",
    "function of the user": "x = 0.002*N; v = x*hill(v) - x",
}  # fmt: skip
_REFRACTORY = {
    "none": False, "time": "1.05*ms", "time of each neuron": "(0.5 + 2*i/N)*ms",
    "time that changes": "(0.95 + int(on))*ms", "random time": "(1 + 2*rand())*ms",
    "condition": "v > 0.7",
}  # fmt: skip
_EVENTS: dict[str, dict[str, tuple[str, str]]] = {
    "none": {},
    "on the way up": {"up": ("v > 0.5 and not on", "on = True; v += 0.1; k += 1")},
    "with each spike": {"fired": ("v > 0.8", "c = 0.9*c + 0.05; on = not on")},
    "random": {"jump": ("rand() < 0.01", "v += 0.2*rand(); c = 0.5 + 0.3*rand()")},
    "two": {"b": ("v > 0.6", "x = 0.1*v; c -= 0.01*x"), "a": ("c < 0.4", "c = 0.9 + 0.4*i/N")},
}  # fmt: skip
_REGULAR = {
    "constant": "c = 1.3 - c", "shared": "s = 1.5 - s", "index": "c = 0.5 + 0.5*i/N; on = i > 1",
    "random local name": "x = 0.1*rand(); v += x", "integer": "k += 1; c = 0.2*(k % 4)",
    "counts": "v += 0.05*poisson(1 + v**2)", "time": "c = 0.8 + 0.4*sin(t/ms)",
    "no equation": "v += 0.1*g + 0.03*c; g *= 0.9",
}  # fmt: skip
#: All constructs, by family.
NEURONS = {
    "term": _ALL, "random term": _RANDOM, "step": _STEPS, "threshold": _THRESHOLDS,
    "reset": _RESETS, "refractory": _REFRACTORY, "events": _EVENTS, "regular code": _REGULAR,
    "flag": {"none": "", "unless refractory": " (unless refractory)"},
}  # fmt: skip


@check_units(x=1, result=1)
def hill(x: Any) -> Any:
    return 1 / (1 + x**2)


bb.register_function(hill, torch=lambda x: 1 / (1 + x**2))


@dataclass(frozen=True)
class Neurons:
    """Hold a group, and what synapses to it must know."""

    group: NeuronGroup
    regular: bool
    """Whether it runs code at the start of steps, so that no sum may lead to it."""
    linked: bool
    """Whether it has a linked variable, so that Brian2 has no subgroups of it."""


def holder(draw: Draw) -> NeuronGroup:
    """Return a group of constants, to which variables of others are linked."""
    group = NeuronGroup(5, "x : 1 (constant)", name="holder")
    group.x = draw.rng.uniform(0, 0.6, 5)
    return group


def draw_neurons(draw: Draw, name: str, size: int, dt: Any, linked: NeuronGroup) -> Neurons:
    """Return a group of random neurons."""
    step = draw.deal("step", _STEPS)
    flag = draw.deal("flag", NEURONS["flag"]) if "dv" in step.equation else ""
    terms = _terms(draw, step) if "{terms}" in step.equation else ()
    equation = step.equation.format(terms=" + ".join(terms), noise=step.noise, flag=flag)
    declared = DECLARATIONS + "".join(_DECLARED.get(term, "") for term in terms)
    events = draw.deal("events", _EVENTS)
    group = NeuronGroup(
        size, equation + declared, method=step.method, dt=dt, name=name,
        threshold=draw.deal("threshold", _THRESHOLDS), reset=draw.deal("reset", _RESETS),
        refractory=draw.deal("refractory", _REFRACTORY),
        events={event: condition for event, (condition, _) in events.items()},
        namespace={
            "stimulus": TimedArray(draw.rng.uniform(0, 1.5, 9), dt=8 * dt),
            "column": TimedArray(draw.rng.uniform(-0.4, 0.8, (9, size)), dt=16 * dt),
            # The function itself would do, but not with random numbers from counters.
            "hill": USER_FUNCTIONS["hill"].brian2,
        },
    )  # fmt: skip
    for event, (_, code) in events.items():
        group.run_on_event(event, code)
    _set_values(draw, group, linked)
    regular = draw.one_in(2.5) or not terms
    if regular:
        names = set(_REGULAR) - {"no equation"} if terms else {"no equation"}
        code = draw.deal("regular code", _REGULAR, hand=1, allowed=names)
        group.run_regularly(code, dt=int(draw.structure.choice([1, 7, 30])) * dt)
    return Neurons(group, regular, "q" in terms)


def _terms(draw: Draw, step: _Step) -> list[str]:
    """Return the terms of the equation, three of which are different."""
    allowed = set(step.terms)
    found = []
    for _ in range(3):
        found.append(draw.deal("term", _ALL, hand=9, allowed=allowed))
        allowed -= {name for name, term in _ALL.items() if term == found[-1]}
    return found + [draw.deal("random term", _RANDOM, hand=1)] * step.random


def _set_values(draw: Draw, group: NeuronGroup, linked: NeuronGroup) -> None:
    size, rng = len(group), draw.rng
    if "q" in group.equations.names:
        group.q = linked_var(linked, "x", index=rng.integers(0, len(linked), size))
    group.v, group.c, group.low = (rng.uniform(0, high, size) for high in (0.5, 1.2, 0.2))
    group.s, group.I = 0.7, rng.uniform(0, 0.3, size)
    group.k, group.n = rng.integers(0, 3, size), rng.integers(0, 3, size)
    group.on, group.fixed = rng.random(size) < 0.5, rng.random(size) < 0.5
