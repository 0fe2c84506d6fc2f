"""Step a linear neuron exactly: the state update method ``"propagator"``.

For ``dx/dt = A x + b`` with ``A`` and ``b`` constant over a step,

    x(t + dt) = Phi x(t) + Gamma b,     Phi = exp(A dt),     Gamma = int_0^dt exp(A s) ds

(Rotter & Diesmann 1999, Biol. Cybern. 81:381). Both blocks come out of *one* matrix exponential,

    exp([[A, I], [0, 0]] dt) = [[Phi, Gamma], [0, I]]

(Van Loan 1978, IEEE TAC 23:395), so that a vanishing leak or two equal time constants are no
special cases, where a symbolic solution divides by zero. Parameters that differ from neuron to
neuron give one small matrix exponential for each distinct set of values.

This is the one place where a time constant becomes a factor: the torch twin reads the same
numbers. They reach Brian2 as variables of the group (``_phi_v_v``, ``_gamma_v_v``), never as
literals, so that changing a parameter does not recompile anything.

Importing this module registers the method with Brian2: ``NeuronGroup(..., method="propagator")``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from brian2.codegen.translation import get_identifiers
from brian2.core.functions import Function
from brian2.core.variables import ArrayVariable, Constant
from brian2.equations.codestrings import is_constant_over_dt
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str
from brian2.stateupdaters.base import (
    StateUpdateMethod,
    UnsupportedEquationsException,
    extract_method_options,
)

from .linear import LinearSystem, linear_system

__all__ = ["METHOD", "Propagator", "exact_propagator", "phi_gamma", "why_not_linear"]

#: The name under which Brian2 knows the method.
METHOD = "propagator"


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
    augmented = np.zeros((*matrix.shape[:-2], 2 * n, 2 * n))
    augmented[..., :n, :n] = matrix * dt
    augmented[..., :n, n:] = np.eye(n) * dt
    if augmented.ndim > 2:
        # Neurons with the same parameters share one exponential.
        flat = augmented.reshape(-1, 4 * n * n)
        unique, inverse = np.unique(flat, axis=0, return_inverse=True)
        step = scipy.linalg.expm(unique.reshape(-1, 2 * n, 2 * n))
        step = step[inverse.ravel()].reshape(augmented.shape)
    else:
        step = scipy.linalg.expm(augmented)
    return step[..., :n, :n], step[..., :n, n:]


@dataclass(frozen=True)
class Propagator:
    """Hold the abstract code of an exact step, and compute its coefficients for a group.

    Brian2 calls it with the group's `StateUpdater`, as it calls its GSL methods: the
    coefficients become constants of that group, and the abstract code is returned.
    """

    code: str
    active: LinearSystem
    resting: LinearSystem | None
    constants: Mapping[str, float]

    def __call__(self, updater: Any) -> str:
        """Add the coefficients to the group of `updater` and return the abstract code."""
        group = updater.group
        for name, value in self.coefficients(group.variables, float(group.clock.dt_)).items():
            per_neuron = np.ndim(value) > 0
            if name not in group.variables:
                group.variables.add_array(
                    name, size=len(value) if per_neuron else 1, constant=True,
                    scalar=not per_neuron, dtype=np.float64,
                )  # fmt: skip
            group.variables[name].set_value(value if per_neuron else np.array([value]))
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
                value = np.asarray(variables[name].get_value(), dtype=np.float64)
                values[name] = float(value.ravel()[0]) if variables[name].scalar else value
        return phi_gamma(system.evaluate(values), dt)

    def coefficients(
        self, variables: Mapping[str, Any], dt: float
    ) -> dict[str, float | np.ndarray]:
        """Return every coefficient named in the code, a number or one a neuron."""
        found: dict[str, float | np.ndarray] = {}
        for system, suffix in ((self.active, ""), (self.resting, "_refractory")):
            if system is None:
                continue
            phi, gamma = self.blocks(system, variables, dt)
            for i, target in enumerate(system.names):
                for j, source in enumerate(system.names):
                    for prefix, block in (("phi", phi), ("gamma", gamma)):
                        name = f"_{prefix}_{target}_{source}{suffix}"
                        if name in get_identifiers(self.code):
                            entry = block[..., i, j]
                            found[name] = float(entry) if entry.ndim == 0 else entry
        return found


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
            terms.append(f"_phi_{target}_{source}{suffix}*{source}")
    for j, source in enumerate(system.names):
        if path[i, j] and system.inputs[j] != 0:
            terms.append(f"_gamma_{target}_{source}{suffix}*({sympy_to_str(system.inputs[j])})")
    return " + ".join(terms)


def _row_in_symbols(system: LinearSystem, i: int) -> str:
    """Write the step of an uncoupled variable whose leak may change between steps."""
    leak, drive, name = system.matrix[i, i], system.inputs[i], system.names[i]
    rate = f"({sympy_to_str(leak)})*dt"
    kept = name if leak == 0 else f"{name}*exp({rate})"
    gain = "dt" if leak == 0 else f"dt*exprel({rate})"
    return kept if drive == 0 else f"{kept} + ({sympy_to_str(drive)})*{gain}"


class ExactPropagator(StateUpdateMethod):
    """Integrate any linear system with constant coefficients exactly.

    Covers what Brian2's ``exact`` declines or gets wrong (brian2 issues 573, 679, 1010): neurons
    without leak, with or without synaptic kinetics, and equal time constants.

    Examples
    --------
    >>> from brian2 import Equations
    >>> print(exact_propagator(Equations("dv/dt = drive : 1\\ndrive : Hz")).code)
    _v = v + _gamma_v_v*(drive)
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
        refractory = any("unless refractory" in eq.flags for eq in equations.values())
        uses_refractoriness = refractory and "not_refractory" in equations.names
        resting = (
            linear_system(equations, variables, refractory=True) if uses_refractoriness else None
        )
        self._check_inputs(active, variables)
        changing = self._changing_parameters(active, variables)
        if changing and not active.is_diagonal:
            raise UnsupportedEquationsException(
                f"'{changing[0]}' couples {active.names} and may change during a run; declare it "
                f"'{changing[0]} : ... (constant)' so that its propagator can be computed"
            )
        lines = []
        for i, name in enumerate(active.names):
            moving = _row_in_symbols(active, i) if changing else _row(active, i, "")
            if resting is not None:
                still = _row_in_symbols(resting, i) if changing else _row(resting, i, "_refractory")
                if active.row_closure(i) != resting.row_closure(i):
                    moving = f"int(not_refractory)*({moving}) + int(not not_refractory)*({still})"
            lines.append(f"_{name} = {moving}")
        lines += [f"{name} = _{name}" for name in active.names]
        constants = {
            name: float(variable.get_value())
            for name, variable in variables.items()
            if isinstance(variable, Constant) and name in active.parameters
        }
        return Propagator("\n".join(lines), active, resting, constants)

    @staticmethod
    def _check_inputs(system: LinearSystem, variables: Mapping[str, Any]) -> None:
        dt = variables["dt"].get_value().item() if "dt" in variables else None
        for expression in (*system.matrix, *system.inputs):
            if not is_constant_over_dt(expression, variables, dt):
                raise UnsupportedEquationsException(
                    f"'{expression}' changes within a time step, which the exact propagator "
                    "does not follow"
                )

    @staticmethod
    def _changing_parameters(system: LinearSystem, variables: Mapping[str, Any]) -> list[str]:
        functions = [n for n, v in variables.items() if isinstance(v, Function)]
        return [
            name
            for name in system.parameters
            if name not in functions
            and isinstance(variables.get(name), ArrayVariable)
            and not variables[name].constant
        ]

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
