"""Synapses with equations and code of their own, as frozen data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from brianbridge.errors import InputError
from brianbridge.network.delays import steps_in
from brianbridge.neurons.budget import check_text
from brianbridge.neurons.expressions import parse_expression
from brianbridge.neurons.quantities import from_json, to_json
from brianbridge.neurons.statements import parse_statements

__all__ = ["Side", "SynapseModel", "SynapsePathway"]

#: The end of a synapse: its source ("pre") or its target ("post").
Side = Literal["pre", "post"]

_EQUATION = re.compile(
    r"^\s*(?:d(?P<state>\w+)\s*/\s*dt\s*=|(?P<sub>\w+)\s*=|(?P<parameter>\w+)\s*(?=:))"
    r"(?P<expression>[^:]*):\s*(?P<unit>[^()#]+?)\s*(?:\((?P<flags>[^)]*)\))?\s*$",
    re.ASCII,
)


@dataclass(frozen=True, eq=False)
class SynapsePathway:
    """Say what the spikes of one end of the synapses do.

    Parameters
    ----------
    name : str
        Name of the pathway, such as Brian2's ``pre`` and ``post``.
    side : {"pre", "post"}
        Whether it follows the spikes of the source or those of the target.
    code : str
        Statements, in Brian2's syntax. Variables of neurons have a suffix: ``v_post``, ``x_pre``.
    delay : float or numpy.ndarray, shape (synapses,)
        Time from a spike to the code, in seconds.
    order : int
        Pathways that are due in the same step run in this order, those of all projections together.
    """

    name: str
    side: Side
    code: str
    delay: Any = 0.0
    order: int = -2

    def __post_init__(self) -> None:
        what = f"pathway '{self.name}'"
        if not (self.name.isidentifier() and self.name.isascii()):
            raise InputError(f"{what}: use letters a to z, digits and underscores as its name")
        if self.side not in get_args(Side):
            raise InputError(f"{what}: side = {self.side!r}; give 'pre' or 'post'")
        delay = np.asarray(self.delay, dtype=np.float64)
        if delay.ndim > 1 or not (np.isfinite(delay) & (delay >= 0)).all():
            raise InputError(f"{what}: give one delay of at least 0 s, or one for each synapse")
        object.__setattr__(self, "delay", delay)
        parse_statements(self.code, what)

    def steps(self, dt: float, synapses: int) -> np.ndarray:
        """Return the delay of each synapse in steps of `dt` seconds, shape (synapses,)."""
        for delay in np.unique(self.delay):
            steps_in(float(delay), dt, f"pathway '{self.name}': delay")
        return np.rint(np.broadcast_to(self.delay, (synapses,)) / dt).astype(np.int64)


@dataclass(frozen=True, eq=False)
class SynapseModel:
    r"""Describe synapses that have equations, or whose code does more than add a weight.

    Parameters
    ----------
    equations : str
        Equations in Brian2's syntax, with its flags: parameters, subexpressions, ``(event-driven)``
        and ``(clock-driven)`` differential equations, and ``(summed)`` variables.
    pathways : sequence of SynapsePathway
        What spikes do.
    trained : str
        The variable that the projection's weight gives the initial values of; empty if none.
    initial : mapping of str to numpy.ndarray, shape (synapses,) or (1,)
        Initial values of all other variables in SI units; 0 if not given.
    constants : mapping of str to Quantity or float
        Constants that equations and code name.
    method : str
        Brian2's method for clock-driven equations.
    updates_first : bool
        Whether clock-driven equations take their step before those of the neurons.
    after_source : bool
        Whether summed variables are set between the state updates of the source and of the target,
        and not before those of all neurons.

    Raises
    ------
    InputError
        If an equation, a statement or a delay does not parse.

    Examples
    --------
    >>> depressing = SynapseModel(
    ...     "w : 1\ndx/dt = (1 - x)/(100*ms) : 1 (event-driven)",
    ...     [SynapsePathway("pre", "pre", "g_post += w*x; x *= 0.6")],
    ...     trained="w", initial={"x": 1.0})
    >>> depressing.changed("post"), depressing.variables
    (('g',), ('w', 'x'))
    """

    equations: str
    pathways: Any = ()
    trained: str = ""
    initial: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    method: str = "euler"
    updates_first: bool = False
    after_source: bool = False

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "pathways", tuple(self.pathways))
        lines = (line.split("#")[0].strip() for line in self.equations.splitlines())
        set_(self, "equations", "\n".join(filter(None, lines)))
        values = {k: np.atleast_1d(np.asarray(v, np.float64)) for k, v in self.initial.items()}
        set_(self, "initial", values)
        for name in [*self.initial, *([self.trained] if self.trained else [])]:
            if name not in self.variables:
                raise InputError(f"synapses have no variable '{name}'; they have {self.variables}")
        names = [pathway.name for pathway in self.pathways]
        if len(set(names)) < len(names):
            raise InputError(f"synapses have two pathways of the same name: {names}; rename one")

    def _matches(self) -> list[re.Match[str]]:
        found = []
        for line in self.equations.splitlines():
            check_text(line, "equations of synapses")
            match = _EQUATION.match(line)
            if match is None:
                raise InputError(f"equations of synapses: '{line}' is not an equation")
            if match["expression"].strip():
                parse_expression(match["expression"], f"equation '{line}' of synapses")
            found.append(match)
        return found

    @property
    def variables(self) -> tuple[str, ...]:
        """The parameters and the variables with a differential equation."""
        names = [m["state"] or m["parameter"] for m in self._matches()]
        return tuple(name for name in names if name)

    @property
    def expressions(self) -> tuple[tuple[str, str, bool], ...]:
        """Name and right-hand side of each equation, and whether it is summed over synapses."""
        return tuple(
            (m["state"] or m["sub"], m["expression"], "summed" in _flags(m))
            for m in self._matches()
            if m["expression"].strip()
        )

    @property
    def shared(self) -> tuple[str, ...]:
        """The parameters of which there is one for all synapses."""
        return tuple(
            m["parameter"] for m in self._matches() if m["parameter"] and "shared" in _flags(m)
        )

    @property
    def summed(self) -> tuple[tuple[str, Side], ...]:
        """The variables of neurons that are a sum over synapses, each with its side."""
        names = [m["sub"] for m in self._matches() if m["sub"] and "summed" in _flags(m)]
        sides: dict[str, Side] = {"_pre": "pre", "post": "post"}
        return tuple((name.rsplit("_", 1)[0], sides[name[-4:]]) for name in names)

    @property
    def follows_spikes(self) -> bool:
        """Whether a pathway follows the spikes of the source."""
        return any(pathway.side == "pre" for pathway in self.pathways)

    def changed(self, side: Side) -> tuple[str, ...]:
        """Return the variables of the source or of the target that these synapses change."""
        ending = f"_{side}"
        targets = [s.target for p in self.pathways for s in parse_statements(p.code, p.name)]
        names = [t.removesuffix(ending) for t in targets if t.endswith(ending)]
        return tuple(dict.fromkeys([*names, *(n for n, of in self.summed if of == side)]))

    # ------------------------------------------------------------------ files

    def arrays(self) -> dict[str, np.ndarray]:
        """Return initial values and delays, by the names that they have in files."""
        delays = {f"delay_{p.name}": np.atleast_1d(p.delay) for p in self.pathways}
        return {**{f"initial_{k}": v for k, v in self.initial.items()}, **delays}

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the arrays, for JSON."""
        return {
            "equations": self.equations,
            "pathways": [
                {"name": p.name, "side": p.side, "code": p.code, "order": p.order}
                for p in self.pathways
            ],
            "trained": self.trained,
            "constants": {name: to_json(value) for name, value in self.constants.items()},
            "method": self.method,
            "updates_first": self.updates_first,
            **({"after_source": True} if self.after_source else {}),
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> SynapseModel:
        """Rebuild synapses from the results of `to_dict` and `arrays`."""
        pathways = []
        for one in entry["pathways"]:
            delay = arrays[f"delay_{one['name']}"]
            pathways.append(SynapsePathway(**one, delay=delay[0] if len(delay) == 1 else delay))
        initial = {
            name.removeprefix("initial_"): values
            for name, values in arrays.items()
            if name.startswith("initial_")
        }
        constants = {name: from_json(value) for name, value in entry["constants"].items()}
        plain = {key: entry[key] for key in ("equations", "trained", "method", "updates_first")}
        return cls(
            pathways=pathways, initial=initial, constants=constants,
            after_source=entry.get("after_source", False), **plain,
        )  # fmt: skip


def _flags(match: re.Match[str]) -> set[str]:
    return {flag.strip() for flag in (match["flags"] or "").split(",")}
