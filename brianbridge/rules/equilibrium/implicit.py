"""Exact implicit gradients at the equilibrium, the reference for rules with spiking errors.

IDE (Xiao, Meng, Zhang, Wang & Lin, NeurIPS 2021), read in the authors' code. At the mean rates of
the network (see `brianbridge.rules.equilibrium.base`) the linear equation ``z = g + J^T z`` is
solved numerically, here by SciPy. The authors use Broyden's method and a damped iteration. They
also bound the spectral norm of all weights, where this module bounds the Frobenius norm of feedback
weights (`feedback_norm`), and they normalise batches, which this module does not support.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from brianbridge.arrays import as_numbers
from brianbridge.errors import InputError
from brianbridge.rules.equilibrium.base import EquilibriumRule
from brianbridge.rules.equilibrium.state import Equilibrium
from brianbridge.rules.option_checks import require_above, require_choice
from brianbridge.twin.network import NetworkTwin

__all__ = ["Implicit"]

#: Largest number of iterations of a solver.
_ITERATIONS = 500


@dataclass(frozen=True)
class Implicit(EquilibriumRule):
    """Train with the exact gradient at the equilibrium.

    Parameters
    ----------
    solver : {"gmres", "anderson", "broyden"}
        Solver of the linear equation: ``scipy.sparse.linalg.gmres``, or ``scipy.optimize.root``
        with the method ``anderson`` or ``broyden1``.
    tolerance : float
        Norm of the residual, relative to the norm of g, at which the solver stops.
    feedback_norm, threshold, rest, tau
        See `EquilibriumRule`.
    """

    name: ClassVar[str] = "implicit"

    solver: Literal["gmres", "anderson", "broyden"] = "gmres"
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "solver", ("gmres", "anderson", "broyden"))
        require_above(self, "tolerance")

    def solve_gradients(
        self, twin: NetworkTwin, equilibrium: Equilibrium, gradients: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """Return z of each population, by a linear solver."""
        times_jacobian = _transposed_jacobian(twin, equilibrium)
        shapes = {name: values.shape for name, values in gradients.items()}
        like = next(iter(gradients.values()))

        def split(flat: np.ndarray) -> dict[str, Tensor]:
            tensor = torch.as_tensor(flat).to(like)
            parts = tensor.split([math.prod(shape) for shape in shapes.values()])
            return {n: p.reshape(s) for (n, s), p in zip(shapes.items(), parts, strict=True)}

        def joined(values: Mapping[str, Tensor]) -> np.ndarray:
            flat = torch.cat([values[name].flatten() for name in shapes])
            return as_numbers(flat, np.float64, "state")

        def left_side(flat: np.ndarray) -> np.ndarray:
            """Return ``z - J^T z``."""
            return flat - joined(times_jacobian(split(flat)))

        return split(self._solve(left_side, joined(gradients)))

    def _solve(
        self, left_side: Callable[[np.ndarray], np.ndarray], right: np.ndarray
    ) -> np.ndarray:
        """Solve ``left_side(z) = right`` for z."""
        from scipy.optimize import root
        from scipy.sparse.linalg import LinearOperator, gmres

        size = float(np.linalg.norm(right))
        if not size:
            return right
        if self.solver == "gmres":
            operator = LinearOperator((right.size, right.size), matvec=left_side, dtype=np.float64)
            found, failed = gmres(
                operator, right, x0=right, rtol=self.tolerance, maxiter=_ITERATIONS
            )
        else:
            method = {"anderson": "anderson", "broyden": "broyden1"}[self.solver]
            options = {
                "fatol": self.tolerance * size,
                "maxiter": _ITERATIONS,
                "tol_norm": np.linalg.norm,
            }
            result = root(lambda z: left_side(z) - right, right, method=method, options=options)
            found, failed = result.x, not result.success
        if failed:
            raise InputError(
                f"learning rule '{self.name}': solver '{self.solver}' found no gradient at the "
                f"equilibrium in {_ITERATIONS} iterations; there may be none: lower "
                f"feedback_norm = {self.feedback_norm:g}, or the learning rate"
            )
        return np.asarray(found)


def _transposed_jacobian(
    twin: NetworkTwin, equilibrium: Equilibrium
) -> Callable[[Mapping[str, Tensor]], dict[str, Tensor]]:
    """Return a function that computes ``J^T z`` from z, both by population."""
    names = tuple(equilibrium.slope)
    with torch.enable_grad():
        rates = {name: equilibrium.rates[name].detach().requires_grad_() for name in names}
        inputs = equilibrium.mean_inputs(twin, {**equilibrium.rates, **rates})

    def times_jacobian(z: Mapping[str, Tensor]) -> dict[str, Tensor]:
        connected = [name for name in names if inputs[name].requires_grad]
        found = torch.autograd.grad(
            [inputs[name] for name in connected],
            [rates[name] for name in names],
            [equilibrium.slope[name] * z[name] for name in connected],
            retain_graph=True,
            allow_unused=True,
        )
        return {
            n: torch.zeros_like(rates[n]) if g is None else g
            for n, g in zip(names, found, strict=True)
        }

    return times_jacobian
