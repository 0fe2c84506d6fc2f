"""Read linked variables whose source changes: the state of another group, read in each step.

A link becomes a projection whose synapses set a summed variable, one synapse for each neuron.
Brian2 reads the source itself, and updates groups in the order of their names. So the state update
of a group sees the present step of a source that comes before it, and the last step of one after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from brian2.codegen.translation import get_identifiers_recursively
from brian2.groups.group import CodeRunner

from brianbridge.errors import InputError
from brianbridge.network import Projection, Sparse
from brianbridge.network.synapses import SynapseModel
from brianbridge.neurons.linked import follows_change, linked_sources
from brianbridge.neurons.quantity_text import unit_name

__all__ = ["Link", "read_links"]


@dataclass(frozen=True)
class Link:
    """Hold a linked variable that changes.

    Parameters
    ----------
    name : str
        Its name in the group that reads it.
    projection : Projection
        What sets it.
    """

    name: str
    projection: Projection


def read_links(groups: Sequence[Any], projections: Sequence[Projection]) -> list[Link]:
    """Return the links of all groups to variables that change.

    Parameters
    ----------
    groups : sequence of brian2.NeuronGroup
        The groups of the network.
    projections : sequence of Projection
        All projections of its synapses.

    Raises
    ------
    InputError
        If a linked variable has no source, or is read where a copy of it would differ.
    """
    received, summed = _changed_by_synapses(projections)
    named = {group.name: group for group in groups}
    found = []
    for group in groups:
        for name in group._linked_variables:
            changes = follows_change(group, name)
            origin = linked_sources(group)[name]
            if changes or origin in received:
                found.append(_read(group, name, named, summed))
    return found


def _changed_by_synapses(
    projections: Sequence[Projection],
) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return population and variable of all that synapses change, and of their sums alone."""
    received = {(p.target, p.receive) for p in projections}
    summed = set()
    for p in projections:
        if p.model is not None:
            received |= {(p.source, name) for name in p.model.changed("pre")}
            received |= {(p.target, name) for name in p.model.changed("post")}
            summed |= {(p.source if s == "pre" else p.target, n) for n, s in p.model.summed}
    return received, summed


def _read(group: Any, name: str, named: Mapping[str, Any], summed: set[tuple[str, str]]) -> Link:
    """Return the link of one variable."""
    variable, eq = group.variables[name], group.user_equations[name]
    origin = f"'{variable.name}' of '{variable.owner.name}'"
    source = named.get(variable.owner.name)
    if source is None or source.variables.get(variable.name) is not variable:
        _refuse(
            group, name, f"{origin}, which is no NeuronGroup of the network with equations of its "
            "own; add the group, or remove the link"
        )  # fmt: skip
    if source is group:
        _refuse(
            group, name, f"{origin}, the same group, in which Brian2's targets read a value before "
            "or after its update; let Synapses with a (summed) variable read it"
        )  # fmt: skip
    if eq.var_type != "float" or not np.issubdtype(variable.dtype, np.floating):
        _refuse(
            group, name, f"{origin}, which changes and is no real number; declare both as real "
            "numbers, 'x : 1'"
        )  # fmt: skip
    first, second = ((one.state_updater.order, one.state_updater.name) for one in (source, group))
    _check_uses(group, name, origin, source, late=first < second)
    if first > second:
        _check_before(group, name, origin, source, (source.name, variable.name) in summed)
    model = SynapseModel(
        f"{name}_post = {variable.name}_pre : {unit_name(eq.dim)} (summed)",
        after_source=first < second,
    )
    connection = Sparse(
        _index(group, name), np.arange(len(group)), element=np.zeros(len(group), np.int64)
    )
    return Link(
        name,
        Projection(
            source.name, group.name, np.ones(1), connection=connection, frozen=True,
            label=f"link_{name}", model=model,
        ),
    )  # fmt: skip


def _index(group: Any, name: str) -> np.ndarray:
    """Return the neuron of the source that each neuron follows."""
    index = group.variables.indices[name]
    if index == "_idx":
        return np.arange(len(group))
    if index == "0":
        return np.zeros(len(group), np.int64)
    return np.asarray(group.variables[index].get_value(), np.int64)


def _check_uses(group: Any, name: str, origin: str, source: Any, *, late: bool) -> None:
    """Refuse code other than the state update that reads or changes a linked variable.

    A threshold may read it if the source is updated before: nothing changes it in between.
    """
    codes = {f"code of event '{event}'": code for event, code in group.event_codes.items()}
    runners = [part for part in group.contained_objects if type(part) is CodeRunner]
    codes |= {f"'{part.name}'": part.abstract_code for part in runners}
    if not late:
        codes |= {f"condition of event '{event}'": one for event, one in group.events.items()}
    for eq in group.user_equations.values():
        if "constant over dt" in eq.flags:
            codes[f"'{eq.varname}', which is constant over dt"] = eq.expr.code
    for what, code in codes.items():
        if name in get_identifiers_recursively([code or ""], group.variables):
            _refuse(
                group, name, f"{origin}, which changes, and is read by the {what}; only "
                "differential equations may read it. Write the equations of "
                f"'{source.name}' into this group"
            )  # fmt: skip


def _check_before(group: Any, name: str, origin: str, source: Any, is_sum: bool) -> None:
    """Refuse a source that is updated later, if more than its state update changes it."""
    runners = [part.name for part in source.contained_objects if type(part) is CodeRunner]
    if is_sum or runners:
        why = "a sum over synapses sets" if is_sum else f"'{runners[0]}' may change"
        _refuse(
            group, name, f"{origin}, which {why} in between; rename '{source.name}', so that its "
            f"name comes before '{group.name}', or write its equations into this group"
        )  # fmt: skip


def _refuse(group: Any, name: str, why: str) -> NoReturn:
    raise InputError(f"group '{group.name}': linked variable '{name}' follows {why}")
