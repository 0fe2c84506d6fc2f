"""Read a linear system ``dx/dt = A x + b`` from a set of Brian2 equations.

``A`` may contain everything that is constant during a run, ``b`` everything that is constant
during one step (a drive, another population's current). Other equations are refused with the
reason, by Brian2's `UnsupportedEquationsException`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import scipy.special
import sympy as sp
from sympy.core.relational import Relational

__all__ = ["LinearSystem", "linear_system"]

#: Functions in a coefficient that NumPy does not have.
_FUNCTIONS = ({"exprel": scipy.special.exprel}, "numpy")
_NOT_REFRACTORY = sp.Function("int_")(sp.Symbol("not_refractory", real=True))


@dataclass(frozen=True)
class LinearSystem:
    """Hold ``dx/dt = A x + b`` with symbolic entries.

    Parameters
    ----------
    names : tuple of str
        The state variables ``x``.
    matrix : sympy.Matrix, shape (states, states)
        ``A``.
    inputs : sympy.Matrix, shape (states, 1)
        ``b``.
    """

    names: tuple[str, ...]
    matrix: sp.Matrix
    inputs: sp.Matrix

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the symbols in ``A``."""
        return tuple(sorted(str(s) for s in self.matrix.free_symbols))

    @property
    def is_diagonal(self) -> bool:
        """Whether no state variable appears in another's equation."""
        return bool(self.matrix.is_diagonal())

    def reaches(self) -> np.ndarray:
        """Return ``R[i, j]``: whether ``x_j`` can influence ``x_i`` later (boolean).

        If it cannot, the propagator's entry is exactly 0, whatever the parameters.
        """
        return self._paths

    @cached_property
    def _paths(self) -> np.ndarray:
        n = len(self.names)
        path = np.eye(n, dtype=bool)
        for entry in self.matrix.todok():
            path[entry] = True
        for _ in range(n.bit_length()):  # each product doubles the length of the paths
            path = (path.astype(int) @ path.astype(int)) > 0
        return path

    def is_integrator(self, i: int) -> bool:
        """Return whether ``x_i`` keeps its value: it has no leak, and no loop back to itself."""
        path = self.reaches()
        looped = any(path[i, j] and path[j, i] for j in range(len(self.names)) if j != i)
        return self.matrix[i, i] == 0 and not looped

    def differs(self, other: LinearSystem) -> np.ndarray:
        """Return for each ``x_i`` whether its step differs in `other` (boolean).

        This depends on its own row, and on the rows of all variables that it depends on.
        """
        rows = [
            self.matrix.row(j) != other.matrix.row(j) or self.inputs[j] != other.inputs[j]
            for j in range(len(self.names))
        ]
        return (self.reaches() & np.array(rows, dtype=bool)).any(axis=1)

    @cached_property
    def _symbols(self) -> list[Any]:
        return sorted(self.matrix.free_symbols, key=str)

    def evaluate(self, values: Mapping[str, np.ndarray | float]) -> np.ndarray:
        """Return ``A`` as numbers, shape ``(..., states, states)``.

        Parameters
        ----------
        values : mapping of str to float or numpy.ndarray, shape (neurons,)
            SI value of each symbol in `parameters`.
        """
        symbols = [symbol for symbol in self._symbols if symbol.name in values]
        arguments = [np.asarray(values[s.name], dtype=np.float64) for s in symbols]
        shape = np.broadcast_shapes(*(a.shape for a in arguments)) if arguments else ()
        n = len(self.names)
        result = np.zeros((*shape, n, n))
        found: dict[Any, Any] = {}  # many entries are equal
        for (i, j), entry in self.matrix.todok().items():
            if entry not in found:
                found[entry] = _as_function(tuple(symbols), entry)(*arguments)
            result[..., i, j] = found[entry]
        return result


@lru_cache(maxsize=256)
def _as_function(symbols: tuple[Any, ...], expression: Any) -> Callable[..., Any]:
    """Return a function of numbers; sympy takes milliseconds to write one."""
    function: Callable[..., Any] = sp.lambdify(symbols, expression, modules=_FUNCTIONS)
    return function


def linear_system(
    equations: Any, variables: Mapping[str, Any], *, refractory: bool = False
) -> LinearSystem:
    """Split the differential equations into ``A`` and ``b``.

    Parameters
    ----------
    equations : brian2.Equations
        The equations, with their subexpressions.
    variables : mapping of str to brian2 Variable
        What the identifiers refer to.
    refractory : bool
        Whether to return the system of a refractory neuron, whose ``(unless refractory)``
        variables stay constant.

    Raises
    ------
    UnsupportedEquationsException
        If the equations are stochastic or not linear in the state variables.
    """
    from brian2.parsing.sympytools import str_to_sympy
    from brian2.stateupdaters.base import UnsupportedEquationsException

    if equations.is_stochastic:
        raise UnsupportedEquationsException("the exact propagator cannot integrate noise ('xi')")
    names = [eq.varname for eq in equations.ordered if eq.type == "differential equation"]
    expressions = dict(equations.get_substituted_expressions(variables))
    states = [sp.Symbol(name, real=True) for name in names]
    column = {state: j for j, state in enumerate(states)}
    n = len(names)
    matrix, inputs = sp.zeros(n, n), sp.zeros(n, 1)
    for i, name in enumerate(names):
        right = str_to_sympy(expressions[name].code, variables)
        right = right.xreplace({_NOT_REFRACTORY: sp.Integer(0 if refractory else 1)})
        right = sp.expand(right)
        present = [s for s in states if s in right.free_symbols]
        conditions = right.atoms(Relational)
        for state in present:
            conditional = any(c.has(state) for c in conditions)
            slope = sp.nan if conditional else sp.diff(right, state)
            if conditional or slope.free_symbols & column.keys() or slope.has(sp.Derivative):
                raise UnsupportedEquationsException(
                    f"the equation of '{name}' is not linear in '{state}': {right}"
                )
            matrix[i, column[state]] = slope
        inputs[i] = right.xreplace(dict.fromkeys(present, sp.Integer(0)))
    return LinearSystem(tuple(names), matrix, inputs)
