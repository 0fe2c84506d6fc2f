"""Compute how much a constant drive adds to a neuron in one time step.

The twin's input per step ``i`` and Brian2's constant current describe the same charge:
``current = i / drive_gain(dt)``. For a linear neuron with the exact propagator the gain is
``Gamma(dt)`` times the drive's coefficient, so that the same current gives the same trajectory at a
finer step. For any other neuron it is the charge, the coefficient times ``dt``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from brian2.parsing.sympytools import str_to_sympy

from brianbridge.neurons.linear import linear_system
from brianbridge.neurons.propagator import exact_propagator

__all__ = ["drive_gain", "drive_term"]

_NOT_REFRACTORY = sp.Function("int_")(sp.Symbol("not_refractory", real=True))


def drive_gain(
    equations: Any, variables: Any, drive: str, dt: float, *, exact: bool
) -> tuple[str, float | np.ndarray]:
    """Return the driven variable and what a constant unit drive adds to it in one step.

    Parameters
    ----------
    equations : brian2.Equations
        The model equations.
    variables : mapping of str to brian2 Variable
        The objects that the names refer to.
    drive : str
        The variable that a constant current sets.
    dt : float
        Length of the step, in seconds.
    exact : bool
        Whether the exact propagator solves the equations.

    Returns
    -------
    variable : str
        The state variable whose equation has the drive.
    gain : float or numpy.ndarray, shape (neurons,)
        Change of the variable per unit of the drive, in SI units.

    Raises
    ------
    ValueError
        If the drive is in no equation or in several, is not linear, or has a coefficient that is
        0 or unknown at the start.
    """
    name, slope = drive_term(equations, variables, drive)
    symbols = sorted(slope.free_symbols, key=str)
    values = [np.asarray(variables[str(s)].get_value(), dtype=np.float64) for s in symbols]
    coefficient = np.asarray(sp.lambdify(symbols, slope, modules="numpy")(*values))
    per_step: Any = dt
    if exact:
        system = linear_system(equations, variables)
        _, gamma = exact_propagator(equations, variables).blocks(system, variables, dt)
        i = system.names.index(name)
        per_step = gamma[..., i, i]
    gain = np.asarray(coefficient * per_step, dtype=np.float64)
    if not (np.isfinite(gain).all() and gain.all()):
        raise ValueError(
            f"the drive '{drive}' adds {gain.ravel()[0]:g} to '{name}' in a step; multiply it "
            "by a factor that is not 0"
        )
    return name, float(gain.ravel()[0]) if gain.size == 1 else gain


def drive_term(equations: Any, variables: Any, drive: str) -> tuple[str, sp.Expr]:
    """Return the driven variable and the factor of the drive in its equation.

    Parameters
    ----------
    equations, variables, drive
        As in `drive_gain`.

    Raises
    ------
    ValueError
        If the drive is in no equation or in several, is not linear, or has a factor that is
        unknown at the start.
    """
    symbol = sp.Symbol(drive, real=True)
    found = []
    for name, expression in equations.get_substituted_expressions(variables):
        right = str_to_sympy(expression.code, variables).xreplace({_NOT_REFRACTORY: sp.Integer(1)})
        slope = sp.diff(sp.expand(right), symbol)
        if slope != 0:
            found.append((name, slope))
    if len(found) != 1:
        where = ", ".join(f"'{name}'" for name, _ in found) or "no differential equation"
        raise ValueError(
            f"the drive '{drive}' must enter one differential equation; it enters {where}"
        )
    name, slope = found[0]
    states = {sp.Symbol(n, real=True) for n in equations.diff_eq_names}
    if slope.free_symbols & (states | {symbol}):
        raise ValueError(f"the drive '{drive}' must enter the equation of '{name}' linearly")
    unknown = sorted(str(s) for s in slope.free_symbols if str(s) not in variables)
    if unknown:
        raise ValueError(
            f"the drive '{drive}' is multiplied by '{unknown[0]}' in the equation of '{name}', "
            "which is unknown before a run; multiply another term by it"
        )
    return name, slope
