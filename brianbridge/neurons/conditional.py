"""The exponential Euler method, without a division.

It solves equations that are linear in each variable if all others are constant.
``dx/dt = A*x + B``, with A and B kept constant during the step, has the solution
``x + dt*(A*x + B)*exprel(A*dt)``. Brian2's own ``exponential_euler`` writes it with ``B/A``, which
is not a number if A is 0: a membrane without a leak while all its conductances are 0.

Importing this module registers the method with Brian2: ``NeuronGroup(..., method="conditional")``.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from brian2.parsing.sympytools import sympy_to_str
from brian2.stateupdaters.base import StateUpdateMethod, UnsupportedEquationsException
from brian2.stateupdaters.exponential_euler import get_conditionally_linear_system

__all__ = ["METHOD", "conditional"]

#: The name of the method in Brian2's registry.
METHOD = "conditional"


class _Conditional(StateUpdateMethod):
    """Solve the equation of each variable with all others held constant."""

    def __call__(self, equations: Any, variables: Any = None, method_options: Any = None) -> str:
        """Return abstract code for one step.

        Raises
        ------
        UnsupportedEquationsException
            If the equations are stochastic, or not linear in each variable by itself.
        """
        if equations.is_stochastic:
            raise UnsupportedEquationsException(
                f"method '{METHOD}' does not solve stochastic equations; use 'euler'"
            )
        try:
            system = get_conditionally_linear_system(equations, variables)
        except ValueError as error:
            raise UnsupportedEquationsException(f"method '{METHOD}': {error}") from None
        code = []
        for name, (rate, rest) in system.items():
            slope, factor = sympy_to_str(sp.sympify(rest)), ""
            if rate != 0:
                leak = sympy_to_str(rate)
                slope, factor = f"({leak})*{name} + {slope}", f"*exprel(dt*({leak}))"
            code.append(f"_{name} = {name} + dt*({slope}){factor}")
        code += [f"{name} = _{name}" for name in system]
        return "\n".join(code)


conditional = _Conditional()

if METHOD not in StateUpdateMethod.stateupdaters:
    StateUpdateMethod.register(METHOD, conditional)
