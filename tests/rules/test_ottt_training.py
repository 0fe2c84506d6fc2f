"""Training by OTTT: memory, updates, parity with Brian2, and resuming."""

import gc
import weakref

import numpy as np
import pytest
import torch
from ottt_by_hand import (
    BATCH,
    CLASSES,
    ByHand,
    assert_same,
    batch_of,
    convolutional,
    dense,
    learned,
    prepared,
)

import brianbridge as bb
from brianbridge.rules import OTTT
from brianbridge.training import SpikeRate, train
from brianbridge.training.batches import Batch
from brianbridge.training.loop import Trainer
from brianbridge.training.options import TrainingOptions
from brianbridge.twin.network import to_torch


class Kept:
    """Count the bytes that autograd keeps, and the most of them at any time."""

    def __init__(self):
        self.alive = self.most = 0

    def pack(self, tensor):
        class Box:
            pass

        box = Box()
        box.tensor, size = tensor, tensor.numel() * tensor.element_size()
        self.alive += size
        self.most = max(self.most, self.alive)
        weakref.finalize(box, self.release, size)
        return box

    def release(self, size):
        self.alive -= size

    def __enter__(self):
        gc.collect()
        self.hooks = torch.autograd.graph.saved_tensors_hooks(self.pack, lambda box: box.tensor)
        self.hooks.__enter__()
        return self

    def __exit__(self, *reason):
        self.hooks.__exit__(*reason)


def most_kept(steps, whole):
    rule, twin = OTTT(), prepared(convolutional(steps=steps))
    inputs, labels = batch_of(twin)
    with Kept() as kept:
        if whole:
            rule.loss(rule.respond(twin, *inputs).loss_input, labels).backward()
        else:
            learned(rule, twin, inputs, labels)
    return kept.most


def test_memory_does_not_grow_with_time():
    least, *others = (most_kept(steps, whole=False) for steps in (4, 16, 64))
    assert others == [least, least]
    assert most_kept(64, whole=True) > 10 * least  # what is measured does see a graph of all steps


def trained_by_hand(twin, rule, inputs, labels, rate):
    """Return the weights after one batch of plain gradient descent."""
    hand = ByHand(twin, rule)

    def update(hand, step):
        for layer in hand.layers:
            weight, bias = step[layer["name"]]
            layer["weight"] = layer["weight"] - rate * weight
            layer["bias"] = layer["bias"] - rate * bias

    if rule.updates == "online":
        hand.gradients(inputs, labels, update)
    else:
        update(hand, hand.gradients(inputs, labels))
    return {layer["name"]: (layer["weight"], layer["bias"]) for layer in hand.layers}


@pytest.mark.parametrize("updates", ["batch", "online"])
@pytest.mark.parametrize("make", [dense, convolutional])
def test_training_takes_the_steps_of_an_optimiser(make, updates):
    rule = OTTT(updates=updates)
    twin = prepared(make(), rule)
    random = np.random.default_rng(1)
    x = random.uniform(0, 1, (BATCH, *twin.network.input_shape))
    y = np.arange(BATCH) % CLASSES
    options = TrainingOptions(
        epochs=1, batch_size=BATCH, optimizer="sgd", momentum=0.0, learning_rate=0.5,
        validation_fraction=0.0,
    )  # fmt: skip
    trainer = Trainer(twin, (x, y), rule, 0, options)
    inputs, labels = batch_of(twin)
    expected = trained_by_hand(twin, rule, inputs, labels, 0.5)
    trainer._learn(Batch(trainer.twin, inputs, labels))
    found = {n: (twin.projection(n).weight.detach(), twin.projection(n).bias.detach())
             for n in expected}  # fmt: skip
    assert_same(found, expected)
    before = ByHand(prepared(make(), rule), rule).layers
    assert not torch.allclose(found[before[0]["name"]][0], before[0]["weight"])


def blobs(shape, samples=60, seed=0):
    random = np.random.default_rng(seed)
    centres = random.uniform(0, 1, (CLASSES, *shape))
    y = np.arange(samples) % CLASSES
    return np.clip(centres[y] + random.normal(0, 0.1, (samples, *shape)), 0, 1), y


@pytest.mark.parametrize("updates", ["batch", "online"])
def test_learns_and_runs_in_brian2_with_the_same_spikes(updates):
    x, y = blobs((2, 8, 8))
    twin = to_torch(convolutional(), batch_norm=True, dropout=0.1)
    train(twin, (x, y), OTTT(updates=updates), epochs=8, batch_size=15, learning_rate=2e-2,
          validation_fraction=0)  # fmt: skip
    network = bb.write_back(twin)
    ran, expected = bb.simulate(network, x), twin.record(x)
    for name in expected.spikes:
        np.testing.assert_array_equal(ran.spikes[name], expected.spikes[name])
    assert (ran.prediction == y).mean() > 0.9


@pytest.mark.parametrize("updates", ["batch", "online"])
def test_a_stopped_training_resumes_to_the_same_weights(updates, tmp_path):
    data = blobs((2, 8, 8))
    rule = OTTT(updates=updates)
    options = {"batch_size": 15, "schedule": "cosine", "ema": 0.9, "validation_fraction": 0}
    options["epochs"] = 4
    whole, halves, resumed = (
        to_torch(convolutional("bernoulli"), batch_norm=True, dropout=0.2) for _ in range(3)
    )
    train(whole, data, rule, **options)

    class Stop(Exception):
        pass

    encode, calls = halves.encode, 0

    def encode_or_stop(*arguments):
        nonlocal calls
        calls += 1
        if calls == 12:  # within the third epoch
            raise Stop
        return encode(*arguments)

    halves.encode = encode_or_stop
    with pytest.raises(Stop):
        train(halves, data, rule, checkpoint=tmp_path / "half.pt", **options)
    train(resumed, data, rule, checkpoint=tmp_path / "half.pt", **options)
    for (name, one), other in zip(
        whole.state_dict().items(), resumed.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), name


def test_the_penalty_of_the_spike_rate_is_shared_among_the_steps():
    rule, rate = OTTT(), SpikeRate(rate={"hidden1": 0.01}, weight=2.0)
    x, y = blobs((5,), samples=BATCH)
    losses = []
    for spike_rate in (None, rate):
        twin = prepared(dense(), rule)
        options = TrainingOptions(epochs=1, spike_rate=spike_rate, validation_fraction=0.0)
        trainer = Trainer(twin, (x, y), rule, 0, options)
        inputs, labels = batch_of(twin)
        losses.append(trainer._learn(Batch(trainer.twin, inputs, labels))[1])
    spikes = prepared(dense(), rule).run(*inputs).spikes["hidden1"]
    expected = 2.0 * ((spikes.mean((1, 2)) / 0.01 - 1).clamp(min=0) ** 2).mean().item()
    assert expected > 0
    assert losses[1] - losses[0] == pytest.approx(expected, rel=1e-9)
