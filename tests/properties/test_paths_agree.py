"""Batched path = reference path = twin, spike for spike, for projections of every kind.

Networks of two to four populations of every model in the library and of some more, of odd shapes,
with delays, loops and residuals, presented in several chunks. Two or three examples of each model
with real weights, with weights whose sums are exact, and at a tenth of the step; 3,100 in all under
``-m slow``.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from random_projections import Case, path_cases

from brianbridge.bench.parity.builder import network_of, samples_of
from brianbridge.bench.parity.neurons import DYADIC_MODELS, MODELS, RANGES
from brianbridge.network import AllToAll, Connection, SpikingNetwork
from brianbridge.recording import Recording
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch
from brianbridge.twin.noise import Noise
from brianbridge.twin.output import recording_of

EXAMPLES = {"real": 3, "dyadic": 2, "finer": 2}
SLOW_EXAMPLES = {"real": 100, "dyadic": 60, "finer": 10}

#: Largest difference of two traces, relative to the scale of the variable.
TOLERANCE = 1e-9


@pytest.fixture(autouse=True, scope="module")
def quiet_brian2():
    """Keep Brian2's log out of ours."""
    level = logging.getLogger("brian2").level
    logging.getLogger("brian2").setLevel(logging.WARNING)
    yield
    logging.getLogger("brian2").setLevel(level)


# ---------------------------------------------------------------------- what must hold


def check_spikes(found: Recording, expected: Recording, what: str) -> None:
    assert set(found.shapes) == set(expected.shapes)
    for name in expected.shapes:
        differing = np.argwhere(found.spikes[name] != expected.spikes[name])
        assert len(differing) == 0, (
            f"{what}: {len(differing)} differing spikes in '{name}', the first at step, sample, "
            f"neuron = {differing[0].tolist()}"
        )


def check_values(found: Recording, expected: Recording, what: str, tolerance: float) -> None:
    pairs = {"output": (found.output, expected.output)}
    for name, variables in expected.traces.items():
        assert set(variables) == set(found.traces[name])
        for variable, values in variables.items():
            pairs[f"{variable} of '{name}'"] = found.traces[name][variable], values
    for name, (one, other) in pairs.items():
        assert one.shape == other.shape
        assert np.isfinite(other).all()
        scale = max(1e-300, np.abs(other).max())
        assert np.abs(one - other).max() <= tolerance * scale, f"{what}: {name}"


def all_three(case: Case, tolerance: float) -> tuple[Recording, SpikingNetwork]:
    network, x = network_of(case), samples_of(case)
    states = {v for p in network.populations for v in p.neuron.state_variables}
    record = ("spikes", *sorted(states))
    reference = simulate(network, x, record=record, seed=0, backend=Backend(path="reference"))
    batched = simulate(
        network, x, record=record, seed=0, backend=Backend(batch_size=case.batch_size, threads=1)
    )
    twin = in_torch(network, x, record)
    for what, found in (("batched", batched), ("twin", twin)):
        check_spikes(found, reference, what)
        check_values(found, reference, what, tolerance)
    return reference, network


def in_torch(network: SpikingNetwork, x: np.ndarray, record: tuple[str, ...]) -> Recording:
    """Return what `NetworkTwin.record` does, without building a second twin for it."""
    twin = to_torch(network, dtype=torch.float64)
    with torch.no_grad():
        noise = Noise(0, np.arange(len(x)))
        return recording_of(twin.network, twin.run(*twin.encode(x), record=record, noise=noise))


def check_case(case: Case) -> Counter[str]:
    return seen_in(*all_three(case, TOLERANCE))


def check_dyadic(case: Case) -> Counter[str]:
    return seen_in(*all_three(case, 0.0))


def check_finer(case: Case) -> Counter[str]:
    network, x = network_of(case), samples_of(case)
    options = {"dt": network.dt / 10, "record": ("spikes", "v"), "seed": 0}
    reference = simulate(network, x, backend=Backend(path="reference"), **options)
    batched = simulate(
        network, x, backend=Backend(batch_size=case.batch_size, threads=1), **options
    )
    check_spikes(batched, reference, "dt/10")
    check_values(batched, reference, "dt/10", TOLERANCE)
    return seen_in(reference, network)


def seen_in(recording: Recording, network: SpikingNetwork) -> Counter[str]:
    """Count spikes, and which kinds of projection carried some."""
    seen: Counter[str] = Counter(examples=1)
    for name in recording.shapes:
        seen["spikes"] += len(recording.events(name))
    for p in network.projections:
        if p.source == "input" or recording.counts[p.source].any():
            seen[kind_of(p.connection)] += 1
            seen["pooled"] += p.pool is not None
            seen["feedback"] += p.feedback
            seen["delayed"] += p.delay > 0
    return seen


def kind_of(connection: Connection) -> str:
    return "dense" if isinstance(connection, AllToAll) else connection.kind


def check_many(strategy: Any, check: Callable[[Any], Counter[str]], examples: int) -> Counter[str]:
    """Run `check` on as many examples; a property that never saw a spike proves nothing."""
    seen: Counter[str] = Counter()

    @settings(
        max_examples=examples, derandomize=True, deadline=None, print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(strategy)
    def agrees(case: Any) -> None:
        seen.update(check(case))

    agrees()
    assert seen["examples"] >= examples
    assert seen["spikes"] > examples
    return seen


# ---------------------------------------------------------------------- the properties

SEEN: dict[str, Counter[str]] = {}


@pytest.mark.parametrize("model", MODELS)
def test_all_paths_agree(model):
    SEEN[model] = check_many(path_cases(model), check_case, EXAMPLES["real"])


@pytest.mark.parametrize("model", DYADIC_MODELS)
def test_all_paths_agree_to_the_last_bit_where_sums_are_exact(model):
    strategy = path_cases(model, dyadic=True, per_neuron=False)
    SEEN[f"{model}, dyadic"] = check_many(strategy, check_dyadic, EXAMPLES["dyadic"])


@pytest.mark.parametrize("model", RANGES)
def test_both_paths_agree_at_a_finer_step(model):
    # Loops and delays are what a finer step could change.
    looped = path_cases(model, extra=("recurrent", "feedback", "transposed"), delays=True)
    seen = SEEN[f"{model}, finer"] = check_many(looped, check_finer, EXAMPLES["finer"])
    assert seen["feedback"] + seen["delayed"] > 0


def test_every_kind_of_projection_carried_spikes():
    if len(SEEN) < len(MODELS) + len(DYADIC_MODELS) + len(RANGES):
        pytest.skip("not all of this file was run")
    seen = sum(SEEN.values(), Counter())
    kinds = ("dense", "conv2d", "conv_transpose2d", "one_to_one", "sparse")
    assert min(seen[kind] for kind in (*kinds, "pooled", "feedback", "delayed")) > 5, seen
    assert seen["spikes"] > 30 * seen["examples"]


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_all_paths_agree_for_many_networks(model):
    check_many(path_cases(model), check_case, SLOW_EXAMPLES["real"])


@pytest.mark.slow
@pytest.mark.parametrize("model", DYADIC_MODELS)
def test_all_paths_agree_to_the_last_bit_for_many_networks(model):
    strategy = path_cases(model, dyadic=True, per_neuron=False)
    check_many(strategy, check_dyadic, SLOW_EXAMPLES["dyadic"])


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_both_paths_agree_at_a_finer_step_for_many_networks(model):
    check_many(path_cases(model), check_finer, SLOW_EXAMPLES["finer"])
