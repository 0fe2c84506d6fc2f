"""The twin of a rung has Brian2's spikes on that rung, for every perturbation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import brianbridge as bb
from brianbridge.encoding import Bernoulli, Current, Latency
from brianbridge.errors import InputError
from brianbridge.ladder.rungs import Rung
from brianbridge.network import AvgPool2d, Conv2d, Dense, SpikingNetwork
from brianbridge.perturbations import perturbation_names
from brianbridge.twin.noise import Noise
from brianbridge.twin.state import TwinState

FINER = {"finer_dt": {"divisor": 10}}
#: Options that change something in the networks below, by perturbation.
OPTIONS = {
    "background_current": {"size": 0.05}, "dead_neurons": {"share": 0.2},
    "delay": {"time": "2 ms", "spread": "1 ms"}, "finer_dt": {"divisor": 10},
    "input_timing": {"kind": "uniform"}, "mismatch": {"cv": 0.1},
    "other_neuron": {"model": "adex"}, "synaptic_failure": {"probability": 0.2},
    "weight_quantisation": {"bits": 4},
}  # fmt: skip
#: Networks, and whether the step is a tenth of the twin's.
CASES = [
    ("current", True),
    ("bernoulli", False),
    ("latency", True),
    ("image", False),
    ("graded", True),
]


#: Perturbations that a network refuses: no input spikes that could move, no graded spikes.
REFUSED = {("input_timing", "current"), ("input_timing", "graded")} | {
    ("unit_spikes", kind) for kind in ("current", "bernoulli", "latency", "image")
}


def network(kind, seed):
    """Return a random network that fires: dense from 8 inputs, or convolutional with pooling."""
    draw = np.random.default_rng(seed)
    model, shape = bb.neuron_model("lif", theta=0.5), (8,)
    layers = [Dense(12, model), Dense(9, model), Dense(4, model)]
    encoding = {"bernoulli": Bernoulli(8), "latency": Latency(8)}.get(kind, Current(8))
    if kind == "image":
        shape, encoding = (1, 6, 6), Bernoulli(8)
        layers = [
            Conv2d(3, 3, model, padding=1),
            AvgPool2d(2),
            Conv2d(4, 2, model),
            Dense(4, model),
        ]
    if kind == "graded":
        layers = [Dense(12, bb.neuron_model("multi_threshold_lif")), *layers[1:]]
    net = SpikingNetwork.sequential(shape, layers, encoding=encoding, readout="counts")
    weights = {
        p.name: (
            draw.normal(0.15, 0.5, p.weight.shape),
            None if p.bias is None else draw.normal(0, 0.1, p.bias.shape),
        )
        for p in net.projections
    }
    return net.with_weights(weights)


def differing(net, rung, seed=7, samples=20):
    """Return how many cells of Brian2 and of the twin of the rung differ, and Brian2's spikes."""
    x = np.random.default_rng(3).random((samples, *net.input_shape))
    condition = rung.applied_to(net, seed)
    brian2 = condition.simulate(x, seed=seed)
    dtype = torch.float32 if condition.dtype is np.float32 else torch.float64
    twin = bb.to_torch(net, condition=rung, seed=seed, dtype=dtype).record_batch(x, seed=seed)
    np.testing.assert_array_equal(twin.output, brian2.output)
    apart, spikes = 0, 0
    for name, shape in brian2.shapes.items():
        size = brian2.steps, samples, int(np.prod(shape))
        ours, theirs = (r.events(name).to_raster(*size) for r in (twin, brian2))
        apart, spikes = apart + int((ours != theirs).sum()), spikes + int((theirs != 0).sum())
    return apart, spikes


@pytest.mark.parametrize(("kind", "finer"), CASES)
@pytest.mark.parametrize("name", sorted(perturbation_names()))
def test_no_spike_differs(name, kind, finer):
    perturb = {**(FINER if finer else {}), name: OPTIONS.get(name, {})}
    rung = Rung(name=name, perturb=perturb)
    net = network(kind, seed=1)
    if (name, kind) in REFUSED:
        with pytest.raises(InputError, match=f"perturbation '{name}'.*leave it out"):
            rung.applied_to(net)
        return
    apart, spikes = differing(net, rung)
    assert apart == 0
    assert spikes > 50


def test_what_is_no_rung_is_refused():
    with pytest.raises(InputError, match="is not a rung"):
        bb.to_torch(network("current", seed=1), condition={"finer_dt": {"divisor": 10}})


def test_failures_are_drawn_anew_in_training_and_belong_to_the_sample_in_evaluation():
    rung = Rung(name="failing", perturb={"synaptic_failure": {"probability": 0.3}})
    twin = bb.to_torch(network("bernoulli", seed=1), condition=rung, dtype=torch.float64)
    raster = twin.encode(np.random.default_rng(0).random((4, 8)))[1]
    torch.manual_seed(1)
    first, second = (twin.train().run(raster=raster).spikes["hidden1"] for _ in range(2))
    assert not torch.equal(first, second)
    torch.manual_seed(1)
    assert torch.equal(twin.run(raster=raster).spikes["hidden1"], first)
    x = np.random.default_rng(0).random((4, 8))
    whole = twin.eval()(x)
    assert torch.equal(twin(x), whole)
    assert torch.equal(twin(x[2:], index=[2, 3]), whole[2:])


def test_gradient_of_weights_is_that_of_what_arrived():
    rung = Rung(name="failing", perturb={"synaptic_failure": {"probability": 0.4}})
    for kind in ("bernoulli", "image"):
        twin = bb.to_torch(network(kind, seed=1), condition=rung, dtype=torch.float64).eval()
        name = twin.network.projections[0].name
        module = twin.projection(name)
        raster = twin.encode(np.random.default_rng(0).random((3, *twin.network.input_shape)))[1]
        weight = module.weight.detach().clone().requires_grad_()

        def arriving(values, module=module, raster=raster):
            module._parameters.pop("weight", None)
            module.weight = values
            return module.over_time(raster, 0, Noise(0, np.arange(3)))

        assert torch.autograd.gradcheck(arriving, (weight,))


def test_a_presentation_in_pieces_loses_the_same_spikes():
    rung = Rung(name="failing", perturb={"synaptic_failure": {}, "delay": {"time": "2 ms"}})
    twin = bb.to_torch(network("bernoulli", seed=1), condition=rung, dtype=torch.float64).eval()
    raster = twin.encode(np.random.default_rng(0).random((4, 8)))[1]
    noise = Noise(0, np.arange(4))
    whole = twin.run(raster=raster, noise=noise).spikes["output"]
    first = twin.run(raster=raster[:3], noise=noise, state=TwinState())
    second = twin.run(raster=raster[3:], state=first.state)
    pieces = torch.cat([first.spikes["output"], second.spikes["output"]])
    assert torch.equal(pieces, whole)
