"""Linked variables of a group: those whose source is constant are parameters of the neurons.

Others need the network; see `brianbridge.simulation.reader.links`.
"""

from __future__ import annotations

from typing import Any

from brianbridge.errors import InputError
from brianbridge.neurons.statements import parse_statements

__all__ = ["check_linked", "follows_change", "linked_sources"]


def linked_sources(group: Any) -> dict[str, tuple[str, str]]:
    """Return group and variable behind each linked variable, by its name.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The group that reads them.

    Examples
    --------
    >>> from brian2 import NeuronGroup, linked_var
    >>> source = NeuronGroup(1, "x : 1 (constant)", name="source")
    >>> group = NeuronGroup(3, "y : 1 (linked)")
    >>> group.y = linked_var(source, "x", index=[0, 0, 0])
    >>> linked_sources(group)
    {'y': ('source', 'x')}
    """
    found = {}
    for eq in group.user_equations.values():
        if "linked" in eq.flags and eq.varname in group.variables:
            variable = group.variables[eq.varname]
            found[eq.varname] = (variable.owner.name, variable.name)
    return found


def check_linked(group: Any, name: str) -> None:
    """Refuse a linked variable whose source changes in a run.

    Raises
    ------
    InputError
        If it is not linked yet, or equations or code of its source change it.
    """
    if follows_change(group, name):
        variable = group.variables[name]
        raise InputError(
            f"group '{group.name}': linked variable '{name}' follows '{variable.name}' of "
            f"'{variable.owner.name}', which changes in a run, and a model belongs to no network; "
            "read the network with from_brian2"
        )


def follows_change(group: Any, name: str) -> bool:
    """Return whether equations or code of its source change a linked variable.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The group that reads it.
    name : str
        The linked variable.

    Raises
    ------
    InputError
        If it is not linked yet, or to an expression.
    """
    from brian2.core.variables import ArrayVariable

    what = f"group '{group.name}': linked variable '{name}'"
    variable = group.variables.get(name)
    if variable is None:
        raise InputError(f"{what} has no source; set it, group.{name} = linked_var(source, 'x')")
    if not isinstance(variable, ArrayVariable):
        raise InputError(
            f"{what} is linked to a subexpression; link the variables that it uses, and write the "
            "expression here"
        )
    return not variable.constant and _changes(variable.owner, variable.name)


def _changes(owner: Any, name: str) -> bool:
    """Return whether equations or code of a group change a variable of it."""
    from brian2.groups.group import CodeRunner

    equations = getattr(owner, "user_equations", {})
    if name not in equations or equations[name].type == "differential equation":
        return True  # not declared by the user: lastspike, the rates of a PoissonGroup, ...
    codes = [code or "" for code in getattr(owner, "event_codes", {}).values()]
    codes += [part.abstract_code for part in owner.contained_objects if type(part) is CodeRunner]
    statements = [s for code in codes for s in parse_statements(code, f"'{owner.name}'")]
    return any(s.target == name for s in statements)
