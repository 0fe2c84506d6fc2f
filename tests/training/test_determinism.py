"""The same weights whatever the number of threads, if asked; and nothing global changes."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
import threadpoolctl
import torch

import brianbridge as bb
from brianbridge.datasets import Dataset, load_dataset
from brianbridge.encoding import Bernoulli, Current, Latency
from brianbridge.errors import InputError
from brianbridge.network import Dense, SpikingNetwork


@pytest.fixture
def digits() -> Dataset:
    return load_dataset("digits").train.subset(range(400))


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def weights(data: Dataset, number: int, **options: object) -> bytes:
    torch.set_num_threads(number)
    lif = bb.neuron_model("lif")
    layers = [Dense(300, lif), Dense(10, lif)]
    net = SpikingNetwork.sequential((8, 8), layers, encoding=Current(10), seed=1)
    twin = bb.to_torch(net)
    bb.train(twin, data, "surrogate_gradient", epochs=1, seed=1, **options)
    assert torch.get_num_threads() == number
    return b"".join(p.detach().numpy().tobytes() for p in twin.parameters())


def test_weights_do_not_depend_on_the_number_of_threads_if_asked(digits, threads):
    assert len({weights(digits, n, deterministic=True) for n in (1, 2, 3)}) == 1


def test_the_same_number_of_threads_gives_the_same_weights(digits, threads):
    assert weights(digits, 2) == weights(digits, 2)


def test_a_failed_training_gives_threads_back(digits, threads):
    torch.set_num_threads(2)
    with pytest.raises(InputError):
        weights(digits, 2, deterministic=True, learning_rate=-1.0)
    with pytest.raises(InputError):
        bb.train(bb.to_torch(SpikingNetwork.sequential(
            (3,), [Dense(2, bb.neuron_model("if"))], encoding=Current(3))), digits,
            deterministic=True)  # fmt: skip
    assert torch.get_num_threads() == 2


def state() -> list[object]:
    return [
        torch.get_rng_state().tolist(), torch.get_num_threads(), torch.get_default_dtype(),
        torch.is_grad_enabled(), np.random.get_state()[1].tolist(), np.random.get_state()[2:],
        random.getstate(), np.geterr(), list(warnings.filters),
        [(b["internal_api"], b["num_threads"]) for b in threadpoolctl.threadpool_info()],
    ]  # fmt: skip


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("rule", ["surrogate_gradient", "spike_count", "first_spike"])
def test_nothing_global_changes(digits, rule, deterministic):
    first = rule == "first_spike"
    model = bb.neuron_model("single_spike_if" if first else "lif")
    layers = [Dense(12, model, bias=False), Dense(10, model, bias=False)]
    net = SpikingNetwork.sequential(
        (8, 8),
        layers,
        encoding=Latency(4) if first else Bernoulli(4),
        readout="first_spike" if first else "counts",
    )
    twin = bb.to_torch(net, dropout=0.0 if first else 0.2)
    data = digits.subset(range(150))
    bb.train(twin, data, rule, epochs=1, deterministic=deterministic)  # warms caches up
    before = state()
    bb.train(twin, data, rule, epochs=2, deterministic=deterministic)
    assert state() == before


def test_neurons_that_draw_random_numbers_are_trained_the_same_every_time(digits):
    noisy = bb.NeuronModel(
        "dv/dt = 0*Hz : 1", threshold="v + 0.5*rand() >= 1", reset="v = 0", name="noisy"
    )

    def trained(number: int) -> tuple[dict[str, list[float]], bytes]:
        layers = [Dense(12, noisy, bias=False), Dense(10, noisy, bias=False)]
        twin = bb.to_torch(SpikingNetwork.sequential((8, 8), layers, encoding=Bernoulli(6), seed=1))
        torch.manual_seed(number)
        options = {"epochs": 2, "validation_fraction": 0.3}
        result = bb.train(twin, digits, "surrogate_gradient", **options)
        return result.curve, b"".join(p.detach().numpy().tobytes() for p in twin.parameters())

    before = torch.get_rng_state()
    try:
        assert trained(1) == trained(2)
    finally:
        torch.set_rng_state(before)
