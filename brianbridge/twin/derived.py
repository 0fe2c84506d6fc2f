"""Compute in torch what an exact step derives from learned parameters.

A step by the exact propagator reads coefficients, entries of ``Phi`` and ``Gamma`` (see
`brianbridge.neurons.matrix_exponential`), and no time constants. Where a time constant is learned,
its coefficients are computed anew in each presentation, so that gradients pass through them. One
variable by itself has ``exp(a*dt)`` and ``dt*exprel(a*dt)``, also without a leak; variables that
depend on each other have a matrix exponential, in which equal time constants are no special case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from brianbridge.neurons.coefficients import REFRACTORY, Propagator, coefficient_name
from brianbridge.neurons.drive import drive_term
from brianbridge.neurons.linear import LinearSystem
from brianbridge.neurons.matrix_exponential import balance
from brianbridge.twin.constants import constant_tensor
from brianbridge.twin.torch_functions import TORCH_FUNCTIONS

__all__ = ["Coefficients", "DriveGain"]


class Coefficients:
    """Compute the coefficients of an exact step that depend on learned parameters.

    Parameters
    ----------
    propagator : Propagator
        The exact step.
    variables : mapping of str to brian2 Variable
        What the names of the group refer to.
    learned : sequence of str
        The learned parameters.
    dt : float
        Length of the step, in seconds.

    Attributes
    ----------
    names : tuple of str
        The coefficients, as the step names them.
    parameters : frozenset of str
        The learned parameters that they depend on.
    """

    def __init__(
        self,
        propagator: Propagator,
        variables: Mapping[str, Any],
        learned: frozenset[str],
        dt: float,
    ) -> None:
        self._systems: list[tuple[_TorchSystem, dict[str, tuple[str, int, int]]]] = []
        named = propagator.names
        for system, suffix in ((propagator.active, ""), (propagator.resting, REFRACTORY)):
            if learned.isdisjoint(system.parameters):
                continue
            entries = {
                coefficient_name(block, target, source, suffix): (block, i, j)
                for i, target in enumerate(system.names)
                for j, source in enumerate(system.names)
                for block in ("phi", "gamma")
            }
            kept = {name: entries[name] for name in sorted(named & set(entries))}
            if kept:
                fixed = propagator.values_of(system, variables)
                self._systems.append((_TorchSystem(system, fixed, dt), kept))
        self.names = tuple(name for _, entries in self._systems for name in entries)
        self.parameters = learned & {n for s, _ in self._systems for n in s.parameters}

    def __call__(
        self, values: Mapping[str, Tensor], shape: tuple[int, ...] = (-1,)
    ) -> dict[str, Tensor]:
        """Return each coefficient, in the shape and type of the values of the parameters.

        Parameters
        ----------
        values : mapping of str to Tensor
            The values of all learned parameters.
        shape : tuple of int
            Shape of the population, for parameters that differ between neurons.
        """
        found: dict[str, Tensor] = {}
        for system, entries in self._systems:
            blocks = system(values, shape)
            found |= {name: blocks[block][..., i, j] for name, (block, i, j) in entries.items()}
        return found


class DriveGain:
    """Compute what a unit drive adds to a neuron in a step; see `brianbridge.neurons.drive`.

    Parameters
    ----------
    equations : brian2.Equations
        The equations.
    variables : mapping of str to brian2 Variable
        What their names refer to.
    drive : str
        The variable that a constant current sets.
    dt : float
        Length of the step, in seconds.
    propagator : Propagator, optional
        The exact step, if the neuron has one.

    Attributes
    ----------
    parameters : frozenset of str
        The parameters that the gain depends on.
    """

    def __init__(
        self,
        equations: Any,
        variables: Mapping[str, Any],
        drive: str,
        dt: float,
        propagator: Propagator | None,
    ) -> None:
        name, self._slope = drive_term(equations, variables, drive)
        symbols = {str(symbol) for symbol in self._slope.free_symbols}
        self._fixed = {symbol: _numbers(variables[symbol]) for symbol in symbols}
        self._dt, self._system = dt, None
        if propagator is not None:
            system = propagator.active
            self._place = system.names.index(name)
            fixed = propagator.values_of(system, variables)
            self._system = _TorchSystem(system, fixed, dt)
        self.parameters = frozenset(symbols) | (
            frozenset() if self._system is None else self._system.parameters
        )

    def __call__(self, values: Mapping[str, Tensor], shape: tuple[int, ...] = (-1,)) -> Tensor:
        """Return the gain, in the shape and type of the values of the parameters.

        Parameters
        ----------
        values : mapping of str to Tensor
            The values of all learned parameters.
        shape : tuple of int
            Shape of the population, for parameters that differ between neurons.
        """
        fixed = {name: _shaped(value, shape) for name, value in self._fixed.items()}
        slope = _evaluated(self._slope, {**fixed, **values}, next(iter(values.values())))
        if self._system is None:
            return slope * self._dt
        return slope * self._system(values, shape)["gamma"][..., self._place, self._place]


class _TorchSystem:
    """The exact step of a linear system, as a differentiable function of its parameters."""

    def __init__(self, system: LinearSystem, fixed: Mapping[str, Any], dt: float) -> None:
        self._system, self._fixed, self._dt = system, fixed, dt
        self._level = balance(system.evaluate(fixed))
        self.parameters = frozenset(system.parameters)

    def __call__(self, values: Mapping[str, Tensor], shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Return ``phi`` and ``gamma``, each ``(..., states, states)``, in double precision."""
        like = next(iter(values.values()))
        fixed = {n: _shaped(v, shape) for n, v in self._fixed.items()}
        known = {**fixed, **{n: v.double() for n, v in values.items()}}
        n, dt = len(self._system.names), self._dt
        entries = {
            place: _evaluated(entry, known, like.double())
            for place, entry in self._system.matrix.todok().items()
        }
        if self._system.is_diagonal:
            return self._diagonal(entries, like)
        shape = torch.broadcast_shapes(*(e.shape for e in entries.values()))
        level = constant_tensor(self._level, like.double())
        units = level[:, None] / level
        augmented = torch.zeros((*shape, 2 * n, 2 * n), dtype=torch.float64, device=like.device)
        for (i, j), entry in entries.items():
            augmented[..., i, j] = entry / units[i, j] * dt
        augmented[..., :n, n:] = torch.eye(n, dtype=torch.float64, device=like.device) * dt
        step = torch.linalg.matrix_exp(augmented)
        blocks = {"phi": step[..., :n, :n] * units, "gamma": step[..., :n, n:] * units}
        return {name: block.to(like.dtype) for name, block in blocks.items()}

    def _diagonal(
        self, entries: Mapping[tuple[int, int], Tensor], like: Tensor
    ) -> dict[str, Tensor]:
        rates = [entries.get((i, i), like.new_zeros(())) for i in range(len(self._system.names))]
        rate = torch.stack(torch.broadcast_tensors(*(r.double() for r in rates)), -1) * self._dt
        return {
            "phi": torch.diag_embed(rate.exp()).to(like.dtype),
            "gamma": torch.diag_embed(TORCH_FUNCTIONS["exprel"](rate) * self._dt).to(like.dtype),
        }


def _evaluated(expression: sp.Expr, values: Mapping[str, Any], like: Tensor) -> Tensor:
    """Return an expression of parameters as a tensor."""
    names, function = _compiled(expression)
    return _tensor(function(*(_tensor(values[name], like) for name in names)), like)


@lru_cache(maxsize=1000)
def _compiled(expression: sp.Expr) -> tuple[tuple[str, ...], Callable[..., Any]]:
    """Return the names in an expression, and a function of them; each presentation calls it."""
    symbols = sorted(expression.free_symbols, key=str)
    function = sp.lambdify(symbols, expression, modules=[TORCH_FUNCTIONS, "math"])
    return tuple(str(symbol) for symbol in symbols), function


def _shaped(value: Any, shape: tuple[int, ...]) -> Any:
    """Return values of neurons in the shape of their population; a single number as it is."""
    return np.reshape(value, shape) if np.size(value) > 1 else float(np.ravel(value)[0])


def _tensor(value: Any, like: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(like.dtype)
    return constant_tensor(np.asarray(value, dtype=np.float64), like)


def _numbers(variable: Any) -> Any:
    values = np.asarray(variable.get_value(), dtype=np.float64)
    return float(values.ravel()[0]) if values.size == 1 else values
