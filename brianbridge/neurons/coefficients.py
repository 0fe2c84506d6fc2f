"""The coefficients of an exact step, and the code that names them.

A coefficient is an entry of ``Phi`` or ``Gamma`` (see `brianbridge.neurons.matrix_exponential`).
It reaches Brian2 as a variable of the group (``_phi_v__g``: what ``g`` adds to ``v``) and never
as a literal, so that a changed parameter does not compile anything again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.neurons.linear import LinearSystem
from brianbridge.neurons.matrix_exponential import phi_gamma

__all__ = [
    "REFRACTORY",
    "Propagator",
    "coefficient_name",
    "row_in_symbols",
    "row_of_coefficients",
]

#: Suffix of the coefficients of a neuron in its refractory period.
REFRACTORY = "__refractory"


@dataclass(frozen=True)
class Propagator:
    """Hold the abstract code of an exact step, and compute its coefficients for a group.

    Brian2 calls it with the group's `StateUpdater`, as it calls its GSL methods. The coefficients
    become constants of that group, and the abstract code is returned.

    Parameters
    ----------
    code : str
        The abstract code of a step.
    active, resting : LinearSystem
        The equations outside and inside the refractory period.
    constants : mapping of str to float
        Parameters that the group's namespace defines, in SI units.
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
        """Return ``Phi`` and ``Gamma`` of `system`, with a first axis for neurons that differ."""
        return phi_gamma(system.evaluate(self.values_of(system, variables)), dt)

    def values_of(
        self, system: LinearSystem, variables: Mapping[str, Any]
    ) -> dict[str, float | np.ndarray]:
        """Return the present value of each parameter of `system`, in SI units."""
        return {
            name: self.constants[name] if name in self.constants else _value(variables, name)
            for name in system.parameters
        }

    @property
    def names(self) -> set[str]:
        """The names in the code of a step."""
        # Importing Brian2 registers the method, and imports this module.
        from brian2.codegen.translation import get_identifiers

        return set(get_identifiers(self.code))

    def coefficients(
        self, variables: Mapping[str, Any], dt: float
    ) -> dict[str, float | np.ndarray]:
        """Return every coefficient in the code: a number, or one number for each neuron."""
        found: dict[str, float | np.ndarray] = {}
        named = self.names
        for system, suffix in ((self.active, ""), (self.resting, REFRACTORY)):
            entries = {
                coefficient_name(block, target, source, suffix): (block, i, j)
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


def coefficient_name(block: str, target: str, source: str, suffix: str) -> str:
    """Return the name of a coefficient. Two underscores separate ``v_a, b`` from ``v, a_b``."""
    return f"_{block}_{target}__{source}{suffix}"


def _value(variables: Mapping[str, Any], name: str) -> float | np.ndarray:
    """Return the value of a parameter, or one per neuron; a linked variable is followed."""
    value = np.asarray(variables[name].get_value(), dtype=np.float64)
    if variables[name].scalar:
        return float(value.ravel()[0])
    index = variables.indices[name] if hasattr(variables, "indices") else "_idx"
    return value if index == "_idx" else value[variables[index].get_value()]


def row_of_coefficients(system: LinearSystem, i: int, suffix: str) -> str:
    """Write ``sum_j Phi_ij x_j + Gamma_ij b_j``, without terms that are always 0."""
    from brian2.parsing.sympytools import sympy_to_str

    path, target = system.reaches(), system.names[i]
    terms = []
    for j, source in enumerate(system.names):
        if not path[i, j]:
            continue
        if i == j and system.is_integrator(i):
            terms.append(source)
        else:
            terms.append(f"{coefficient_name('phi', target, source, suffix)}*{source}")
    for j, source in enumerate(system.names):
        if path[i, j] and system.inputs[j] != 0:
            gain = coefficient_name("gamma", target, source, suffix)
            terms.append(f"{gain}*({sympy_to_str(system.inputs[j])})")
    return " + ".join(terms)


def row_in_symbols(system: LinearSystem, i: int) -> str:
    """Write the step of an uncoupled variable whose leak may change from step to step."""
    from brian2.parsing.sympytools import sympy_to_str

    leak, drive, name = system.matrix[i, i], system.inputs[i], system.names[i]
    rate = f"({sympy_to_str(leak)})*dt"
    kept = name if leak == 0 else f"{name}*exp({rate})"
    gain = "dt" if leak == 0 else f"dt*exprel({rate})"
    return kept if drive == 0 else f"{kept} + ({sympy_to_str(drive)})*{gain}"
