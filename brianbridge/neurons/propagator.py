"""Step a linear neuron exactly: the state update method ``"propagator"``.

The step is ``x(t + dt) = Phi x(t) + Gamma b``; see `brianbridge.neurons.matrix_exponential`.
Parameters that differ between neurons give one small matrix exponential for each distinct set of
values. This is the one place where a time constant becomes a factor: the torch twin reads the same
numbers.

Importing this module registers the method with Brian2: ``NeuronGroup(..., method="propagator")``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2.core.variables import ArrayVariable, Constant
from brian2.equations.codestrings import is_constant_over_dt
from brian2.stateupdaters.base import (
    StateUpdateMethod,
    UnsupportedEquationsException,
    extract_method_options,
)
from sympy.core.function import AppliedUndef

from brianbridge.neurons.coefficients import (
    REFRACTORY,
    Propagator,
    row_in_symbols,
    row_of_coefficients,
)
from brianbridge.neurons.linear import LinearSystem, linear_system

__all__ = ["METHOD", "exact_propagator", "why_not_linear"]

#: The name under which Brian2 knows the method.
METHOD = "propagator"

#: Limit of the dependences between variables. Each is a term in the code of a step.
_MOST_COEFFICIENTS = 1_600


class ExactPropagator(StateUpdateMethod):
    r"""Integrate any linear system with constant coefficients exactly.

    It covers systems that Brian2's ``exact`` refuses or solves wrongly (brian2 issues 573, 679,
    1010): neurons without leak, with or without synaptic kinetics, and equal time constants.

    Examples
    --------
    >>> from brian2 import Equations
    >>> print(exact_propagator(Equations("dv/dt = drive : 1\ndrive : Hz")).code)
    _v = v + _gamma_v__v*(drive)
    v = _v
    """

    def __call__(
        self,
        equations: Any,
        variables: Mapping[str, Any] | None = None,
        method_options: Mapping[str, Any] | None = None,
    ) -> Propagator:
        """Return one exact step: its code, and how to compute its coefficients for a group.

        Parameters
        ----------
        equations : brian2.Equations
            The model equations.
        variables : dict, optional
            The `Variable` objects for the model variables.
        method_options : dict, optional
            Must be empty: the method has no options.

        Raises
        ------
        UnsupportedEquationsException
            If the system is stochastic, not linear, or its coefficients change with time.
        """
        extract_method_options(method_options, {})
        variables = {} if variables is None else variables
        active = linear_system(equations, variables)
        coefficients = int(active.reaches().sum())
        if coefficients > _MOST_COEFFICIENTS:
            raise UnsupportedEquationsException(
                f"the variables have {coefficients} dependences, and the exact propagator handles "
                f"at most {_MOST_COEFFICIENTS}"
            )
        resting = active
        if any("not_refractory" in right.code for _, right in equations.eq_expressions):
            resting = linear_system(equations, variables, refractory=True)
        dt = variables["dt"].get_value().item() if "dt" in variables else None
        for expression in {*active.matrix, *resting.matrix, *active.inputs}:
            if expression != 0 and not is_constant_over_dt(expression, variables, dt):
                raise UnsupportedEquationsException(
                    f"'{expression}' changes within a time step, which the exact propagator "
                    "does not support"
                )
        changing = [
            [_changing(system.matrix.row(j), variables) for j in range(len(system.names))]
            for system in (active, resting)
        ]
        lines, differs = [], active.differs(resting)
        for i, name in enumerate(active.names):
            step = self._step_of(active, i, "", changing[0])
            if differs[i]:
                at_rest = self._step_of(resting, i, REFRACTORY, changing[1])
                step = f"int(not_refractory)*({step}) + int(not not_refractory)*({at_rest})"
            lines.append(f"_{name} = {step}")
        lines += [f"{name} = _{name}" for name in active.names]
        constants = {
            name: float(variables[name].get_value())
            for name in {*active.parameters, *resting.parameters}
            if isinstance(variables.get(name), Constant)
        }
        return Propagator("\n".join(lines), active, resting, constants)

    @staticmethod
    def _step_of(system: LinearSystem, i: int, suffix: str, changing_by_row: list[Any]) -> str:
        """Write the step of one variable: by coefficients, or in full if they may change."""
        rows = [j for j, reached in enumerate(system.reaches()[i]) if reached]
        changing = [x for j in rows for x in changing_by_row[j]]
        if not changing:
            return row_of_coefficients(system, i, suffix)
        if len(rows) == 1:
            return row_in_symbols(system, i)
        raise UnsupportedEquationsException(
            f"'{changing[0]}' couples {tuple(system.names[j] for j in rows)} and may change during "
            f"a run; declare it '{changing[0]} : ... (constant)' so that its propagator can be "
            "computed"
        )

    def __repr__(self) -> str:
        return "exact_propagator"


def _changing(coefficients: Any, variables: Mapping[str, Any]) -> list[str]:
    """Return the functions and variables that may change a coefficient from step to step."""
    names = sorted(str(s) for s in coefficients.free_symbols)
    arrays = [name for name in names if isinstance(variables.get(name), ArrayVariable)]
    functions = {str(call.func) for call in coefficients.atoms(AppliedUndef)}
    functions = {name for name in functions if not hasattr(np, name)}
    return sorted(functions) + [name for name in arrays if not variables[name].constant]


exact_propagator = ExactPropagator()

if METHOD not in StateUpdateMethod.stateupdaters:
    StateUpdateMethod.register(METHOD, exact_propagator)


def why_not_linear(equations: Any, variables: Mapping[str, Any]) -> str:
    """Return why `equations` have no exact propagator, or an empty string if they have one."""
    try:
        exact_propagator(equations, variables)
    except UnsupportedEquationsException as reason:
        return str(reason)
    return ""
