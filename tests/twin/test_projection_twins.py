"""Projections in torch: values, gradients, frozen weights, delays and loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from projection_cases import PROJECTIONS, matrix, random

from brianbridge.encoding import Bernoulli, EncodedInput
from brianbridge.network import (
    AllToAll,
    Convolution,
    OneToOne,
    Pooling,
    Population,
    Projection,
    SpikingNetwork,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch
from brianbridge.twin.projections import ProjectionTwin

IF, TERNARY = neuron_model("if"), neuron_model("ternary_if")
ZERO = NeuronModel(
    "dv/dt = drive : 1\ndrive : Hz", emit="int(v > theta)", reset="v = 0", drive="drive",
    parameters={"theta": 1.0}, name="if_zero",
)  # fmt: skip


def twin_of(name: str) -> tuple[ProjectionTwin, Projection, tuple, tuple]:
    projection, source, target = PROJECTIONS[name]
    return ProjectionTwin(projection, source, target, torch.float64), projection, source, target


def inputs(source: tuple[int, ...], density: float) -> np.ndarray:
    """Return real values, of which a share is not 0."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(3, 2, *source))
    return x * (rng.random(x.shape) < density)


# ---------------------------------------------------------------------- values and gradients


@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("name", PROJECTIONS)
def test_a_projection_does_what_its_synapses_do(name, density):
    twin, projection, source, target = twin_of(name)
    x = inputs(source, density)
    with torch.no_grad():
        found = twin(torch.as_tensor(x))
        first = twin(torch.as_tensor(x[0]))
    assert found.shape == (3, 2, *target)
    expected = x.reshape(6, -1) @ matrix(projection, source, target).T
    np.testing.assert_allclose(found.numpy().reshape(6, -1), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(first.numpy(), found[0].numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("density", [0.1, 1.0])
@pytest.mark.parametrize("name", PROJECTIONS)
def test_gradients_are_those_of_the_matrix(name, density):
    twin, projection, source, target = twin_of(name)
    x = torch.as_tensor(inputs(source, density)).requires_grad_()
    onto = torch.as_tensor(random(3, 2, *target, seed=9))
    (twin(x) * onto).sum().backward()
    flat_x, flat_onto = x.detach().numpy().reshape(6, -1), onto.numpy().reshape(6, -1)
    through = flat_onto @ matrix(projection, source, target)
    np.testing.assert_allclose(x.grad.numpy().reshape(6, -1), through, rtol=0, atol=1e-11)
    # The output is linear in the weights: each one's gradient is the output of that weight alone.
    expected = np.zeros(projection.weight.size)
    for k in range(projection.weight.size):
        alone = np.zeros(projection.weight.shape)
        alone.flat[k] = 1
        weights = matrix(replace(projection, weight=alone), source, target)
        expected[k] = ((flat_x @ weights.T) * flat_onto).sum()
    np.testing.assert_allclose(twin.weight.grad.numpy().ravel(), expected, rtol=0, atol=1e-11)


def test_a_sum_over_a_window_is_exact():
    # 1/49*49 is not 1: a neuron whose threshold is 1 would not fire.
    one = Projection("a", "b", np.ones(1), None, OneToOne(), Pooling("sum", 7))
    twin = ProjectionTwin(one, (7, 7), (1,), torch.float64)
    x = torch.zeros(49, 7, 7, dtype=torch.float64)
    x.flatten(1).fill_diagonal_(1)
    assert (twin(x) == 1).all()


def test_the_bias_is_that_of_the_channel():
    bias = np.array([1.0, 2.0])
    conv = Projection("a", "b", random(2, 1, 1, 1), bias, Convolution())
    twin = ProjectionTwin(conv, (2, 3), (2, 2, 3), torch.float64)
    assert twin.bias_of_neurons()[:, 0, 0].tolist() == [1, 2]
    assert twin.bias_of_neurons().shape == (2, 2, 3)
    twin.bias_of_neurons().sum().backward()
    assert twin.bias.grad.tolist() == [6, 6]
    dense = Projection("a", "b", random(4, 3))
    assert ProjectionTwin(dense, (3,), (4,), torch.float64).bias_of_neurons() is None


def test_a_sample_may_be_a_single_number():
    one = Population("a", (2,), IF)
    net = SpikingNetwork((), Bernoulli(3), (one,), (Projection("input", "a", np.ones((2, 1))),))
    assert to_torch(net).record(np.ones(4)).output.tolist() == [[3, 3]] * 4


# ---------------------------------------------------------------------- frozen


def test_frozen_weights_stay_and_others_learn():
    population = Population("a", (4,), IF), Population("b", (3,), IF)
    projections = (
        Projection("input", "a", np.ones((4, 5)), random(4), frozen=True),
        Projection("a", "b", random(3, 4), random(3)),
    )
    twin = to_torch(SpikingNetwork((5,), Bernoulli(6), population, projections))
    assert [n for n, _ in twin.named_parameters()] == [
        "projections.a_to_b.weight", "projections.a_to_b.bias",
    ]  # fmt: skip
    assert {"projections.input_to_a.weight", "projections.input_to_a.bias"} <= {*twin.state_dict()}
    before = {name: values.clone() for name, values in twin.state_dict().items()}
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    (twin(np.ones((2, 5))) - 2).pow(2).sum().backward()
    optimizer.step()
    after = twin.state_dict()
    assert {name: not torch.equal(values, after[name]) for name, values in before.items()} == {
        "projections.input_to_a.weight": False, "projections.input_to_a.bias": False,
        "projections.a_to_b.weight": True, "projections.a_to_b.bias": True,
    }  # fmt: skip


# ---------------------------------------------------------------------- refusals


def test_a_kind_that_derives_from_another_is_refused(refused):
    with refused("'Reversed' derives from 'AllToAll'", "derive it from Connection"):

        class Reversed(AllToAll):
            kind = "reversed"


# ---------------------------------------------------------------------- the step by hand

#: Source, target, delay in steps (the feedback's own included), and whether it is feedback.
PATHS = (
    ("input", "a", 0, False), ("input", "b", 2, False), ("a", "b", 1, False),
    ("a", "a", 1, True), ("b", "a", 3, True), ("b", "b", 2, True),
)  # fmt: skip
SIZES = {"input": 3, "a": 4, "b": 2}
DT, STEPS, SAMPLES = 2.0**-10, 30, 3


def dyadic(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return multiples of 1/8: all sums are exact, and ties frequent."""
    return rng.integers(-3, 8, shape) / 8


def looped(model: NeuronModel, schedule: str) -> tuple[SpikingNetwork, EncodedInput]:
    rng = np.random.default_rng(11)
    free = schedule == "default"
    projections = tuple(
        Projection(
            source, target, dyadic(rng, SIZES[target], SIZES[source]),
            dyadic(rng, SIZES[target]) / 2 if source == "input" else None,
            delay=(steps - (back and not free)) * DT, feedback=back and not free,
        )
        for source, target, steps, back in PATHS
    )  # fmt: skip
    populations = tuple(Population(name, (SIZES[name],), model) for name in "ab")
    network = SpikingNetwork(
        (3,), Bernoulli(STEPS, DT), populations, projections, schedule=schedule
    )
    return network, EncodedInput(raster=rng.integers(-1, 3, (STEPS, SAMPLES, 3)).astype(np.int8))


def emitted(model: NeuronModel, v: np.ndarray) -> np.ndarray:
    if model is ZERO:
        return (v > 1).astype(float)
    return (v >= 1).astype(float) - ((v <= -1) if model is TERNARY else 0)


def after_reset(model: NeuronModel, v: np.ndarray, spikes: np.ndarray) -> np.ndarray:
    return np.where(spikes != 0, 0.0, v) if model is ZERO else v - spikes


def by_hand(model: NeuronModel, network: SpikingNetwork, raster: np.ndarray) -> dict:
    """Return spikes and membranes ``(steps, samples, neurons)``, one line to a stage."""
    spikes = {"input": raster, **{n: np.zeros((STEPS, SAMPLES, SIZES[n])) for n in "ab"}}
    v = {n: np.zeros((SAMPLES, SIZES[n])) for n in "ab"}
    traces = {n: np.zeros_like(spikes[n]) for n in "ab"}
    bias = {n: sum(p.bias for p in network.incoming(n) if p.bias is not None) for n in "ab"}

    def received(name: str, k: int) -> np.ndarray:
        total = np.zeros_like(v[name])
        for (source, target, delay, _), p in zip(PATHS, network.projections, strict=True):
            if target == name and k >= delay:
                total += spikes[source][k - delay] @ p.weight.T
        return total

    for k in range(STEPS):
        if network.schedule == "canonical":
            for name in "ab":
                v[name] += bias[name] + received(name, k)
                spikes[name][k] = emitted(model, v[name])
                v[name] = after_reset(model, v[name], spikes[name][k])
        else:
            for name in "ab":
                v[name] += bias[name]
                spikes[name][k] = emitted(model, v[name])
            for name in "ab":
                if model is TERNARY:  # a group with graded spikes resets right away
                    v[name] = after_reset(model, v[name], spikes[name][k]) + received(name, k)
                else:
                    v[name] = after_reset(model, v[name] + received(name, k), spikes[name][k])
        for name in "ab":
            traces[name][k] = v[name]
    return {"spikes": spikes, "v": traces}


@pytest.mark.parametrize("schedule", ["canonical", "default"])
@pytest.mark.parametrize("model", [IF, ZERO, TERNARY], ids=lambda m: m.name)
def test_delays_and_loops_are_those_of_the_step_by_hand(model, schedule):
    network, encoded = looped(model, schedule)
    assert network.has_loops
    expected = by_hand(model, network, encoded.raster)
    twin = to_torch(network, dtype=torch.float64)
    with torch.no_grad():
        activity = twin.run(*twin.as_tensors(encoded), record=("v",))
    batched = simulate(network, encoded, record=("spikes", "v"), backend=Backend(batch_size=2))
    reference = simulate(
        network, encoded, record=("spikes", "v"), backend=Backend(path="reference")
    )
    for name in "ab":
        spikes, v = expected["spikes"][name], expected["v"][name]
        assert 30 < np.count_nonzero(spikes) < spikes.size
        np.testing.assert_array_equal(activity.spikes[name].numpy(), spikes)
        np.testing.assert_array_equal(activity.traces[name]["v"].numpy(), v)
        for recording in (batched, reference):
            np.testing.assert_array_equal(recording.spikes[name], spikes)
            np.testing.assert_array_equal(recording.traces[name]["v"], v)
    np.testing.assert_array_equal(activity.output.numpy(), expected["spikes"]["b"].sum(0))


def test_a_chain_without_loops_follows_delays_too():
    net = SpikingNetwork(
        (1,), Bernoulli(6), (Population("a", (1,), IF), Population("b", (1,), IF)),
        (
            Projection("input", "a", np.ones((1, 1)), delay="2 ms"),
            Projection("a", "b", np.ones((1, 1)), delay="1 ms"),
            Projection("input", "b", np.ones((1, 1)), delay="9 ms"),  # never arrives
        ),
    )  # fmt: skip
    raster = np.zeros((6, 1, 1), np.int8)
    raster[[0, 2]] = 1
    twin = to_torch(net, dtype=torch.float64)
    activity = twin.run(*twin.as_tensors(EncodedInput(raster=raster)))
    assert activity.spikes["a"][:, 0, 0].tolist() == [0, 0, 1, 0, 1, 0]
    assert activity.spikes["b"][:, 0, 0].tolist() == [0, 0, 0, 1, 0, 1]
    assert not net.has_loops
