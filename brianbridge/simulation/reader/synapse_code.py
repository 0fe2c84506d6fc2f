"""Read what a spike does from the code of a `Synapses` object: which weight it adds to what.

A projection of a spiking network adds weights, and nothing else. So ``on_pre`` must be made of
lines like these, in which ``w`` is a parameter of the synapses and ``c`` any constant:

    x_post += w        x += w*c        x -= w/c        x += w*spike_value_pre        x += c

Names are resolved by Brian2 itself, so that they mean here what they mean when it runs.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from brian2.core.functions import DEFAULT_FUNCTIONS, Function
from brian2.core.variables import ArrayVariable, Constant, Subexpression
from brian2.equations.unitcheck import check_units_statements
from brian2.units.fundamentalunits import DimensionMismatchError
from brian2.utils.stringtools import get_identifiers

from brianbridge.errors import InputError
from brianbridge.neurons.expressions import (
    Statement,
    names_in,
    one_line,
    parse_expression,
    parse_statements,
)
from brianbridge.neurons.model import SPIKE_VALUE
from brianbridge.simulation.code_runners import random_functions

__all__ = ["Addition", "additions"]

_READABLE = "what can be read is 'x_post += w', 'x_post += w*constant' and 'x_post += constant'"


@dataclass(frozen=True)
class Addition:
    """Say what one line of ``on_pre`` adds to the target.

    Parameters
    ----------
    pathway : brian2.SynapticPathway
        Whose line it is.
    receive : str
        The variable of the target that is added to.
    variable : str
        The synaptic variable that holds the weights; empty if the line adds a constant.
    factor : float
        By what the variable is multiplied, or the constant itself, in SI units.
    """

    pathway: Any
    receive: str
    variable: str
    factor: float


def additions(synapses: Any, outer: Mapping[str, Any]) -> list[Addition]:
    """Return every line of the pathways of a `Synapses` object.

    Parameters
    ----------
    synapses : brian2.Synapses
        The synapses; nothing but additions of weights to variables of their target.
    outer : mapping
        Where to look up constants that the synapses' own namespace does not have.

    Raises
    ------
    InputError
        If they do anything else; the line and what can be read are named.

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
                    f"{code}: '{line.target} {line.operation} ...' does not add; {_READABLE}"
                )
        variables = _resolved(synapses, lines, outer, code)
        found += [_Line(synapses, pathway, line, variables, code).addition() for line in lines]
    for addition in found:
        if addition.variable and [a.variable for a in found].count(addition.variable) > 1:
            raise InputError(
                f"{what}: '{addition.variable}' is added in several places, and training would "
                "give each a weight of its own; give each a variable of its own"
            )
    return found


def _check_model(synapses: Any, what: str) -> None:
    """Refuse synapses that have dynamics, or reach their target in other ways than by spikes."""
    # Event-driven equations and summed variables are kept apart from the others.
    for name in synapses.event_driven.diff_eq_names if synapses.event_driven else ():
        raise InputError(
            f"{what}: '{name}' has an event-driven equation, but a weight that is trained stands "
            f"still; declare it '{name} : ...' without one"
        )
    for name in synapses.equations.diff_eq_names:
        raise InputError(
            f"{what}: '{name}' has a differential equation, but only neurons have dynamics in a "
            "spiking network; put it into the equations of the target"
        )
    for name in synapses.summed_updaters:
        raise InputError(
            f"{what}: '{name}' is a summed variable, so that neurons reach each other without a "
            f"spike; {_READABLE}"
        )
    for part in synapses.contained_objects:
        if part not in synapses._pathways:
            raise InputError(f"{what} runs '{part.name}' besides, which no projection can hold")
    if not synapses._pathways:
        raise InputError(f"{what} has no on_pre, so that no spike does anything; drop it")


def _check_pathway(pathway: Any, what: str) -> None:
    code = one_line(pathway.code)
    if pathway.prepost != "pre":
        raise InputError(
            f"{what}: on_post '{code}' learns from the spikes of the target, which a trained "
            "weight does not; drop it"
        )
    if pathway.event != "spike":
        raise InputError(
            f"{what}: on_pre '{code}' follows the event '{pathway.event}'; projections follow "
            "spikes alone"
        )
    if pathway.when != "synapses":
        raise InputError(
            f"{what}: pathway '{pathway.name}' runs in '{pathway.when}'; only Brian2's own order "
            "can be read, in which it runs in 'synapses'"
        )


def _resolved(
    synapses: Any, lines: tuple[Statement, ...], outer: Mapping[str, Any], what: str
) -> dict[str, Any]:
    """Return what the names in a code stand for; a unit that does not fit is refused."""
    code = "\n".join(f"{line.target} {line.operation} {line.expression}" for line in lines)
    names = get_identifiers(code)
    try:
        # Brian2 warns of names with two meanings when it runs; not here as well.
        variables = synapses.resolve_all(names, run_namespace=outer, user_identifiers=())
        for name in sorted(n for n, v in variables.items() if isinstance(v, Subexpression)):
            raise InputError(f"{what}: '{name}' stands for an expression; write out what it is")
        check_units_statements(code, variables)
    except InputError:
        raise
    except KeyError as error:
        raise InputError(f"{what}: {one_line(str(error.args[0]))}") from None
    except (DimensionMismatchError, SyntaxError, ValueError, TypeError) as error:
        raise InputError(f"{what}: {one_line(str(error))}") from None
    return dict(variables)


class _Line:
    """One statement of a pathway, about to be understood."""

    def __init__(
        self,
        synapses: Any,
        pathway: Any,
        line: Statement,
        variables: Mapping[str, Any],
        what: str,
    ) -> None:
        self.synapses, self.pathway, self.line = synapses, pathway, line
        self.variables, self.what = variables, what

    def addition(self) -> Addition:
        """Return what the line adds."""
        line = self.line
        index = self.synapses.variables.indices
        target = self.variables[line.target]
        if line.target not in self.synapses.variables or self._is_own(line.target):
            self._refuse(f"'{line.target}' is no variable of the target")
        if index[line.target] != "_postsynaptic_idx":
            self._refuse(f"'{line.target}' belongs to the source")
        variable, factor = self._product()
        sign = 1.0 if line.operation == "+=" else -1.0
        return Addition(self.pathway, target.name, variable, sign * factor)

    def _is_own(self, name: str) -> bool:
        """Tell whether a name is a variable of the synapses themselves."""
        return name in self.synapses.variables and self.synapses.variables.indices[name] in (
            "_idx",
            "0",
        )

    def _product(self) -> tuple[str, float]:
        """Return the variable and the constant of a product, spike value left out."""
        text = self.line.expression
        weights, factor, graded = [], 1.0, False
        for node, power in _factors(parse_expression(text, self.what)):
            name = node.id if isinstance(node, ast.Name) and power == 1 else ""
            if name == f"{SPIKE_VALUE}_pre" and not graded:
                graded = True
            elif name and self._is_weight(name):
                weights.append(name)
            else:
                factor *= self._constant(node) ** power
        if len(weights) > 1:
            self._refuse(f"'{text}' has several variables, of which only one can be the weight")
        if SPIKE_VALUE in self.synapses.source.variables and not graded:
            self._refuse(
                f"the spikes of '{self.synapses.source.name}' carry values, and '{text}' takes "
                f"none of them; write '*{SPIKE_VALUE}_pre' behind it"
            )
        if not factor:
            self._refuse(f"'{text}' is 0 whatever the weight")
        return (weights[0] if weights else ""), factor

    def _is_weight(self, name: str) -> bool:
        """Tell whether a name is a parameter that has one value a synapse."""
        variable = self.variables[name]
        return (
            isinstance(variable, ArrayVariable)
            and self._is_own(name)
            and not variable.scalar
            and name in self.synapses.equations.parameter_names
        )

    def _constant(self, node: ast.expr) -> float:
        """Return the value of a factor without variables."""
        text = ast.unparse(node)
        scope: dict[str, Any] = {"__builtins__": {}}
        for name in get_identifiers(text) - {"and", "or", "not", "True", "False"}:
            value = self.variables[name]
            if isinstance(value, Function):
                if name not in DEFAULT_FUNCTIONS or name in random_functions():
                    self._refuse(f"'{name}' is a function of which no constant can be made")
                scope[name] = value.pyfunc
            elif isinstance(value, Constant) or self._is_shared(name):
                scope[name] = float(np.ravel(value.get_value())[0])
            else:
                self._refuse(f"'{name}' in '{self.line.expression}' is no constant")
        tree = ast.fix_missing_locations(ast.Expression(node))
        return float(eval(compile(tree, "<a constant>", "eval"), scope))  # only what was checked

    def _is_shared(self, name: str) -> bool:
        variable = self.variables[name]
        shared = isinstance(variable, ArrayVariable) and variable.scalar
        return shared and name in self.synapses.equations.parameter_names

    def _refuse(self, why: str) -> NoReturn:
        raise InputError(f"{self.what}: {why}; {_READABLE}")


def _factors(node: ast.expr, power: int = 1) -> list[tuple[ast.expr, int]]:
    """Return the factors of a product, each with the power 1, or -1 if it divides."""
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _factors(left, power) + _factors(right, power)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _factors(left, power) + _factors(right, -power)
        case ast.UnaryOp(op=ast.USub(), operand=operand) if names_in(ast.unparse(operand)):
            return [(ast.Constant(-1.0), 1), *_factors(operand, power)]
    return [(node, power)]
