"""Step a linear neuron exactly: the state update method ``"propagator"``.

For ``dx/dt = A x + b`` with ``A`` and ``b`` constant over a step,

    x(t + dt) = Phi x(t) + Gamma b,     Phi = exp(A dt),     Gamma = int_0^dt exp(A s) ds

(Rotter & Diesmann 1999, Biol. Cybern. 81:381). Both blocks come out of *one* matrix exponential,

    exp([[A, I], [0, 0]] dt) = [[Phi, Gamma], [0, I]]

(Van Loan 1978, IEEE TAC 23:395), so that a vanishing leak or two equal time constants are no
special cases, where a symbolic solution divides by zero. Parameters that differ from neuron to
neuron give one small matrix exponential for each distinct set of values.

This is the one place where a time constant becomes a factor: the torch twin reads the same
numbers. They reach Brian2 as variables of the group (``_phi_v__g``: what ``g`` adds to ``v``),
never as literals, so that changing a parameter does not recompile anything.

Importing this module registers the method with Brian2: ``NeuronGroup(..., method="propagator")``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from brian2.codegen.translation import get_identifiers
from brian2.core.variables import ArrayVariable, Constant
from brian2.equations.codestrings import is_constant_over_dt
from brian2.parsing.sympytools import sympy_to_str
from brian2.stateupdaters.base import (
    StateUpdateMethod,
    UnsupportedEquationsException,
    extract_method_options,
)
from sympy.core.function import AppliedUndef

from brianbridge.neurons.linear import LinearSystem, linear_system

__all__ = ["METHOD", "Propagator", "exact_propagator", "phi_gamma", "why_not_linear"]

#: The name under which Brian2 knows the method.
METHOD = "propagator"

#: Pairs of variables of which one depends on the other; each is a term in the code of a step.
_MOST_COEFFICIENTS = 1_600

_REFRACTORY = "__refractory"


def phi_gamma(matrix: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact step of ``dx/dt = A x + b`` over `dt`.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (..., states, states)
        ``A``, in 1/second where both variables have the same unit.
    dt : float
        Length of the step, in seconds.

    Returns
    -------
    phi, gamma : numpy.ndarray, shape (..., states, states)
        ``x(t + dt) = phi @ x(t) + gamma @ b``.

    Examples
    --------
    A leaky integrator, and one without leak:

    >>> phi, gamma = phi_gamma(np.array([[[-100.0]], [[0.0]]]), dt=1e-3)
    >>> phi.ravel().round(6), gamma.ravel().round(9)
    (array([0.904837, 1.      ]), array([0.00095163, 0.001     ]))
    """
    n = matrix.shape[-1]
    # Entries in amp and in volt differ by many orders of magnitude; powers of two level them
    # without rounding, where the exponential would lose digits (Parlett & Reinsch 1969).
    largest = np.abs(matrix).reshape(-1, n, n).max(axis=0, initial=0)
    _, (level, _) = scipy.linalg.matrix_balance(largest, permute=False, separate=True)
    units = level[:, None] / level
    augmented = np.zeros((*matrix.shape[:-2], 2 * n, 2 * n))
    augmented[..., :n, :n] = matrix / units * dt
    augmented[..., :n, n:] = np.eye(n) * dt
    if augmented.ndim > 2:
        # Neurons with the same parameters share one exponential.
        flat = augmented.reshape(-1, 4 * n * n)
        unique, inverse = np.unique(flat, axis=0, return_inverse=True)
        step = scipy.linalg.expm(unique.reshape(-1, 2 * n, 2 * n))
        step = step[inverse.ravel()].reshape(augmented.shape)
    else:
        step = scipy.linalg.expm(augmented)
    return step[..., :n, :n] * units, step[..., :n, n:] * units


@dataclass(frozen=True)
class Propagator:
    """Hold the abstract code of an exact step, and compute its coefficients for a group.

    Brian2 calls it with the group's `StateUpdater`, as it calls its GSL methods: the
    coefficients become constants of that group, and the abstract code is returned.
    """

    code: str
    active: LinearSystem
    resting: LinearSystem
    constants: Mapping[str, float]

    def __call__(self, updater: Any) -> str:
        """Add the coefficients to the group of `updater` and return the abstract code."""
        group = updater.group
        for name, value in self.coefficients(group.variables, float(group.clock.dt_)).items():
            values = np.atleast_1d(value)
            if name not in group.variables:
                group.variables.add_array(
                    name, len(values), dtype=np.float64, constant=True, scalar=np.ndim(value) == 0
                )
            group.variables[name].set_value(values)
        return self.code

    def blocks(
        self, system: LinearSystem, variables: Mapping[str, Any], dt: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``Phi`` and ``Gamma`` of `system`, with a leading axis if neurons differ."""
        values: dict[str, float | np.ndarray] = {}
        for name in system.parameters:
            if name in self.constants:
                values[name] = self.constants[name]
            else:
                values[name] = _value(variables, name)
        return phi_gamma(system.evaluate(values), dt)

    def coefficients(
        self, variables: Mapping[str, Any], dt: float
    ) -> dict[str, float | np.ndarray]:
        """Return every coefficient named in the code, a number or one a neuron."""
        found: dict[str, float | np.ndarray] = {}
        named = get_identifiers(self.code)
        for system, suffix in ((self.active, ""), (self.resting, _REFRACTORY)):
            entries = {
                _name(block, target, source, suffix): (block, i, j)
                for i, target in enumerate(system.names)
                for j, source in enumerate(system.names)
                for block in ("phi", "gamma")
            }
            if not named.isdisjoint(entries):
                phi, gamma = self.blocks(system, variables, dt)
                for name in sorted(named & set(entries)):
                    block, i, j = entries[name]
                    entry = (phi if block == "phi" else gamma)[..., i, j]
                    found[name] = float(entry) if entry.ndim == 0 else entry
        return found


def _name(block: str, target: str, source: str, suffix: str) -> str:
    """Name a coefficient; two underscores keep ``v_a, b`` and ``v, a_b`` apart."""
    return f"_{block}_{target}__{source}{suffix}"


def _value(variables: Mapping[str, Any], name: str) -> float | np.ndarray:
    """Return the value of a parameter, or one a neuron, also if it is linked to another group."""
    value = np.asarray(variables[name].get_value(), dtype=np.float64)
    if variables[name].scalar:
        return float(value.ravel()[0])
    index = variables.indices[name] if hasattr(variables, "indices") else "_idx"
    return value if index == "_idx" else value[variables[index].get_value()]


def _row(system: LinearSystem, i: int, suffix: str) -> str:
    """Write ``sum_j Phi_ij x_j + Gamma_ij b_j``, leaving out what is 0 by structure."""
    path, target = system.reaches(), system.names[i]
    terms = []
    for j, source in enumerate(system.names):
        if not path[i, j]:
            continue
        if i == j and system.is_integrator(i):
            terms.append(source)
        else:
            terms.append(f"{_name('phi', target, source, suffix)}*{source}")
    for j, source in enumerate(system.names):
        if path[i, j] and system.inputs[j] != 0:
            gain = _name("gamma", target, source, suffix)
            terms.append(f"{gain}*({sympy_to_str(system.inputs[j])})")
    return " + ".join(terms)


def _changing(coefficients: Any, variables: Mapping[str, Any]) -> list[str]:
    """Return what may change a coefficient between steps: user's functions, other variables."""
    names = sorted(str(s) for s in coefficients.free_symbols)
    arrays = [name for name in names if isinstance(variables.get(name), ArrayVariable)]
    functions = {str(call.func) for call in coefficients.atoms(AppliedUndef)}
    functions = {name for name in functions if not hasattr(np, name)}
    return sorted(functions) + [name for name in arrays if not variables[name].constant]


def _row_in_symbols(system: LinearSystem, i: int) -> str:
    """Write the step of an uncoupled variable whose leak may change between steps."""
    leak, drive, name = system.matrix[i, i], system.inputs[i], system.names[i]
    rate = f"({sympy_to_str(leak)})*dt"
    kept = name if leak == 0 else f"{name}*exp({rate})"
    gain = "dt" if leak == 0 else f"dt*exprel({rate})"
    return kept if drive == 0 else f"{kept} + ({sympy_to_str(drive)})*{gain}"


class ExactPropagator(StateUpdateMethod):
    r"""Integrate any linear system with constant coefficients exactly.

    Covers what Brian2's ``exact`` declines or gets wrong (brian2 issues 573, 679, 1010): neurons
    without leak, with or without synaptic kinetics, and equal time constants.

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
        """Return the code of one exact step, to be completed with a group's coefficients.

        Parameters
        ----------
        equations : brian2.Equations
            The model equations.
        variables : dict, optional
            The `Variable` objects for the model variables.
        method_options : dict, optional
            None are understood.

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
                f"they depend on each other in {coefficients} ways, of which the exact propagator "
                f"takes {_MOST_COEFFICIENTS}"
            )
        resting = active
        if any("not_refractory" in right.code for _, right in equations.eq_expressions):
            resting = linear_system(equations, variables, refractory=True)
        dt = variables["dt"].get_value().item() if "dt" in variables else None
        for expression in {*active.matrix, *resting.matrix, *active.inputs}:
            if expression != 0 and not is_constant_over_dt(expression, variables, dt):
                raise UnsupportedEquationsException(
                    f"'{expression}' changes within a time step, which the exact propagator "
                    "does not follow"
                )
        changing = [
            [_changing(system.matrix.row(j), variables) for j in range(len(system.names))]
            for system in (active, resting)
        ]
        lines, differs = [], active.differs(resting)
        for i, name in enumerate(active.names):
            moving = self._step_of(active, i, "", changing[0])
            if differs[i]:
                still = self._step_of(resting, i, _REFRACTORY, changing[1])
                moving = f"int(not_refractory)*({moving}) + int(not not_refractory)*({still})"
            lines.append(f"_{name} = {moving}")
        lines += [f"{name} = _{name}" for name in active.names]
        constants = {
            name: float(variables[name].get_value())
            for name in {*active.parameters, *resting.parameters}
            if isinstance(variables.get(name), Constant)
        }
        return Propagator("\n".join(lines), active, resting, constants)

    @staticmethod
    def _step_of(system: LinearSystem, i: int, suffix: str, changing_by_row: list[Any]) -> str:
        """Write the step of one variable, by coefficients or, where they may change, in full."""
        rows = [j for j, reached in enumerate(system.reaches()[i]) if reached]
        changing = [x for j in rows for x in changing_by_row[j]]
        if not changing:
            return _row(system, i, suffix)
        if len(rows) == 1:
            return _row_in_symbols(system, i)
        raise UnsupportedEquationsException(
            f"'{changing[0]}' couples {tuple(system.names[j] for j in rows)} and may change during "
            f"a run; declare it '{changing[0]} : ... (constant)' so that its propagator can be "
            "computed"
        )

    def __repr__(self) -> str:
        return "exact_propagator"


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
