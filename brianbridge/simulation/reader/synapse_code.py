"""Read the code of a `Synapses` object: which weights a spike adds to which variables.

Most synapses only add weights. Their ``on_pre`` consists of lines like these, in which ``w`` is a
parameter of the synapses and ``c`` any constant:

    x_post += w        x += w*c        x -= w/c        x += w*spike_value_pre        x += c

Each line becomes a projection. Synapses with other code get a model
(`brianbridge.simulation.reader.synapse_model`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brian2.core.variables import Subexpression
from brian2.equations.unitcheck import check_units_statements
from brian2.units.fundamentalunits import DimensionMismatchError
from brian2.utils.stringtools import get_identifiers

from brianbridge.errors import InputError
from brianbridge.neurons.expressions import one_line
from brianbridge.neurons.quantity_text import with_named_units
from brianbridge.neurons.statements import Statement, parse_statements
from brianbridge.simulation.reader.addition import Addition, AdditionReader, MoreThanAddingError
from brianbridge.simulation.reader.synapse_checks import check_parts

__all__ = ["additions"]


def additions(synapses: Any, outer: Mapping[str, Any]) -> list[Addition]:
    """Return the additions of all pathways of a `Synapses` object; none if it does more.

    Parameters
    ----------
    synapses : brian2.Synapses
        The synapses.
    outer : mapping
        Constants that the namespace of the synapses does not have.

    Raises
    ------
    InputError
        If they run something that no projection can hold, or the units are inconsistent.

    Examples
    --------
    >>> from brian2 import NeuronGroup, Synapses, mV
    >>> group = NeuronGroup(2, "v : volt", threshold="v > 1*mV")
    >>> synapses = Synapses(group, group, "w : 1", on_pre="v_post += w*2*mV")
    >>> [(a.receive, a.variable, a.factor) for a in additions(synapses, {})]
    [('v', 'w', 0.002)]
    """
    what = f"synapses '{synapses.name}'"
    check_parts(synapses, what)
    if synapses.event_driven or synapses.equations.diff_eq_names or synapses.summed_updaters:
        return []
    found: list[Addition] = []
    try:
        for pathway in synapses._pathways:
            found += _additions_of(synapses, pathway, outer, what)
    except MoreThanAddingError:
        return []
    names = [addition.variable for addition in found if addition.variable]
    # A variable in two places is still one parameter.
    constants = {name for addition in found for name in addition.constants}
    return [] if len(set(names)) < len(names) or constants & set(names) else found


def _additions_of(
    synapses: Any, pathway: Any, outer: Mapping[str, Any], what: str
) -> list[Addition]:
    if pathway.prepost != "pre":
        raise MoreThanAddingError
    code = f"{what}, on_pre '{one_line(pathway.code)}'"
    lines = parse_statements(pathway.code, code)
    known = {line.target for line in lines} <= set(synapses.variables)
    if not known and any(line.operation == "=" for line in lines):
        raise MoreThanAddingError  # with temporary variables
    variables = _resolved(synapses, lines, outer, code)
    return [AdditionReader(synapses, pathway, line, variables, code).read() for line in lines]


def _resolved(
    synapses: Any, lines: tuple[Statement, ...], outer: Mapping[str, Any], what: str
) -> dict[str, Any]:
    """Return the variables that the names in the code refer to; refuse inconsistent units."""
    code = "\n".join(f"{line.target} {line.operation} {line.expression}" for line in lines)
    names = get_identifiers(code)
    try:
        # Brian2 warns of ambiguous names when it runs; this call does not repeat the warning.
        variables = synapses.resolve_all(names, run_namespace=outer, user_identifiers=())
        if any(isinstance(variable, Subexpression) for variable in variables.values()):
            raise MoreThanAddingError
        check_units_statements(code, variables)
    except KeyError as error:
        raise InputError(f"{what}: {one_line(str(error.args[0]))}") from None
    except (DimensionMismatchError, SyntaxError, ValueError, TypeError) as error:
        raise InputError(f"{what}: {with_named_units(one_line(str(error)))}") from None
    return dict(variables)
