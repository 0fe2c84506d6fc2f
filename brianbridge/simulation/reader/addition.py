"""Read one statement of a `Synapses` object as the addition of a weight to a variable.

Names are resolved by Brian2 itself, so that they mean the same as when it runs.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from brian2.core.functions import DEFAULT_FUNCTIONS, Function
from brian2.core.variables import ArrayVariable, Constant
from brian2.utils.stringtools import get_identifiers

from brianbridge.errors import InputError
from brianbridge.neurons.expressions import names_in, parse_expression
from brianbridge.neurons.model import SPIKE_VALUE
from brianbridge.neurons.statements import Statement
from brianbridge.simulation.code_runners import random_functions

__all__ = ["Addition", "AdditionReader", "MoreThanAddingError"]


class MoreThanAddingError(Exception):
    """A statement does more than to add a weight times a constant."""


@dataclass(frozen=True)
class Addition:
    """What one line of ``on_pre`` adds to the target.

    Parameters
    ----------
    pathway : brian2.SynapticPathway
        The pathway whose code has the line.
    receive : str
        The variable of the target to which the line adds.
    variable : str
        The synaptic variable that holds the weights; empty if the line adds a constant.
    factor : float
        Factor of the variable, or the constant itself, in SI units.
    constants : frozenset of str
        Names of the constants in the factor.
    """

    pathway: Any
    receive: str
    variable: str
    factor: float
    constants: frozenset[str] = frozenset()


class AdditionReader:
    """Read one statement of a pathway as an addition.

    Parameters
    ----------
    synapses : brian2.Synapses
        The synapses.
    pathway : brian2.SynapticPathway
        The pathway whose code has the statement.
    line : Statement
        The statement.
    variables : mapping of str to object
        Brian2's variables, constants and functions, by the names in the code.
    what : str
        Description of the code, for messages.
    """

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

    def read(self) -> Addition:
        """Return the addition.

        Raises
        ------
        MoreThanAddingError
            If the statement is not one.
        InputError
            If it ignores the values of spikes, or adds nothing.
        """
        line = self.line
        index = self.synapses.variables.indices
        target = self.variables[line.target]
        if line.operation not in ("+=", "-=") or line.target not in self.synapses.variables:
            raise MoreThanAddingError
        if index[line.target] != "_postsynaptic_idx":
            raise MoreThanAddingError
        variable, factor, constants = self._product()
        sign = 1.0 if line.operation == "+=" else -1.0
        return Addition(self.pathway, target.name, variable, sign * factor, constants)

    def _belongs_to_synapses(self, name: str) -> bool:
        """Return whether a name is a variable of the synapses, not of their source or target."""
        return name in self.synapses.variables and self.synapses.variables.indices[name] in (
            "_idx",
            "0",
        )

    def _product(self) -> tuple[str, float, frozenset[str]]:
        """Return variable, constant and names of constants of a product, without the spike value.

        If no factor has a value for each synapse, the variable is one that all synapses share.
        """
        text = self.line.expression
        weights: list[str] = []
        shared: list[str] = []
        others: list[tuple[ast.expr, int]] = []
        graded = False
        for node, power in _factors(parse_expression(text, self.what)):
            name = node.id if isinstance(node, ast.Name) and power == 1 else ""
            if name == f"{SPIKE_VALUE}_pre" and not graded:
                graded = True
            elif name and self._is_weight(name):
                (shared if self.variables[name].scalar else weights).append(name)
            else:
                others.append((node, power))
        if len(weights) > 1 or (not weights and len(shared) > 1):
            raise MoreThanAddingError
        if weights:
            others += [(ast.Name(name, ast.Load()), 1) for name in shared]
        factor, constants = 1.0, set[str]()
        for node, power in others:
            factor *= self._constant(node) ** power
            constants |= names_in(ast.unparse(node))
        if SPIKE_VALUE in self.synapses.source.variables and not graded:
            self._refuse(
                f"the spikes of '{self.synapses.source.name}' carry values, which '{text}' "
                f"ignores; append '*{SPIKE_VALUE}_pre'"
            )
        if not factor:
            self._refuse(f"'{text}' is 0 for every weight")
        return (weights or shared or [""])[0], factor, frozenset(constants)

    def _is_weight(self, name: str) -> bool:
        """Return whether a name is a parameter of the synapses."""
        return (
            isinstance(self.variables[name], ArrayVariable)
            and self._belongs_to_synapses(name)
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
                    raise MoreThanAddingError
                scope[name] = value.pyfunc
            elif isinstance(value, Constant) or self._is_shared(name):
                scope[name] = float(np.ravel(value.get_value())[0])
            else:
                raise MoreThanAddingError
        tree = ast.fix_missing_locations(ast.Expression(node))
        return float(eval(compile(tree, "<a constant>", "eval"), scope))  # only checked names

    def _is_shared(self, name: str) -> bool:
        """Return whether a name is a parameter with one value for all synapses."""
        variable = self.variables[name]
        shared = isinstance(variable, ArrayVariable) and variable.scalar
        return shared and name in self.synapses.equations.parameter_names

    def _refuse(self, why: str) -> NoReturn:
        raise InputError(f"{self.what}: {why}")


def _factors(node: ast.expr, power: int = 1) -> list[tuple[ast.expr, int]]:
    """Return the factors of a product, each with its power: 1, or -1 for a divisor."""
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _factors(left, power) + _factors(right, power)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _factors(left, power) + _factors(right, -power)
        case ast.UnaryOp(op=ast.USub(), operand=operand) if names_in(ast.unparse(operand)):
            return [(ast.Constant(-1.0), 1), *_factors(operand, power)]
    return [(node, power)]
