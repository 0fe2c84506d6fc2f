"""Read a `Synapses` object that does more than add a weight as a `SynapseModel`.

Its equations and its code stay as they are, but for names (`Names`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from brian2.codegen.translation import get_identifiers_recursively
from brian2.equations.equations import PARAMETER, SUBEXPRESSION
from brian2.stateupdaters.base import StateUpdateMethod, UnsupportedEquationsException
from brian2.utils.stringtools import get_identifiers

from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.synapses import SynapseModel, SynapsePathway
from brianbridge.neurons.from_group import equation_line
from brianbridge.neurons.statements import parse_statements
from brianbridge.simulation.reader.synapse_checks import check_order, delay_steps
from brianbridge.simulation.reader.synapse_meaning import check_meaning
from brianbridge.simulation.reader.synapse_names import Names
from brianbridge.simulation.reader.synapse_order import check_emission

__all__ = ["ReadModel", "read_model"]

#: Names that a trained variable has, if several could be meant.
_WEIGHTS = ("w", "weight")
_WORDS = {"and", "or", "not", "True", "False"}


@dataclass(frozen=True)
class ReadModel:
    """The code and the weights of a `Synapses` object.

    Parameters
    ----------
    model : SynapseModel
        The description.
    weight : numpy.ndarray, shape (synapses,) or (1,)
        The present values of the trained variable; a single 1, which has no effect, if there is
        none.
    """

    model: SynapseModel
    weight: np.ndarray


def read_model(
    synapses: Any,
    dt: float,
    outer: Mapping[str, Any],
    orders: Mapping[str, int],
    *,
    from_input: bool,
    train: Mapping[str, str | None],
) -> ReadModel:
    """Return the model of a `Synapses` object.

    Parameters
    ----------
    synapses : brian2.Synapses
        The synapses, which are not changed.
    dt : float
        Time step of the network, in seconds.
    outer : mapping
        Constants that the namespace of the synapses does not have.
    orders : mapping of str to int
        The place of each pathway among those of all models, by its name in Brian2.
    from_input : bool
        Whether the source is a part of the input.
    train : mapping of str to str or None
        The trained variable of some `Synapses`, by their name.

    Raises
    ------
    InputError
        If they do something that no model can hold; the message says what to write instead.
    """
    equations = _all_equations(synapses)
    used = _used_names(synapses, equations)
    names = Names(synapses, outer, from_input)
    for name in sorted(used):
        names.take(name)
    check_meaning(synapses, outer, names.in_model)
    check_emission(synapses)
    initial = {
        name: np.array(synapses.variables[name].get_value(), np.float64).ravel()
        for name, eq in equations.items()
        if eq.type != SUBEXPRESSION
    }
    trained = _trained(synapses, equations, train)
    weight = initial.pop(trained) if trained else np.ones(1)
    lines = [names.in_model(equation_line(eq)) for eq in equations.values()]
    model = SynapseModel(
        "\n".join([*lines, *names.declared.values()]),
        tuple(_pathway(pathway, names, dt, orders) for pathway in synapses._pathways),
        trained=trained,
        initial={k: _short(v) for k, v in {**initial, **names.initial}.items() if v.any()},
        constants=names.constants,
        method=_method(synapses, outer),
        updates_first=check_order(synapses, outer, f"synapses '{synapses.name}'"),
    )
    return ReadModel(model, weight)


def _used_names(synapses: Any, equations: Mapping[str, Any]) -> set[str]:
    """Return all names in the code and in the equations."""
    texts = [pathway.code for pathway in synapses._pathways]
    texts += [eq.expr.code for eq in equations.values() if eq.expr is not None]
    return set().union(*(get_identifiers(text) for text in texts)) - _WORDS


def _short(values: np.ndarray) -> np.ndarray:
    """Return a single value if all are equal."""
    return values[:1] if np.all(values == values[0]) else values


def _trained(synapses: Any, equations: Mapping[str, Any], train: Mapping[str, str | None]) -> str:
    """Return the variable that training changes; an empty string if there is none."""
    floats = {
        name: eq
        for name, eq in equations.items()
        if eq.type != SUBEXPRESSION and eq.var_type == "float"
    }
    if synapses.name in train:
        chosen = train[synapses.name] or ""
        if chosen and chosen not in floats:
            hint = did_you_mean(chosen, floats)
            _refuse(synapses, f"there is no variable '{chosen}' to train. {hint}")
        return chosen
    # Expressions that nothing uses have no effect.
    texts = [pathway.code for pathway in synapses._pathways]
    texts += [e.expr.code for e in equations.values() if e.expr and _has_effect(e)]
    used = get_identifiers_recursively(texts, synapses.variables)
    found = [name for name, eq in floats.items() if eq.type == PARAMETER and name in used]
    if len(found) > 1:
        found = [name for name in found if name in _WEIGHTS] or found
    if len(found) > 1:
        listed = ", ".join(f"'{name}'" for name in found)
        _refuse(
            synapses,
            f"training could change {listed}; say which, as in train = "
            f"{{'{synapses.name}': '{found[0]}'}}, or None for none of them",
        )
    return found[0] if found else ""


def _has_effect(eq: Any) -> bool:
    """Return whether an equation has an effect of its own, unlike a subexpression."""
    return eq.type != SUBEXPRESSION or "summed" in eq.flags


def _pathway(pathway: Any, names: Names, dt: float, orders: Mapping[str, int]) -> SynapsePathway:
    what = f"synapses '{names.synapses.name}'"
    lines = parse_statements(names.in_model(pathway.code), what)
    steps = delay_steps(pathway, dt, what)
    return SynapsePathway(
        pathway.objname,
        pathway.prepost,
        "\n".join(f"{line.target} {line.operation} {line.expression}" for line in lines),
        delay=(_short(steps) if len(steps) else np.zeros(1)) * dt,
        order=orders[pathway.name],
    )


def _method(synapses: Any, outer: Mapping[str, Any]) -> str:
    """Return the name of the method that Brian2 would take for clock-driven equations."""
    updater, equations = synapses.state_updater, synapses.equations
    if updater is None:
        return "exact"
    external = equations.identifiers - set(synapses.variables) - {"dt"}
    found = synapses.resolve_all(external, run_namespace=outer, user_identifiers=())
    choice = updater.method_choice
    for method in [choice] if isinstance(choice, str) else choice:
        if method in StateUpdateMethod.stateupdaters and not method.startswith("gsl"):
            try:
                StateUpdateMethod.stateupdaters[method](
                    equations, {**synapses.variables, **found}, updater.method_options
                )
            except UnsupportedEquationsException:
                continue
            return str(method)
    raise InputError(
        f"synapses '{synapses.name}': method {choice!r} cannot take a step of its equations, or "
        "has no torch rendering; use method 'exact', 'euler', 'rk4' or 'exponential_euler'"
    )


def _refuse(synapses: Any, why: str) -> NoReturn:
    raise InputError(f"synapses '{synapses.name}': {why}")


def _all_equations(synapses: Any) -> dict[str, Any]:
    """Return all equations by name, in a fixed order."""
    sums = {name: _Sum(name, updater) for name, updater in synapses.summed_updaters.items()}
    return {**synapses.equations, **(synapses.event_driven or {}), **sums}


class _Sum:
    """Stand for the equation of a summed variable, which Brian2 does not keep."""

    type, var_type, flags = SUBEXPRESSION, "float", ("summed",)

    def __init__(self, name: str, updater: Any) -> None:
        self.varname, self.expr, self.dim = name, updater.expression, updater.target_var.dim
