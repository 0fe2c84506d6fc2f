"""A linear system stepped by Brian2, and the same by scipy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp


def simulate_states(
    equations: str,
    start: dict[str, Any],
    *,
    milliseconds: float = 20.0,
    dt: float = 0.5,
    n: int = 1,
    method: Any = "propagator",
    namespace: dict[str, Any] | None = None,
    **keywords: Any,
) -> dict[str, np.ndarray]:
    """Run a group and return the last value of the variables named in `start`, SI units."""
    from brian2 import Network, NeuronGroup, ms

    import brianbridge.neurons.propagator  # noqa: F401  (registers the method)

    group = NeuronGroup(
        n, equations, method=method, dt=dt * ms, namespace=namespace or {}, **keywords
    )
    for name, value in start.items():
        group.variables[name].set_value(value)
    Network(group).run(milliseconds * ms)
    return {name: np.array(group.variables[name].get_value()) for name in start}


def integrate(
    right_side: Callable[[float, np.ndarray], Sequence[float]], start: Sequence[float], until: float
) -> np.ndarray:
    """Solve the equations by scipy, far more precisely than they are compared."""
    solution = solve_ivp(
        right_side, (0, until), start, method="DOP853", rtol=1e-12, atol=1e-14, max_step=until / 50
    )
    return solution.y[:, -1]


@pytest.fixture
def simulated() -> Callable[..., dict[str, np.ndarray]]:
    return simulate_states


@pytest.fixture
def integrated() -> Callable[..., np.ndarray]:
    return integrate
