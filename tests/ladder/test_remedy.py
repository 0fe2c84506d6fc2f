"""Remedies: found by name, in order, and open to new ones."""

from dataclasses import dataclass

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.encoding import Current
from brianbridge.ladder.execution import Execution
from brianbridge.ladder.remedy import REMEDIES, Remedy, in_order, label_of
from brianbridge.ladder.rungs import Rung
from brianbridge.ladder.verify import verify


@pytest.fixture
def shrink():
    """Register a remedy as a user would."""

    @dataclass(frozen=True)
    class Shrink(Remedy):
        """Multiply all weights by a factor."""

        name = "shrink"
        outcome = "shrunk"
        factor: float = 0.5

        def check(self, network, train, perturbations, seed):
            pass

        def apply(self, network, train, perturbations, seed, checkpoint=None):
            changed = {p.name: (self.factor * p.weight, p.bias) for p in network.projections}
            return network.with_weights(changed)

    return Shrink


def network():
    layer = bb.Dense(2, bb.neuron_model("if"))
    return bb.SpikingNetwork.sequential((4,), [layer], encoding=Current(9), weight_gain=6.0, seed=1)


def test_a_new_remedy_is_known_to_ladders_and_told_in_the_verdict(shrink):
    net = network()
    data = bb.from_arrays("mine", np.random.default_rng(1).random((6, 4)), np.arange(6) % 2)
    rung = Rung(name="x", remedy={"shrink": {"factor": 0.0}}, max_accuracy_drop=None)
    verdict = verify(net, data, [rung], train=data)
    tried = verdict.rungs[0].remedies["shrunk"]
    assert (tried.remedy, tried.label, tried.file) == ("shrink", "shrunk", "rung1-shrunk.h5")
    assert list(verdict.remedied) == ["rung1-shrunk.h5"]
    assert not verdict.remedied["rung1-shrunk.h5"].projections[0].weight.any()
    written = verdict.to_dict()["rungs"][0]["remedies"]["shrunk"]
    assert written["factor"] == 0.0
    assert written["accuracy"] == tried.accuracy
    assert written["label"] == "shrunk"


def test_those_that_start_from_another_come_last(refused):
    tune = REMEDIES.make("fine_tune", {"start": "calibrated"})
    calibrate = REMEDIES.make("calibrate", {})
    assert in_order([tune, calibrate]) == [calibrate, tune]
    assert label_of(tune) == "calibrated and fine-tuned"
    assert label_of(REMEDIES.make("fine_tune", {})) == "fine-tuned"
    with refused("remedy.fine_tune starts from the calibrated network", "no remedy.calibrate"):
        in_order([tune])


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("fine_tun", {}, "Did you mean 'fine_tune'?"),
        ("fine_tune", {"epoch": 3}, "Did you mean 'epochs'?"),
        ("fine_tune", {"epochs": 0}, "epochs = 0; give at least 1"),
        ("fine_tune", {"start": "scratch"}, "'trained' or 'calibrated'"),
        ("fine_tune", {"learning_rate": float("inf")}, "learning_rate = inf"),
        ("calibrate", {"of": "tau"}, "'weights' or 'threshold'"),
        ("calibrate", {"samples": 0}, "samples = 0; give at least 1"),
    ],
)
def test_bad_remedies_are_refused_when_a_rung_is_made(name, options, said):
    with pytest.raises(ValueError, match="rung 'w': ") as caught:
        Rung(name="w", remedy={name: options})
    assert said in str(caught.value)


def test_a_shard_has_at_least_one_sample(refused):
    with refused("shard = 0; give at least 1"):
        Execution(shard=0)
