"""Exact implicit gradients at the equilibrium, the yardstick for rules that spike backward.

IDE (Xiao, Meng, Zhang, Wang & Lin, NeurIPS 2021), read in the authors' code: at the mean rates of
the network (see `brianbridge.rules.equilibrium.base`) the linear equation ``z = g + J^T z`` is
solved by numerical methods, here SciPy's. The authors' own are Broyden's method and a damped
iteration; they also bound the spectral norm of all weights, where here the Frobenius norm of
feedback weights is bounded (`feedback_norm`), and normalise batches, for which there is nothing
here.
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
from brianbridge.errors import InputError, did_you_mean
from brianbridge.rules.equilibrium.base import AtEquilibrium, Settled
from brianbridge.twin.network import NetworkTwin

__all__ = ["Implicit"]

_SOLVERS = ("gmres", "anderson", "broyden")
#: Iterations, at most.
_MOST = 500


@dataclass(frozen=True)
class Implicit(AtEquilibrium):
    """Train with the exact gradient of the equilibrium.

    Parameters
    ----------
    solver : {"gmres", "anderson", "broyden"}
        How the linear equation is solved: ``scipy.sparse.linalg.gmres``, or
        ``scipy.optimize.root`` with the methods ``anderson`` and ``broyden1``.
    tolerance : float
        Norm of the residual, relative to that of g, at which it ends.
    feedback_norm, threshold, rest, tau
        See `AtEquilibrium`.
    """

    name: ClassVar[str] = "implicit"

    solver: Literal["gmres", "anderson", "broyden"] = "gmres"
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.solver not in _SOLVERS:
            raise InputError(
                f"learning rule '{self.name}': solver = '{self.solver}'. "
                + did_you_mean(str(self.solver), _SOLVERS)
            )
        if not 0 < self.tolerance < math.inf:
            raise InputError(
                f"learning rule '{self.name}': tolerance = {self.tolerance}; give more than 0"
            )

    def settled_gradients(
        self, twin: NetworkTwin, settled: Settled, given: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """Return z of each population, by a linear solver."""
        back = _transposed_jacobian(twin, settled)
        sizes = {name: values.shape for name, values in given.items()}
        like = next(iter(given.values()))

        def split(flat: np.ndarray) -> dict[str, Tensor]:
            tensor = torch.as_tensor(flat).to(like)
            parts = tensor.split([math.prod(shape) for shape in sizes.values()])
            return {n: p.reshape(s) for (n, s), p in zip(sizes.items(), parts, strict=True)}

        def joined(values: Mapping[str, Tensor]) -> np.ndarray:
            flat = torch.cat([values[name].flatten() for name in sizes])
            return as_numbers(flat, np.float64, "state")

        def left(flat: np.ndarray) -> np.ndarray:
            """Return ``z - J^T z``."""
            return flat - joined(back(split(flat)))

        return split(self._solved(left, joined(given)))

    def _solved(self, left: Callable[[np.ndarray], np.ndarray], right: np.ndarray) -> np.ndarray:
        from scipy.optimize import root
        from scipy.sparse.linalg import LinearOperator, gmres

        size = float(np.linalg.norm(right))
        if not size:
            return right
        if self.solver == "gmres":
            operator = LinearOperator((right.size, right.size), matvec=left, dtype=np.float64)
            found, failed = gmres(operator, right, x0=right, rtol=self.tolerance, maxiter=_MOST)
        else:
            method = {"anderson": "anderson", "broyden": "broyden1"}[self.solver]
            options = {"fatol": self.tolerance * size, "maxiter": _MOST, "tol_norm": np.linalg.norm}
            outcome = root(lambda z: left(z) - right, right, method=method, options=options)
            found, failed = outcome.x, not outcome.success
        if failed:
            raise InputError(
                f"learning rule '{self.name}': solver '{self.solver}' found no gradient of the "
                f"equilibrium in {_MOST} iterations; there may be none: lower feedback_norm = "
                f"{self.feedback_norm:g}, or the learning rate"
            )
        return np.asarray(found)


def _transposed_jacobian(
    twin: NetworkTwin, settled: Settled
) -> Callable[[Mapping[str, Tensor]], dict[str, Tensor]]:
    """Return what takes z to ``J^T z``, both by population."""
    names = tuple(settled.slope)
    with torch.enable_grad():
        rates = {name: settled.rates[name].detach().requires_grad_() for name in names}
        inputs = settled.mean_inputs(twin, {**settled.rates, **rates})

    def back(z: Mapping[str, Tensor]) -> dict[str, Tensor]:
        reached = [name for name in names if inputs[name].requires_grad]
        found = torch.autograd.grad(
            [inputs[name] for name in reached],
            [rates[name] for name in names],
            [settled.slope[name] * z[name] for name in reached],
            retain_graph=True,
            allow_unused=True,
        )
        return {
            n: torch.zeros_like(rates[n]) if g is None else g
            for n, g in zip(names, found, strict=True)
        }

    return back
