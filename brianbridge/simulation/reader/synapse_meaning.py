"""Refuse code of synapses that has wrong units, or not the same meaning in all of Brian2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from brian2 import Subgroup
from brian2.codegen.translation import get_identifiers_recursively
from brian2.equations.unitcheck import check_units_statements
from brian2.units.fundamentalunits import DimensionMismatchError
from brian2.utils.stringtools import get_identifiers

from brianbridge.errors import InputError
from brianbridge.network.synapses.code import side_of
from brianbridge.neurons.expressions import one_line
from brianbridge.neurons.model import SPIKE_VALUE
from brianbridge.neurons.statements import Statement, parse_statements
from brianbridge.simulation.reader.synapse_names import is_temporary, whole

__all__ = ["check_meaning"]


def check_meaning(synapses: Any, outer: Mapping[str, Any], in_model: Callable[[str], str]) -> None:
    """Check groups, units and statements of synapses.

    Parameters
    ----------
    synapses : brian2.Synapses
        The synapses.
    outer : mapping
        Constants that their namespace does not have.
    in_model : callable
        Returns code in which variables of neurons have their suffix.

    Raises
    ------
    InputError
        If a unit is wrong, a result depends on the order of synapses or on Brian2's code generation
        target, the source is changed, or there is noise.
    """
    _check_groups(synapses)
    _check_units(synapses, outer)
    for pathway in synapses._pathways:
        _check_statements(synapses, pathway)
        _check_two_names(synapses, pathway, in_model)
        _check_two_statements(synapses, pathway)
        if whole(synapses.source) is whole(synapses.target):
            _check_alias(synapses, in_model(pathway.code))


def _check_groups(synapses: Any) -> None:
    """Refuse groups whose spikes have values, sums over a part of a group, and noise."""
    for group in (synapses.source, synapses.target):
        if SPIKE_VALUE in group.variables:
            _refuse(
                synapses,
                f"the spikes of '{group.name}' carry values, and then synapses can only add a "
                f"weight, 'x_post += w*{SPIKE_VALUE}_pre'",
            )
    for name in synapses.summed_updaters:
        group = synapses.source if name.endswith("_pre") else synapses.target
        if isinstance(group, Subgroup):
            _refuse(
                synapses,
                f"'{name}' is a sum for the part '{group.name}' of a group; make the part a group "
                "of its own",
            )
    if synapses.equations.stochastic_variables:
        _refuse(synapses, "its equations have noise, which is different in every run; remove 'xi'")


def _check_units(synapses: Any, outer: Mapping[str, Any]) -> None:
    """Let Brian2 check the units of equations and code."""
    try:
        for equations in filter(None, (synapses.equations, synapses.event_driven)):
            equations.check_units(synapses, run_namespace=outer)
        for pathway in synapses._pathways:
            names = get_identifiers_recursively([pathway.code], synapses.variables)
            known = {name for name in names if not is_temporary(synapses, name)}
            variables = synapses.resolve_all(known, run_namespace=outer, user_identifiers=())
            check_units_statements(pathway.code, variables)
    except KeyError as error:
        _refuse(synapses, one_line(str(error.args[0])))
    except (DimensionMismatchError, SyntaxError, ValueError, TypeError) as error:
        _refuse(synapses, one_line(str(error)))


def _check_statements(synapses: Any, pathway: Any) -> None:
    """Refuse writes to the source, and results that depend on the order of synapses."""
    differing: dict[str, bool] = {}

    def differs(name: str) -> bool:
        """Return whether a name may differ between the synapses of one target."""
        if name in differing:
            return differing[name]
        variable = synapses.variables.get(name)
        return variable is not None and not variable.scalar and side_of(synapses, name) != "post"

    for line in parse_statements(pathway.code, f"synapses '{synapses.name}'"):
        side = side_of(synapses, line.target)
        of_synapse = any(differs(name) for name in get_identifiers(line.expression))
        if side == "pre":
            _refuse(
                synapses,
                f"{_text(line)} changes the source; only synapses and their target can change, so "
                "let other synapses from the target to the source do it",
            )
        if not side and line.target not in synapses.variables:
            differing[line.target] = of_synapse
        if side and line.operation == "=":
            _check_assignment(synapses, line, of_synapse)


def _check_assignment(synapses: Any, line: Statement, of_synapse: bool) -> None:
    """Refuse an assignment to a variable of the target that is not the same for all synapses."""
    if synapses.variables[line.target].conditional_write is not None:
        _refuse(
            synapses,
            f"{_text(line)} sets a variable with the flag (unless refractory), which Brian2 does "
            "in refractory neurons with its NumPy target, but not with Cython; write '+=' or "
            "'*=', or drop the flag",
        )
    if of_synapse:
        _refuse(
            synapses,
            f"{_text(line)} depends on which of several synapses comes last; write '+=', or an "
            "expression without variables of the synapse and its source",
        )


def _check_two_names(synapses: Any, pathway: Any, in_model: Callable[[str], str]) -> None:
    """Refuse code that changes a variable of the target and also reads it by another name."""
    lines = parse_statements(pathway.code, f"synapses '{synapses.name}'")
    names = get_identifiers(pathway.code)
    for target in {line.target for line in lines if side_of(synapses, line.target)}:
        others = {name for name in names if in_model(name) == in_model(target)} - {target}
        if others:
            both = sorted([target, *others])
            _refuse(
                synapses,
                f"'{one_line(pathway.code)}' changes '{both[0]}' and calls it '{both[1]}', too; "
                "Brian2's targets read the value before or after the change, so use one name, "
                f"'{both[1]}'",
            )


def _check_two_statements(synapses: Any, pathway: Any) -> None:
    """Refuse code that changes a variable of the target in one statement, and reads it elsewhere.

    A statement may read what it changes itself: then Brian2 runs synapses one after another.
    """
    lines = parse_statements(pathway.code, f"synapses '{synapses.name}'")
    for line in lines:
        if side_of(synapses, line.target) != "post":
            continue
        for other in lines:
            read = get_identifiers_recursively([other.expression], synapses.variables)
            direct = get_identifiers(other.expression) if other is line else set()
            if line.target in read - direct:
                _refuse(
                    synapses,
                    f"{_text(line)} changes what {_text(other)} reads, which Brian2's targets do "
                    "in different orders; let two pathways do it, on_pre = {'first': ..., "
                    "'second': ...}",
                )


def _check_alias(synapses: Any, code: str) -> None:
    """Refuse code that reads in the source what it changes in the target, if both are one."""
    read = get_identifiers(code)
    for line in parse_statements(code, f"synapses '{synapses.name}'"):
        name = line.target.removesuffix("_post")
        if name != line.target and f"{name}_pre" in read:
            _refuse(
                synapses,
                f"'{one_line(code)}' reads '{name}_pre' and changes '{name}_post' of the same "
                "group, so that the result depends on the order of synapses; let it change "
                "another variable",
            )


def _text(line: Statement) -> str:
    return f"'{line.target} {line.operation} {line.expression}'"


def _refuse(synapses: Any, why: str) -> NoReturn:
    raise InputError(f"synapses '{synapses.name}': {why}")
