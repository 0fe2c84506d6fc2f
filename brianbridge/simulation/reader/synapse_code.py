"""Read the code of a `Synapses` object: which weights a spike adds to which variables.

A projection of a spiking network does nothing but add weights. So ``on_pre`` must consist of lines
like these, in which ``w`` is a parameter of the synapses and ``c`` any constant:

    x_post += w        x += w*c        x -= w/c        x += w*spike_value_pre        x += c
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
from brianbridge.neurons.statements import Statement, parse_statements
from brianbridge.simulation.reader.addition import READABLE, Addition, AdditionReader

__all__ = ["additions"]


def additions(synapses: Any, outer: Mapping[str, Any]) -> list[Addition]:
    """Return the additions of all pathways of a `Synapses` object.

    Parameters
    ----------
    synapses : brian2.Synapses
        Synapses that only add weights to variables of their target.
    outer : mapping
        Constants that the namespace of the synapses does not have.

    Raises
    ------
    InputError
        If they do anything else; the message names the line, and what can be read.

    Examples
    --------
    >>> from brian2 import NeuronGroup, Synapses, mV
    >>> group = NeuronGroup(2, "v : volt", threshold="v > 1*mV")
    >>> synapses = Synapses(group, group, "w : 1", on_pre="v_post += w*2*mV")
    >>> [(a.receive, a.variable, a.factor) for a in additions(synapses, {})]
    [('v', 'w', 0.002)]
    """
    what = f"synapses '{synapses.name}'"
    _check_model(synapses, what)
    found: list[Addition] = []
    for pathway in synapses._pathways:
        _check_pathway(pathway, what)
        code = f"{what}, on_pre '{one_line(pathway.code)}'"
        lines = parse_statements(pathway.code, code)
        for line in lines:
            if line.operation not in ("+=", "-="):
                raise InputError(
                    f"{code}: '{line.target} {line.operation} ...' does not add; {READABLE}"
                )
        variables = _resolved(synapses, lines, outer, code)
        found += [AdditionReader(synapses, pathway, line, variables, code).read() for line in lines]
    for addition in found:
        if addition.variable and [a.variable for a in found].count(addition.variable) > 1:
            raise InputError(
                f"{what}: '{addition.variable}' is added in several places, but training changes "
                "each of them separately; use a separate variable for each"
            )
    return found


def _check_model(synapses: Any, what: str) -> None:
    """Refuse synapses with dynamics, or with effects other than by spikes."""
    # Brian2 stores event-driven equations and summed variables separately.
    for name in synapses.event_driven.diff_eq_names if synapses.event_driven else ():
        raise InputError(
            f"{what}: '{name}' has an event-driven equation, but a trained weight is constant in "
            f"time; declare it as a parameter, '{name} : ...'"
        )
    for name in synapses.equations.diff_eq_names:
        raise InputError(
            f"{what}: '{name}' has a differential equation, but in a spiking network only neurons "
            "have dynamics; move it to the equations of the target"
        )
    for name in synapses.summed_updaters:
        raise InputError(
            f"{what}: '{name}' is a summed variable, which couples neurons without spikes; "
            f"{READABLE}"
        )
    for part in synapses.contained_objects:
        if part not in synapses._pathways:
            raise InputError(f"{what} runs '{part.name}', which no projection can hold; remove it")
    if not synapses._pathways:
        raise InputError(f"{what} has no on_pre, and thus no effect; remove it")


def _check_pathway(pathway: Any, what: str) -> None:
    """Refuse pathways with another event or slot than the default."""
    code = one_line(pathway.code)
    if pathway.prepost != "pre":
        raise InputError(
            f"{what}: on_post '{code}' follows the spikes of the target, which no projection does; "
            "remove it"
        )
    if pathway.event != "spike":
        raise InputError(
            f"{what}: on_pre '{code}' follows the event '{pathway.event}', but projections follow "
            "spikes only; remove it"
        )
    if pathway.when != "synapses":
        raise InputError(
            f"{what}: pathway '{pathway.name}' runs in '{pathway.when}'; only Brian2's default "
            "schedule can be read, in which it runs in 'synapses'"
        )


def _resolved(
    synapses: Any, lines: tuple[Statement, ...], outer: Mapping[str, Any], what: str
) -> dict[str, Any]:
    """Return the variables that the names in the code refer to; refuse inconsistent units."""
    code = "\n".join(f"{line.target} {line.operation} {line.expression}" for line in lines)
    names = get_identifiers(code)
    try:
        # Brian2 warns of ambiguous names when it runs; this call does not repeat the warning.
        variables = synapses.resolve_all(names, run_namespace=outer, user_identifiers=())
        for name in sorted(n for n, v in variables.items() if isinstance(v, Subexpression)):
            raise InputError(f"{what}: '{name}' stands for an expression; write out the expression")
        check_units_statements(code, variables)
    except InputError:
        raise
    except KeyError as error:
        raise InputError(f"{what}: {one_line(str(error.args[0]))}") from None
    except (DimensionMismatchError, SyntaxError, ValueError, TypeError) as error:
        raise InputError(f"{what}: {one_line(str(error))}") from None
    return dict(variables)
