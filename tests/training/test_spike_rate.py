"""The constraint on spike rates: its values and gradient by hand, and that it has an effect."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brianbridge.datasets import load_dataset
from brianbridge.encoding import Current
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import learning_rule
from brianbridge.training import SpikeRate, train
from brianbridge.twin.network import NetworkOutput, to_torch

IF = neuron_model("if")


def counts(**values: list[float]) -> dict[str, torch.Tensor]:
    """Return counts ``(1, neurons)`` by population."""
    return {
        name: torch.tensor([v], dtype=torch.float64, requires_grad=True)
        for name, v in values.items()
    }


def network(readout="potential", layers=2) -> SpikingNetwork:
    sizes = [Dense(40, IF), Dense(20, IF), Dense(10, IF)][3 - layers :]
    return SpikingNetwork.sequential((8, 8), sizes, encoding=Current(8), readout=readout, seed=1)


# ---------------------------------------------------------------------- values and gradients


@pytest.mark.parametrize("kind", ["budget", "target"])
def test_values_and_gradient_by_hand(kind):
    # In 10 steps: a has the rate 0.3, b 0.05; to 0.1 that is an excess of 2 and of -1/2.
    given = counts(a=[2.0, 4.0], b=[1.0, 0.0, 0.5, 0.5])
    penalty = SpikeRate(0.1, weight=3.0, kind=kind).penalty(given, steps=10)
    assert penalty.item() == pytest.approx(3 * (4 + (0.25 if kind == "target" else 0)))
    penalty.backward()
    # d/dc = weight * 2 * excess / (neurons * steps * rate)
    np.testing.assert_allclose(given["a"].grad, [[3 * 2 * 2 / (2 * 10 * 0.1)] * 2])
    slope = 3 * 2 * -0.5 / (4 * 10 * 0.1) if kind == "target" else 0
    np.testing.assert_allclose(given["b"].grad, [[slope] * 4])


def test_rates_by_population():
    given = counts(a=[2.0, 4.0], b=[8.0])
    rate = SpikeRate({"a": 0.2, "b": 0.4})
    assert rate.penalty(given, steps=10).item() == pytest.approx(0.5**2 + 1)
    assert SpikeRate({"b": 0.4}).penalty(given, steps=10).item() == pytest.approx(1)
    assert SpikeRate(0.8).penalty(given, steps=10).item() == 0


def test_a_rate_is_a_mean_over_the_batch():
    given = {"a": torch.tensor([[4.0, 0.0], [0.0, 0.0]])}
    assert SpikeRate(0.1, kind="target").penalty(given, steps=10).item() == pytest.approx(0)


def test_which_populations_are_constrained():
    assert SpikeRate(0.2).rates(network(layers=3)) == {"hidden1": 0.2, "hidden2": 0.2}
    assert SpikeRate(0.2).rates(network("counts", layers=3)) == {"hidden1": 0.2, "hidden2": 0.2}
    assert SpikeRate({"hidden2": 0.3}).rates(network(layers=3)) == {"hidden2": 0.3}
    assert SpikeRate({"output": 0.3}).rates(network("counts")) == {"output": 0.3}


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("rate", 0.0), ("rate", float("inf")), ("rate", float("nan")), ("rate", {"hidden": -1.0}),
        ("weight", -1.0), ("weight", float("inf")), ("kind", "limit"),
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(refused, option, value):
    with refused("spike_rate", f"{option} = {value!r}", "out of range"):
        SpikeRate(**{option: value})


def test_populations_that_do_not_fire_are_refused(refused):
    with refused("spike_rate", "no population 'hiden1' fires", "Did you mean 'hidden1'"):
        SpikeRate({"hiden1": 0.1}).rates(network(layers=3))
    with refused("spike_rate", "no population 'output' fires"):
        SpikeRate({"output": 0.1}).rates(network())
    for rate in (0.1, {}):
        with refused("spike_rate", "leave it out"):
            train(
                to_torch(network("counts", layers=1)), load_dataset("digits").train,
                spike_rate=SpikeRate(rate),
            )  # fmt: skip


# ---------------------------------------------------------------------- in training


@pytest.mark.parametrize("rule", ["spike_count", "surrogate_gradient"])
def test_a_budget_makes_for_fewer_spikes_and_a_target_is_met(rule):
    split = load_dataset("digits", seed=1)
    data = split.train.subset(np.arange(500))
    options = {"epochs": 6, "learning_rate": 3e-3, "seed": 1, "batch_size": 32}
    rates, accuracy = {}, {}
    for name, constraint in {
        "free": None,
        "budget": SpikeRate(0.05, weight=3.0),
        "target": SpikeRate(0.3, weight=3.0, kind="target"),
    }.items():
        twin = to_torch(network())
        train(twin, data, rule, spike_rate=constraint, **options)
        recording = twin.record(split.test.x)
        rates[name] = recording.counts["hidden"].mean() / 8
        accuracy[name] = np.mean(recording.prediction == split.test.y)
    assert rates["free"] > 0.1
    assert rates["budget"] < 0.6 * rates["free"]
    assert rates["budget"] < 0.07
    assert rates["target"] == pytest.approx(0.3, abs=0.05)
    assert min(accuracy.values()) > 0.5, "and it still learns"


@pytest.mark.parametrize("rule", ["surrogate_gradient", "multi_threshold"])
def test_a_target_wakes_a_silent_population(rule):
    neuron = IF if rule == "surrogate_gradient" else neuron_model("multi_threshold_lif")
    net = SpikingNetwork.sequential(
        (8, 8), [Dense(20, neuron), Dense(10, neuron)], encoding=Current(8), weight_gain=0.003,
        readout="potential", seed=1,
    )  # fmt: skip
    twin, chosen = to_torch(net), learning_rule(rule)
    encoded = twin.encode(load_dataset("digits", seed=1).train.x[:50])
    optimizer = torch.optim.Adam(twin.parameters(), lr=5e-3)
    rates = []
    for _ in range(60):
        counts = {"hidden": chosen.respond(twin, *encoded).spike_counts("hidden")}
        rates.append(counts["hidden"].mean().item() / 8)
        optimizer.zero_grad()
        SpikeRate(0.3, kind="target").penalty(counts, steps=8).backward()
        optimizer.step()
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(0.3, abs=0.05)


def test_the_size_of_a_spike_below_0_counts():
    values = torch.tensor([[[-2.0, 0.0]], [[1.0, 0.0]]], requires_grad=True)  # (T, batch, neurons)
    sizes = NetworkOutput({"a": values}, torch.zeros(1, 1), {}).counts("a")
    assert sizes.tolist() == [[3.0, 0.0]]
    sizes.sum().backward()
    assert values.grad.tolist() == [[[-1.0, 1.0]], [[1.0, 1.0]]]
