"""Networks, data and rungs of the tests of verifications."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.encoding import Current
from brianbridge.ladder.rungs import Rung

ENDLESS = bb.NeuronModel(
    equations="dv/dt = (v*v - v + 2 + drive)/(10*ms) : 1\ndrive : 1",
    emit="int(v > 1)", receive="v", drive="drive", method="euler",
)  # fmt: skip
DIVERGING = Rung(name="a", perturb={"finer_dt": {"divisor": 10}}, optional=True)
CHIP = Rung(
    name="chip",
    perturb={"mismatch": {"cv": 0.3}, "membrane_noise": {"sigma": 0.2, "tau": "10 ms"}},
    repeats=2,
    max_accuracy_drop=None,
)


def network(neuron=None, encoding=None, seed=3):
    neuron = neuron or bb.neuron_model("if")
    return bb.SpikingNetwork.sequential(
        (8,),
        [bb.Dense(40, neuron), bb.Dense(4, neuron)],
        encoding=encoding or Current(12),
        weight_gain=4.0,
        seed=seed,
    )


def data_of(net, samples=24):
    """Return samples labelled by the twin, so that every loss is due to Brian2."""
    x = np.random.default_rng(5).random((samples, 8))
    labels = bb.to_torch(net).record(x).prediction
    return from_arrays("labelled by the twin", x, labels)


def told(verdict):
    """Return a verdict as a dictionary, without time and date."""
    found = verdict.to_dict()
    del found["provenance"]
    for rung in found["rungs"]:
        del rung["seconds"]
    return found


#: A device whose calibration and training take a few seconds.
REMEDIED = Rung(
    name="driven",
    perturb={"background_current": {"size": 0.2}},
    remedy={
        "calibrate": {"samples": 20},
        "fine_tune": {"epochs": 3, "batch_size": 10, "learning_rate": 0.01},
    },
    max_accuracy_drop=None,
)


def learnt(net):
    """Return the network with a rule in its provenance."""
    return replace(net, provenance={**net.provenance, "rule": {"name": "surrogate_gradient"}})
