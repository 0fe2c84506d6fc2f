"""A checkpoint belongs to one training: whatever decides the outcome is in its fingerprint."""

import numpy as np
import torch
from digits_training import digits_twin, image_data

from brianbridge.datasets import from_arrays
from brianbridge.encoding import Current
from brianbridge.network import (
    Population,
    Projection,
    Sparse,
    SpikingNetwork,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import learning_rule
from brianbridge.training import Augmentation, SpikeRate, TrainingOptions
from brianbridge.training.loop import Trainer
from brianbridge.twin.network import to_torch
from brianbridge.twin.quantisation import Quantisation


def test_whatever_decides_the_outcome_is_in_the_fingerprint():
    data = image_data()
    pool = neuron_model("if")

    def of(twin=None, rule="spike_count", seed=0, samples=data, **options):
        twin = digits_twin(pooling=pool) if twin is None else twin
        chosen = TrainingOptions(**options)
        return Trainer(twin, samples, learning_rule(rule), seed, chosen).fingerprint

    def fixed(value):
        net = digits_twin(pooling=pool).network
        (frozen,) = [p for p in net.projections if p.frozen]
        return to_torch(net.with_weights({frozen.name: (np.full(1, value, np.float32), None)}))

    found = {
        "plain": of(),
        "dropout": of(digits_twin(pooling=pool, dropout=0.1)),
        "dropout of one": of(digits_twin(pooling=pool, dropout={"conv1": 0.1})),
        "more dropout": of(digits_twin(pooling=pool, dropout=0.2)),
        "quantisation": of(digits_twin(pooling=pool, quantisation=Quantisation(4))),
        "finer": of(digits_twin(pooling=pool, quantisation=Quantisation(5))),
        "batch_norm": of(digits_twin(pooling=pool, batch_norm=True)),
        "augmentation": of(augmentation=Augmentation(shift=1)),
        "flip": of(augmentation=Augmentation(flip=True)),
        "spike_rate": of(spike_rate=SpikeRate(0.1)),
        "spike_rate of one": of(spike_rate=SpikeRate({"conv1": 0.1})),
        "ema": of(ema=0.5),
        "autocast": of(autocast="bfloat16"),
        "rule": of(rule="surrogate_gradient"),
        "seed": of(seed=1),
        "data": of(samples=image_data(121)),
        "type": of(digits_twin(torch.float64, pool)),
        "fixed weights": of(fixed(0.5)),
    }
    assert len(set(found.values())) == len(found)
    assert of() == found["plain"]
    assert of(fixed(1.0)) == found["plain"]


def test_the_wiring_is_in_the_fingerprint():
    def of(seed):
        target, source = np.divmod(np.random.default_rng(seed).permutation(12)[:6], 4)
        sparse = Projection("input", "output", np.full(6, 0.5), None, Sparse(source, target))
        net = SpikingNetwork(
            (4,), Current(5), (Population("output", (3,), neuron_model("if")),), (sparse,)
        )
        data = from_arrays("mine", np.ones((3, 4)), np.arange(3))
        rule = learning_rule("spike_count")
        options = TrainingOptions(validation_fraction=0.0)
        return Trainer(to_torch(net), data, rule, 0, options).fingerprint

    assert of(0) == of(0) != of(1)
