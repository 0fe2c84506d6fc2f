"""Twin = Brian2, spike for spike, for random networks of every model in the library and some more.

Six or seven examples of each with NumPy code, a fixed set of shapes once more with Cython code,
and 4,000 examples under ``-m slow``. A failing example prints as the one line that makes it again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from brian2 import prefs
from hypothesis import HealthCheck, given, settings
from random_networks import Case, DyadicCase, cases, dyadic_cases

from brianbridge.bench.parity.neurons import DYADIC_MODELS, MODELS, RANGES, WEIGHT_SCALE
from brianbridge.network import SpikingNetwork
from brianbridge.neurons.library import model_names
from brianbridge.recording import Recording
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch

EXAMPLES = {"real": 6, "dyadic": 7, "cython": 6}
SLOW_EXAMPLES = {"real": 100, "dyadic": 180, "cython": 100}

#: Largest difference of two traces, relative to the scale of the variable.
TOLERANCE = 1e-9


@pytest.fixture(autouse=True, scope="module")
def quiet_brian2():
    """Keep Brian2's log out of ours."""
    level = logging.getLogger("brian2").level
    logging.getLogger("brian2").setLevel(logging.WARNING)
    yield
    logging.getLogger("brian2").setLevel(level)


@pytest.fixture
def cython_target(fresh_brian2):
    """Compile, where every other test runs NumPy."""
    prefs.codegen.target = "cython"


# ---------------------------------------------------------------------- what must hold


def recordings(
    network: SpikingNetwork, x: np.ndarray, traces: bool = True
) -> tuple[Recording, Recording]:
    variables = {v for p in network.populations for v in p.neuron.state_variables if traces}
    record = ("spikes", *sorted(variables))
    twin = to_torch(network, dtype=torch.float64).record(x, record=record, seed=0)
    return twin, simulate(network, x, record=record, seed=0)


def check_spikes(twin: Recording, brian2: Recording) -> Counter[str]:
    """Assert that not one spike value differs; return how many spikes there were."""
    spikes: Counter[str] = Counter()
    for name in twin.shapes:
        differing = np.argwhere(twin.spikes[name] != brian2.spikes[name])
        assert len(differing) == 0, (
            f"{len(differing)} differing spikes in '{name}', the first at step, sample, neuron = "
            f"{differing[0].tolist()}"
        )
        spikes[name] = len(twin.events(name))
    assert set(twin.shapes) == set(brian2.shapes)
    return spikes


def check_traces(twin: Recording, brian2: Recording, tolerance: float) -> None:
    for name, variables in twin.traces.items():
        assert set(variables) == set(brian2.traces[name])
        for variable, expected in variables.items():
            found = brian2.traces[name][variable]
            assert found.shape == expected.shape
            assert np.all(np.isfinite(expected))
            scale = max(1e-300, np.abs(expected).max())
            assert np.abs(found - expected).max() <= tolerance * scale, f"{variable} of '{name}'"
    check_output(twin, brian2, tolerance)


def check_output(twin: Recording, brian2: Recording, tolerance: float) -> None:
    scale = max(1e-300, np.abs(twin.output).max())
    assert np.abs(brian2.output - twin.output).max() <= tolerance * scale, "output"


def check_case(case: Case) -> Counter[str]:
    twin, brian2 = recordings(case.network(), case.x())
    check_traces(twin, brian2, TOLERANCE)
    return check_spikes(twin, brian2)


def check_case_without_traces(case: Case) -> Counter[str]:
    twin, brian2 = recordings(case.network(), case.x(), traces=False)
    check_output(twin, brian2, TOLERANCE)
    return check_spikes(twin, brian2)


def check_dyadic(case: DyadicCase) -> Counter[str]:
    twin, brian2 = recordings(case.network(), case.samples())
    check_traces(twin, brian2, tolerance=0.0)
    return check_spikes(twin, brian2)


def check_many(strategy: Any, check: Callable[[Any], Counter[str]], examples: int) -> None:
    """Run `check` on as many examples; a property that never saw a spike proves nothing."""
    seen: Counter[str] = Counter()

    @settings(
        max_examples=examples, derandomize=True, deadline=None, print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    @given(strategy)
    def agrees(case: Any) -> None:
        seen.update(check(case))
        seen["examples"] += 1

    agrees()
    assert seen["examples"] >= examples
    assert seen["hidden"] > examples
    assert seen["output"] > examples / 2 or "output" not in seen


# ---------------------------------------------------------------------- the properties


def test_every_model_of_the_library_is_drawn():
    assert set(RANGES) == set(model_names())
    assert set(WEIGHT_SCALE) <= set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_random_networks_agree(model):
    check_many(cases(model), check_case, EXAMPLES["real"])


@pytest.mark.parametrize("model", DYADIC_MODELS)
def test_exact_ties_agree(model):
    check_many(dyadic_cases(model), check_dyadic, EXAMPLES["dyadic"])


#: Compiling takes long: what stays the same here is found in the cache.
_SHAPES = {
    "inputs": 4, "hidden": 4, "outputs": 3, "samples": 3, "steps": 15, "dt": 1e-3, "bias": True,
    "skip": False,
}  # fmt: skip


def check_compiled(examples: int, model: str, encoding: str, **fixed: Any) -> None:
    strategy = cases(model, encoding, output_model=model, **_SHAPES, **fixed)
    check_many(strategy, check_case_without_traces, examples)


def test_random_networks_agree_when_compiled(cython_target):
    check_compiled(
        EXAMPLES["cython"], "lif_refractory", "current", readout="potential", per_neuron=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_many_random_networks_agree(model):
    check_many(cases(model), check_case, SLOW_EXAMPLES["real"])


@pytest.mark.slow
@pytest.mark.parametrize("model", DYADIC_MODELS)
def test_many_exact_ties_agree(model):
    check_many(dyadic_cases(model), check_dyadic, SLOW_EXAMPLES["dyadic"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "encoding"), [("multi_threshold_lif", "bernoulli"), ("adex", "latency")]
)
def test_more_random_networks_agree_when_compiled(model, encoding, cython_target):
    check_compiled(SLOW_EXAMPLES["cython"], model, encoding, readout="counts", per_neuron=False)
