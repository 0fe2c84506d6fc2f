"""A step of training costs as much for the last step of time as for the first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from written_bytes import growth, written_bytes

from brianbridge.encoding import Bernoulli, Current, EncodedInput, Latency
from brianbridge.network import (
    AvgPool2d,
    Conv2d,
    Dense,
    Population,
    Projection,
    Recurrent,
    Residual,
    Sparse,
    SpikingNetwork,
)
from brianbridge.network.layers import Feedback
from brianbridge.neurons.library import neuron_model
from brianbridge.rules.base import learning_rule, rule_names
from brianbridge.rules.choice import rules_for
from brianbridge.training.spike_rate import SpikeRate
from brianbridge.twin.network import NetworkTwin, to_torch

#: The shortest presentation; the longest has four times as many steps.
STEPS, BATCH, INPUTS = 24, 3, 6
#: What a quadratic part of a hundredth of the cost of a step, at the shortest, would add.
LIMIT = 1.05
LIF, IF = neuron_model("lif"), neuron_model("if")


def chain(*layers, steps, neuron=LIF, encoding=None, readout="counts", shape=(INPUTS,)):
    made = [layer(neuron) if callable(layer) else layer for layer in layers]
    made.append(Dense(2, neuron))
    return SpikingNetwork.sequential(
        shape, made, encoding=encoding or Bernoulli(steps), readout=readout, weight_gain=8.0
    )


def synapses(steps: int, *, spread: bool, longest: float | None = None) -> SpikingNetwork:
    """Return a network with delays of 0 to 3 ms, one for each synapse."""
    draw = np.random.default_rng(0)
    source, target = np.repeat(np.arange(INPUTS), 5), np.tile(np.arange(5), INPUTS)
    delays = 1e-3 * (draw.integers(0, 4, len(source)) if spread else np.ones(len(source)))
    wires = Sparse(source, target, delays=delays)
    projections = [
        Projection("input", "a", draw.random(len(source)), None, wires, longest_delay=longest),
        Projection("a", "out", draw.random((2, 5))),
    ]
    populations = [Population("a", (5,), LIF), Population("out", (2,), LIF)]
    return SpikingNetwork((INPUTS,), Bernoulli(steps), populations, projections)


NETWORKS: dict[str, Callable[[int], SpikingNetwork]] = {
    "layers": lambda t: chain(lambda n: Dense(8, n), steps=t),
    "constant current": lambda t: chain(lambda n: Dense(8, n), steps=t, encoding=Current(t)),
    "convolution and pooling": lambda t: chain(
        lambda n: Conv2d(2, 3, n), AvgPool2d(2), steps=t, shape=(1, 6, 6)
    ),
    "two state variables": lambda t: chain(
        lambda n: Dense(8, n), steps=t, neuron=neuron_model("cuba_lif")
    ),
    "refractory": lambda t: chain(
        lambda n: Dense(8, n), steps=t, neuron=neuron_model("lif_refractory")
    ),
    "potential readout": lambda t: chain(lambda n: Dense(8, n), steps=t, readout="potential"),
    "one delay": lambda t: chain(lambda n: Dense(8, n, delay="2 ms"), steps=t),
    "delays of synapses": lambda t: synapses(t, spread=True),
    "learned delays": lambda t: synapses(t, spread=True, longest=4e-3),
    "residual": lambda t: chain(
        lambda n: Dense(8, n), lambda n: Dense(8, n), Residual("hidden1"), steps=t
    ),
    "recurrent": lambda t: chain(lambda n: Dense(8, n), Recurrent(), steps=t),
    "recurrent, delayed": lambda t: chain(lambda n: Dense(8, n), Recurrent(delay="3 ms"), steps=t),
    "feedback": lambda t: chain(
        lambda n: Dense(8, n, name="a"), lambda n: Dense(7, n), Feedback("a"), steps=t
    ),
}


def presented(twin: NetworkTwin, steps: int) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Return a current, or a raster of any number of steps."""
    draw, shape = np.random.default_rng(1), twin.network.shape_of("input")
    if isinstance(twin.network.encoding, Current):
        return twin.as_tensors(EncodedInput(current=draw.random((BATCH, *shape))))
    raster = (draw.random((steps, BATCH, *shape)) < 0.3).astype(np.int8)
    return twin.as_tensors(EncodedInput(raster=raster))


def bytes_of_step(
    network: SpikingNetwork, steps: int, rule="surrogate_gradient", rate=None, **options
) -> int:
    """Return the bytes that one step of training writes."""
    made, twin = learning_rule(rule), to_torch(network, **options)
    made.prepare(twin)
    twin.train()
    current, raster = presented(twin, steps)
    labels = torch.arange(BATCH) % 2

    def step() -> None:
        response = made.respond(twin, current, raster)
        given = response.loss_input
        loss = made.loss(response.output if given is None else given, labels)
        if rate is not None:
            counts = {name: response.spike_counts(name) for name in rate.rates(network)}
            loss = loss + rate.penalty(counts, steps)
        loss.backward()

    return written_bytes(step)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_of_training_is_linear_in_time(name):
    assert growth(lambda t: bytes_of_step(NETWORKS[name](t), t), STEPS) < LIMIT


def test_a_penalty_of_the_spike_rate_is_linear_in_time():
    network, rate = NETWORKS["layers"], SpikeRate(0.2, 1.0, "target")
    assert growth(lambda t: bytes_of_step(network(t), t, rate=rate), STEPS) < LIMIT


def test_learned_parameters_are_linear_in_time():
    learn = {"hidden": ["tau", "theta"]}
    assert growth(lambda t: bytes_of_step(NETWORKS["layers"](t), t, learn=learn), STEPS) < LIMIT


@pytest.mark.parametrize("name", ["layers", "recurrent", "delays of synapses"])
def test_a_loss_over_time_is_linear_in_time(name):
    def bytes_at(steps: int) -> int:
        twin = to_torch(NETWORKS[name](steps))
        current, raster = presented(twin, steps)

        def step() -> None:
            activity = twin.run(current, raster, record=("v",))
            target = torch.linspace(0, 1, steps)[:, None, None]
            traces = [trace["v"] for trace in activity.traces.values()]
            loss = sum((trace - target).square().mean() for trace in traces)
            (loss + sum(s.mean() for s in activity.spikes.values())).backward()

        return written_bytes(step)

    assert growth(bytes_at, STEPS) < LIMIT


def test_a_loop_is_linear_in_the_number_of_different_delays():
    def network(delays: int) -> SpikingNetwork:
        source, target = np.repeat(np.arange(5), 5), np.tile(np.arange(5), 5)
        wires = Sparse(source, target, delays=1e-3 * (np.arange(25) % delays))
        projections = [
            Projection("input", "a", np.ones((5, INPUTS))),
            Projection("a", "a", np.ones(25), None, wires, feedback=True),
        ]
        return SpikingNetwork((INPUTS,), Bernoulli(30), [Population("a", (5,), LIF)], projections)

    # The last delays arrive after the end in more and more steps.
    assert growth(lambda d: bytes_of_step(network(d), 30), 6) < 1


#: Networks for rules that train only some: the first that a rule takes is used.
OF_RULES: tuple[Callable[[int], SpikingNetwork], ...] = (
    NETWORKS["layers"],
    lambda t: chain(lambda n: Dense(8, n), steps=t, readout="potential", neuron=IF),
    lambda t: chain(lambda n: Dense(8, n), steps=t, neuron=neuron_model("multi_threshold_lif")),
    lambda t: chain(
        lambda n: Dense(8, n),
        Recurrent(),
        steps=t,
        neuron=neuron_model("if_rest"),
        encoding=Current(t),
        readout="potential",
    ),
    lambda t: chain(
        lambda n: Dense(8, n),
        steps=t,
        neuron=neuron_model("single_spike_if"),
        encoding=Latency(t),
        readout="first_spike",
    ),
    lambda t: chain(
        lambda n: Dense(8, n),
        steps=t,
        neuron=neuron_model("single_spike_if"),
        encoding=Latency(t),
        readout="potential",
    ),
)


#: Rules that are quadratic by their method: one product with a matrix ``(T, T)``.
QUADRATIC = ("single_spike_vectorised",)


@pytest.mark.parametrize("rule", sorted(set(rule_names()) - set(QUADRATIC)))
def test_every_rule_is_linear_in_time(rule):
    network = next((made for made in OF_RULES if rule in rules_for(made(STEPS))), None)
    assert network is not None, f"no network here is one that '{rule}' trains; add one"
    assert growth(lambda t: bytes_of_step(network(t), t, rule), STEPS) < LIMIT


def test_the_count_sees_what_is_quadratic():
    def bytes_at(steps: int) -> int:
        x = torch.ones(steps, 4, requires_grad=True)

        def step() -> None:
            sum(x[k].sum() for k in range(steps)).backward()

        return written_bytes(step)

    assert growth(bytes_at, STEPS) > 1.8
