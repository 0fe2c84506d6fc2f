"""Get the code of synapses as the statements that Brian2 would compile.

Names are made unique: a variable of the source ends in ``_pre``, one of the target in ``_post``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brian2.core.variables import Subexpression
from brian2.stateupdaters.base import UnsupportedEquationsException
from brian2.utils.stringtools import get_identifiers

from brianbridge.errors import InputError
from brianbridge.neurons.abstract_code import TEMPORARY, statements_of
from brianbridge.neurons.expressions import one_line

__all__ = ["SUM", "PathwayCode", "SynapseCode", "masked", "read_code", "side_of", "unique_names"]

#: The name that Brian2 gives to the value of which a summed variable is the sum.
SUM = "_synaptic_var"
_ENDINGS = {"_presynaptic_idx": "_pre", "_postsynaptic_idx": "_post"}


@dataclass(frozen=True)
class PathwayCode:
    """Hold the statements of a pathway.

    Parameters
    ----------
    decay : list of brian2 Statement
        The exact step of event-driven equations since the last event.
    statements : list of brian2 Statement
        The code after it.
    """

    decay: list[Any]
    statements: list[Any]

    @property
    def all(self) -> list[Any]:
        """All statements."""
        return [*self.decay, *self.statements]

    @property
    def in_turn(self) -> bool:
        """Whether synapses of the same target must run one after another.

        So it is unless they only add to variables of the target that they do not read.
        """
        targets = [s for s in self.statements if s.op != TEMPORARY and s.var.endswith("_post")]
        read = set().union(*(get_identifiers(s.expr) for s in self.all))
        return any(s.op not in ("+=", "-=") or s.var in read for s in targets)


@dataclass(frozen=True)
class SynapseCode:
    """Hold all statements of synapses.

    Parameters
    ----------
    sums : mapping of str to list of brian2 Statement
        By the name of a summed variable, such as ``I_post``, what its summand is.
    update : list of brian2 Statement
        One step of the clock-driven equations.
    pathways : mapping of str to PathwayCode
        What spikes do.
    known : mapping of str to brian2 Variable or Function
        What the names refer to.
    """

    sums: Mapping[str, list[Any]]
    update: list[Any]
    pathways: Mapping[str, PathwayCode]
    known: Mapping[str, Any]

    @property
    def all(self) -> list[Any]:
        """All statements."""
        parts = [*self.sums.values(), self.update, *(p.all for p in self.pathways.values())]
        return [statement for part in parts for statement in part]

    def used_names(self) -> set[str]:
        """Return the names whose present values the statements need."""
        changed = {s.var for p in self.pathways.values() if p.in_turn for s in p.statements}
        used = set().union(*(get_identifiers(statement.expr) for statement in self.all))
        return used | {name for name in changed if name.endswith("_post")}

    def assigned_names(self) -> set[str]:
        """Return the variables that change, without temporary ones."""
        return {s.var for s in self.all if s.op != TEMPORARY}


def masked(code: SynapseCode, pathway: PathwayCode) -> tuple[str, ...]:
    """Return the variables of the target that a pathway does not write in refractory neurons."""
    names = dict.fromkeys(s.var for s in pathway.statements if s.var.endswith("_post"))
    return tuple(
        name
        for name in names
        if getattr(code.known.get(name), "conditional_write", None) is not None
    )


def side_of(synapses: Any, name: str) -> str:
    """Return "pre" or "post" for a variable of the source or target, else an empty string."""
    if name not in synapses.variables:
        return ""
    return _ENDINGS.get(synapses.variables.indices[name], "")[1:]


def unique_names(synapses: Any) -> dict[str, str]:
    """Return the unique name of each variable of a neuron that has another one."""
    names = {}
    for name in synapses.variables:
        side, variable = side_of(synapses, name), synapses.variables[name]
        if side and not isinstance(variable, Subexpression):
            names[name] = f"{variable.name}_{side}"
    return {name: unique for name, unique in names.items() if name != unique}


def read_code(synapses: Any, namespace: Mapping[str, Any] | None = None) -> SynapseCode:
    """Return the statements of Brian2 `Synapses`, with unique names.

    Parameters
    ----------
    synapses : brian2.Synapses
        The synapses. They need no connections.
    namespace : mapping, optional
        Constants that their own namespace lacks.

    Raises
    ------
    InputError
        If Brian2 has no step for the differential equations.
    """
    outer = dict(namespace or {})
    texts = _texts(synapses, outer)
    known = _resolved(synapses, texts.values(), outer)
    renamed = unique_names(synapses)
    found = {
        label: _renamed(statements_of(text, known, label), renamed) for label, text in texts.items()
    }
    return SynapseCode(
        {name: found[f"sum{k}"] for k, name in enumerate(synapses.summed_updaters)},
        found.get("update", []),
        {
            pathway.objname: PathwayCode(found[f"decay{k}"], found[f"code{k}"])
            for k, pathway in enumerate(synapses._pathways)
        },
        {renamed.get(name, name): variable for name, variable in known.items()},
    )


def _texts(synapses: Any, outer: Mapping[str, Any]) -> dict[str, str]:
    """Return the abstract code of each part, by a label."""
    texts = {
        f"sum{k}": f"{SUM} = {updater.expression.code}"
        for k, updater in enumerate(synapses.summed_updaters.values())
    }
    try:
        if synapses.state_updater is not None:
            synapses.state_updater.update_abstract_code(outer)
            texts["update"] = synapses.state_updater.abstract_code
        for k, pathway in enumerate(synapses._pathways):
            texts[f"decay{k}"], texts[f"code{k}"] = _split(pathway, outer)
    except UnsupportedEquationsException as error:
        raise InputError(
            f"synapses '{synapses.name}': {one_line(str(error))} Event-driven equations must be "
            "linear; for clock-driven ones use method 'euler' or 'rk4'"
        ) from None
    return texts


def _split(pathway: Any, namespace: Mapping[str, Any]) -> tuple[str, str]:
    """Return the event-driven step of a pathway, and the user's code after it."""
    pathway.update_abstract_code(namespace)
    last = "lastupdate = t\n" if pathway.synapses.event_driven is not None else ""
    return pathway.abstract_code.removesuffix(f"{pathway.code}\n{last}"), pathway.code


def _resolved(synapses: Any, texts: Any, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables that all names refer to, also those in subexpressions."""
    variables = dict(synapses.variables)
    expressions = [v.expr for v in variables.values() if isinstance(v, Subexpression)]
    used = set().union(*(get_identifiers(text) for text in (*texts, *expressions)))
    for name in used - set(variables) - {"and", "or", "not", "True", "False"}:
        try:
            variables[name] = synapses._resolve(
                name, run_namespace=namespace, user_identifier=False
            )
        except KeyError:
            continue  # a temporary of the abstract code itself
    return variables


def _renamed(statements: list[Any], renamed: Mapping[str, str]) -> list[Any]:
    """Give variables of neurons their unique names in the statements, which are copies."""

    def replaced(text: str) -> str:
        return re.sub(r"\b[A-Za-z_]\w*\b", lambda m: renamed.get(m[0], m[0]), text)

    for statement in statements:
        statement.var, statement.expr = replaced(statement.var), replaced(statement.expr)
    return statements
