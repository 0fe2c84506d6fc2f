"""The canonical step is what makes spikes agree: Brian2's default order fails this very check."""

from __future__ import annotations

import numpy as np
import pytest
from small_networks import simulate, twin_recording, two_layers

from brianbridge.encoding import Bernoulli
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel

HARD_RESET_WITHOUT_LEAK = NeuronModel(
    "dv/dt = drive : 1\ndrive : Hz",
    threshold="v > theta",
    reset="v = 0",
    drive="drive",
    parameters={"theta": 1.0},
)
MODELS = {
    "if": neuron_model("if"),
    "lif": neuron_model("lif"),
    "lif_zero": neuron_model("lif_zero"),
    "hard reset without leak": HARD_RESET_WITHOUT_LEAK,
}


def differing_spikes(model: NeuronModel, schedule: str, lag: int) -> dict[str, int]:
    """Count differing spikes, with the n-th layer of Brian2 taken ``n*lag`` steps later."""
    # No bias: under the default schedule it would run ahead of the spikes, another difference.
    network = two_layers(model, Bernoulli(60), bias=False)
    x = np.random.default_rng(7).uniform(0, 0.6, (3, 6))
    twin, brian2 = twin_recording(network, x), simulate(network, x, schedule=schedule)
    differing = {}
    for layer, name in enumerate(("hidden", "output"), start=1):
        assert len(twin.events(name)) > 100
        late = layer * lag
        expected, found = twin.spikes[name][: 60 - late], brian2.spikes[name][late:]
        differing[name] = int((expected != found).sum())
    return differing


@pytest.mark.parametrize("model", MODELS)
def test_canonical_schedule_agrees_without_lag(model):
    assert differing_spikes(MODELS[model], "canonical", lag=0) == {"hidden": 0, "output": 0}


def test_default_schedule_delays_each_layer_by_one_step_if_nothing_leaks():
    assert differing_spikes(MODELS["if"], "default", lag=1) == {"hidden": 0, "output": 0}
    unshifted = differing_spikes(MODELS["if"], "default", lag=0)
    assert min(unshifted.values()) > 0


@pytest.mark.parametrize("model", ["lif", "lif_zero", "hard reset without leak"])
@pytest.mark.parametrize("lag", [0, 1])
def test_default_schedule_disagrees_with_a_leak_or_a_hard_reset(model, lag):
    differing = differing_spikes(MODELS[model], "default", lag)
    assert min(differing.values()) > 0
