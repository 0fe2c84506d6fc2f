"""Draw the synapses of a user: what a spike does, equations, sums, delays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2 import SpikeGeneratorGroup, Synapses
from user_draw import Draw
from user_neurons import Neurons

__all__ = ["SYNAPSES", "draw_synapses"]


@dataclass(frozen=True)
class _Kind:
    """Say what synapses do, and between which groups they may be.

    Parameters
    ----------
    on_pre, on_post : str or dict
        Code of their pathways.
    model : str
        Their equations.
    method : str
        Method of the equations.
    initial : dict of str to float or (float, float)
        Values of variables other than `w`, or the range of these values.
    degree : float
        Synapses of a target; few for code that Brian2 runs synapse by synapse.
    needs : set of str
        "state": the source has variables; "free source": and runs nothing at the start of a step;
        "free": neither does the target, which receives no other sum; "in order": the source emits
        the spikes of a step in the order of its neurons.
    """

    on_pre: Any
    model: str = "w : 1"
    on_post: Any = None
    method: str = "exact"
    initial: dict[str, Any] = field(default_factory=dict)
    degree: float = 8
    needs: frozenset[str] = frozenset()


_PLAIN = {
    "adds to a state": _Kind("g += w"),
    "adds to the potential": _Kind("v += w"),
    "subtracts a multiple": _Kind("g -= -2*w/3"),
    "two weights": _Kind("g += w; v_post -= 0.3*z", "w : 1\nz : 1", initial={"z": (0, 0.1)}),
    "two pathways": _Kind(
        {"up": "g += w", "down": "v -= 0.4*z"}, "w : 1\nz : 1", initial={"z": (0, 0.1)}
    ),
    "constant": _Kind("g += J", ""),
    "shared weight": _Kind("g += w", "w : 1 (shared)"),
}  # fmt: skip
_TRACES = (
    "w : 1\ndapre/dt = -apre/(20*ms) : 1 (event-driven)\n"
    "dapost/dt = -apost/(20*ms) : 1 (event-driven)"
)
_MODELLED = {
    "one weight, two targets": _Kind("g_post += w; v_post -= 0.3*w"),
    "factor of the target": _Kind("g_post += w*(1.5 - v_post)"),
    "factor of the source": _Kind("g_post += w*clip(v_pre + 1, 0, 2)", needs=frozenset({"state"})),
    "constants of neurons": _Kind("g_post += w*(1 + low_post)*n_post"),
    "synapse by synapse": _Kind("v_post += w*(0.5 - v_post)", degree=1.5),
    "condition": _Kind(
        "v_post += w*int(v_post < 0.4)", degree=1.5, needs=frozenset({"in order"})
    ),
    "factor of itself": _Kind("g_post *= exp(-w)", degree=2),
    "assignment": _Kind("g_post = 0.2 + g_post/2; v_post += w/4"),
    "local name": _Kind("r = w*v_post; g_post += w + r"),
    "subexpression": _Kind("g += y", "w : 1\ny = w**2 + 0.1*w : 1"),
    "time": _Kind("g += w*(1 + sin(t/ms)/2)"),
    "integer and boolean": _Kind(
        "g_post += w*int(up); m += 1; up = m % 3 > 0",
        "w : 1\nm : integer\nup : boolean", initial={"m": (0, 4)},
    ),
    "depression": _Kind(
        "p += U*(1 - p); r = p*x; x -= r; g += 2*w*r",
        "w : 1\nU : 1 (shared)\ndx/dt = (1 - x)/(20*ms) : 1 (event-driven)\n"
        "dp/dt = -p/(30*ms) : 1 (event-driven)", initial={"x": 1, "U": 0.4},
    ),
    "plasticity": _Kind(
        "g_post += w; apre += 0.01; w = clip(w - apost, 0, 0.5)", _TRACES,
        on_post="apost += 0.012; w = clip(w + apre, 0, 0.5)",
    ),
    "three pathways": _Kind(
        {"a": "g_post += w*x; x *= 0.9", "b": "v_post += 0.1*w*x"}, "w : 1\nx : 1",
        on_post="x = clip(x + 0.1, 0, 1)", initial={"x": (0.5, 1)}, degree=4,
    ),
    "linear equation": _Kind(
        {"a": "y += w; v += 0.2*y"}, "w : 1\ndy/dt = -y/(4*ms) : 1 (clock-driven)",
        on_post="y *= 0.9", degree=4,
    ),
    "equation of the target": _Kind(
        "g += w*(1 - y)", "w : 1\ndy/dt = (v_post - y)/(5*ms) : 1 (clock-driven)",
        method="euler", degree=4, needs=frozenset({"free"}),
    ),
    "sum": _Kind(
        "y += w", "w : 1\ndy/dt = -y/(5*ms) : 1 (clock-driven)\nI_post = 0.3*y : 1 (summed)",
        degree=4, needs=frozenset({"free"}),
    ),
    "sum that saturates": _Kind(
        "x += 0.5",
        "w : 1\ndy/dt = -y/(30*ms) + 0.5*x*(1 - y)/ms : 1 (clock-driven)\n"
        "dx/dt = -x/(2*ms) : 1 (clock-driven)\nI_post = w*y : 1 (summed)",
        method="rk4", degree=4, needs=frozenset({"free"}),
    ),
    "gap junction": _Kind(
        None, "w : 1\nI_post = w*(v_pre - v_post) : 1 (summed)", degree=4,
        needs=frozenset({"state", "free", "free source"}),
    ),
}  # fmt: skip
_DELAYS = {
    "none": "none", "fixed": "one", "of each synapse": "each", "fixed but for a pathway": "first",
}  # fmt: skip
_PARTS = {"whole groups": False, "part of a group": True}
#: All constructs, by family.
SYNAPSES: dict[str, dict[str, Any]] = {
    "synapses that add": _PLAIN, "synapses with a model": _MODELLED, "delays": _DELAYS,
    "ends": _PARTS,
}  # fmt: skip


def draw_synapses(
    draw: Draw, name: str, ends: tuple[Any, Any], dt: Any, modelled: bool, taken: set[str]
) -> Synapses:
    """Return random synapses from one group to another.

    Parameters
    ----------
    draw : Draw
        Draws.
    name : str
        Name of the synapses.
    ends : (Neurons or group, Neurons)
        Source and target.
    dt : Quantity
        The step.
    modelled : bool
        Whether they may do more than add weights.
    taken : set of str
        Groups that receive a sum already; extended.
    """
    source, target = ends
    kind = _kind(draw, source, target, modelled, taken)
    if "(summed)" in kind.model:
        taken.add(target.group.name)
    group, receiver = source.group if isinstance(source, Neurons) else source, target.group
    delays = draw.deal("delays", _DELAYS, hand=6)
    whole = "(summed)" in kind.model or isinstance(group, SpikeGeneratorGroup)
    whole |= any(isinstance(end, Neurons) and end.linked for end in ends)
    if draw.deal("ends", _PARTS, hand=6, allowed={"whole groups"} if whole else None):
        group, receiver = group[len(group) // 4 :], receiver[: 3 * len(receiver) // 4]
    one = Synapses(
        group, receiver, kind.model, on_pre=kind.on_pre, on_post=kind.on_post, dt=dt, name=name,
        method=kind.method, delay=_fixed(draw, kind, delays, dt) or None, namespace={"J": 0.15},
    )  # fmt: skip
    pre, post = _pairs(draw, len(one.source), len(one.target), kind.degree)
    one.connect(i=pre, j=post)
    if "w" in one.variables:
        scale = 0.8 / kind.degree
        each = draw.rng.uniform(-scale / 3, scale, len(pre))
        one.w = scale / 2 if one.variables["w"].scalar else each
    for variable, value in kind.initial.items():
        drawn = draw.rng.uniform(*value, len(pre)) if isinstance(value, tuple) else value
        setattr(one, variable, np.floor(drawn) if variable == "m" else drawn)
    for number, pathway in enumerate(one._pathways):
        if delays == "each" or (delays == "first" and number == 0):
            pathway.delay = draw.rng.uniform(0, 12, len(one)) * dt
    return one


def _kind(draw: Draw, source: Any, target: Neurons, modelled: bool, taken: set[str]) -> _Kind:
    if not modelled or draw.one_in(6):
        return draw.deal("synapses that add", _PLAIN, hand=6)
    has = {"state", "free source"} if isinstance(source, Neurons) else set()
    if has and source.regular:
        has -= {"free source"}
    if not isinstance(source, SpikeGeneratorGroup):
        has |= {"in order"}
    if not target.regular and target.group.name not in taken:
        has |= {"free"}
    allowed = {name for name, kind in _MODELLED.items() if kind.needs <= has}
    return draw.deal("synapses with a model", _MODELLED, hand=5, allowed=allowed)


def _fixed(draw: Draw, kind: _Kind, delays: str, dt: Any) -> dict[str, Any]:
    """Return the delays that are fixed when synapses are made, by the name of the pathway."""
    names = list(kind.on_pre) if isinstance(kind.on_pre, dict) else ["pre"] * bool(kind.on_pre)
    names += ["post"] * bool(kind.on_post)
    fixed = names if delays == "one" else names[1:] if delays == "first" else []
    return {name: int(draw.rng.integers(0, 9)) * dt for name in fixed}


def _pairs(draw: Draw, sources: int, targets: int, degree: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of synapses, of which some pairs have two."""
    chosen = draw.rng.random((sources, targets)) < degree / sources
    chosen[0, 0] = True  # Brian2 refuses an empty list of pairs
    pre, post = np.nonzero(chosen)
    number = draw.rng.choice([1, 2], len(pre), p=[0.95, 0.05])
    return np.repeat(pre, number), np.repeat(post, number)
