"""The step of other frameworks, written here as loops in NumPy, and its limit of short steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import brianbridge as bb
from brianbridge.connections import Population, Projection
from brianbridge.interchange.neuron_models import RESETS, STEPS, Firing, cuba_lif, lif
from brianbridge.neurons.model import NeuronModel

T, N = 60, 8
TAU, TAU_SYN, DT = 0.01, 0.004, 1e-3
KEPT = {"euler": 1 - DT / TAU, "exponential": np.exp(-DT / TAU)}
KEPT_SYN = {"euler": 1 - DT / TAU_SYN, "exponential": np.exp(-DT / TAU_SYN)}


def drawn(seed: int = 0) -> np.ndarray:
    """Return what arrives in each step, ``(T, N)``."""
    return np.random.default_rng(seed).normal(0.15, 0.5, (T, N))


def ours(model: NeuronModel, x: np.ndarray) -> dict[str, np.ndarray]:
    """Return the output of neurons that receive `x`, by both paths and the twin."""
    firing = bool(model.emit)
    network = bb.SpikingNetwork(
        (T, N), bb.Frames(steps=T, dt=DT), (Population("cells", (N,), model),),
        (Projection("input", "cells", np.eye(N)),), "counts" if firing else "potential",
    )  # fmt: skip
    reference = bb.Backend(path="reference")
    with torch.no_grad():
        twin = bb.to_torch(network, dtype=torch.float64)(x[None]).numpy()
    return {
        "twin": twin[0],
        "batched": bb.simulate(network, x[None]).output[0],
        "reference": bb.simulate(network, x[None], backend=reference).output[0],
    }


def assert_equal(model: NeuronModel, x: np.ndarray, expected: np.ndarray) -> None:
    assert np.abs(expected).sum() > 3
    for path, found in ours(model, x).items():
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10, err_msg=path)


def reset(kind: str, m: np.ndarray, fired: np.ndarray, late: np.ndarray) -> np.ndarray:
    """Return the membrane after a reset; `late` is what the next step subtracts."""
    late[:] = 0
    if kind == "to_value":
        return np.where(fired, -0.1, m)
    if kind == "subtract_later":
        late[:] = fired
    return m - fired if kind == "subtract" else m


@pytest.mark.parametrize("kind", ["to_value", "subtract", "subtract_later", "none"])
@pytest.mark.parametrize("step", ["euler", "exponential"])
def test_a_lif_takes_the_step_of_the_frameworks(step, kind):
    x, m, late = drawn(), np.zeros(N), np.zeros(N)
    counts = np.zeros(N)
    for now in x:
        m = KEPT[step] * m + now - late
        fired = m > 1
        counts += fired
        m = reset(kind, m, fired, late)
    assert_equal(lif(TAU, step=step, firing=Firing(1.0, True, kind, -0.1)), x, counts)


@pytest.mark.parametrize("decayed", [False, True])
@pytest.mark.parametrize("kind", ["to_value", "subtract", "subtract_later", "none"])
@pytest.mark.parametrize("step", ["euler", "exponential"])
def test_the_new_current_acts_in_the_same_step(step, kind, decayed):
    x, m, late = 0.5 * drawn(), np.zeros(N), np.zeros(N)
    current, counts, r = np.zeros(N), np.zeros(N), 4.0
    for now in x:
        current = KEPT_SYN[step] * current + now
        seen = KEPT_SYN[step] * current if decayed else current
        m = KEPT[step] * m + (1 - KEPT[step]) * r * seen - late
        fired = m > 1
        counts += fired
        m = reset(kind, m, fired, late)
    firing = Firing(1.0, True, kind, -0.1)
    assert_equal(cuba_lif(TAU, TAU_SYN, r, step=step, firing=firing, decayed=decayed), x, counts)


def test_a_membrane_that_never_fires_is_the_output():
    x, m, current = drawn(), np.full(N, 0.3), np.zeros(N)
    for now in x:
        current = KEPT_SYN["euler"] * current + now
        m = KEPT["euler"] * m + (1 - KEPT["euler"]) * (0.3 + 2 * current)
    assert_equal(cuba_lif(TAU, TAU_SYN, 2.0, v_leak=0.3, first=0.3), x, m)


def test_a_spike_counts_how_many_thresholds_the_membrane_holds():
    x, m, counts = 2 * drawn(), np.zeros(N), np.zeros(N)
    for now in x:
        m = m + now
        fired = np.clip(np.floor(m / 0.7), 0, 3)
        counts += fired
        m = np.maximum(m - 0.5 * fired, -1.0)
    firing = Firing(0.7, reset="subtract", subtract=0.5, most=3)
    assert_equal(lif(np.inf, step="exponential", firing=firing, least=-1.0), x, counts)


def test_each_neuron_may_have_its_own_values():
    taus, x, m, counts = np.linspace(2e-3, 0.02, N), drawn(), np.zeros(N), np.zeros(N)
    theta = np.linspace(0.5, 1.5, N)
    for now in x:
        m = (1 - DT / taus) * m + now
        fired = m >= theta
        counts += fired
        m = m - theta * fired
    assert_equal(lif(taus, firing=Firing(theta, reset="subtract")), x, counts)


@pytest.mark.parametrize("step", ["euler", "exponential"])
@pytest.mark.parametrize("decayed", [False, True])
def test_shorter_steps_approach_the_continuous_neuron(step, decayed):
    """The distance to the exact solution halves with the step."""
    distances = []
    for dt in (1e-3, 5e-4, 2.5e-4):
        steps = round(0.04 / dt)
        x = np.zeros((1, steps, 1))
        x[0, 0] = 1.0  # one spike at the start
        found = []
        for rule in (step, "exact"):
            model = cuba_lif(TAU, TAU_SYN, 5.0, step=rule, decayed=decayed)
            network = bb.SpikingNetwork(
                (steps, 1), bb.Frames(steps=steps, dt=dt), (Population("cell", (1,), model),),
                (Projection("input", "cell", np.eye(1)),), "potential",
            )  # fmt: skip
            found.append(bb.simulate(network, x).output.item())
        distances.append(abs(found[0] - found[1]))
    assert distances[0] > 1.7 * distances[1] > 2.9 * distances[2] > 0


def test_what_cannot_be_is_refused(refused):
    with refused("step = 'eular'", "Did you mean 'euler'?"):
        lif(0.01, step="eular")
    with refused("reset = 'to_values'", "Did you mean 'to_value'?"):
        Firing(reset="to_values")
    with refused("some have no leak", "population of their own"):
        cuba_lif(np.array([0.01, np.inf]), 0.01, 1.0)


def test_every_step_and_reset_makes_a_model():
    for step in STEPS:
        for kind in RESETS:
            firing = Firing(reset=kind, strict=True)
            assert lif(0.01, step=step, firing=firing, least=-1.0).is_binary
            assert cuba_lif(0.01, 0.005, 1.0, step=step, firing=firing).is_binary
