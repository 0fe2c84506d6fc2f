"""NIR graphs for tests, and the steps of the frameworks in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import nir
import numpy as np
import torch

import brianbridge as bb

__all__ = ["chain", "cuba", "framework_counts", "lif", "potentials", "spikes_of"]


def lif(n: int, **changes: float) -> nir.LIF:
    values = {"tau": 5e-3, "r": 50.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0} | changes
    return nir.LIF(**{key: np.full(n, value) for key, value in values.items()})


def cuba(n: int, **changes: float) -> nir.CubaLIF:
    values = {
        "tau_mem": 5e-3, "tau_syn": 2e-3, "r": 50.0, "v_leak": 0.0, "w_in": 20.0,
        "v_threshold": 1.0, "v_reset": 0.0,
    } | changes  # fmt: skip
    return nir.CubaLIF(**{key: np.full(n, value) for key, value in values.items()})


def chain(*nodes: nir.NIRNode, shape: tuple[int, ...]) -> nir.NIRGraph:
    """Return nodes in a row, without NIR's own checks of shapes."""
    named = {f"n{i}": node for i, node in enumerate(nodes)}
    named = {"input": nir.Input(np.array(shape)), **named, "output": nir.Output(np.array([1]))}
    return nir.NIRGraph(named, list(pairwise(named)), type_check=False)


def spikes_of(network: bb.SpikingNetwork, x: np.ndarray, name: str | None = None) -> np.ndarray:
    """Return counts, equal by the twin and both paths of Brian2."""
    name = name or network.output.name
    counts = [
        bb.to_torch(network, dtype=torch.float64).record(x).counts[name],
        bb.simulate(network, x).counts[name],
        bb.simulate(network, x, backend=bb.Backend(path="reference")).counts[name],
    ]
    for other in counts[1:]:
        np.testing.assert_array_equal(counts[0], other)
    return counts[0]


def potentials(network: bb.SpikingNetwork, x: np.ndarray) -> np.ndarray:
    """Return the output of a readout by potential, nearly equal by twin and Brian2."""
    twin = bb.to_torch(network, dtype=torch.float64).record(x).output
    for path in ("batched", "reference"):
        found = bb.simulate(network, x, backend=bb.Backend(path=path)).output
        np.testing.assert_allclose(found, twin, rtol=1e-9, atol=1e-12)
    return np.asarray(twin)


Step = Callable[[np.ndarray], np.ndarray]


def framework_counts(step: Step, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return counts of a layer of neurons whose step is given, for frames (samples, T, in)."""
    return np.sum([step(x[:, t] @ weight.T) for t in range(x.shape[1])], axis=0)
