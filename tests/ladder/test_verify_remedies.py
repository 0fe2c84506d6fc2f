"""A verification that tries remedies: what they change, what is refused, and going on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from verified_networks import REMEDIED, data_of, learnt, network, told

import brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.errors import InputError
from brianbridge.ladder import tasks
from brianbridge.ladder.execution import Execution
from brianbridge.ladder.rungs import Rung
from brianbridge.ladder.verify import verify
from brianbridge.remedies import calibrate as calibrating
from brianbridge.remedies.in_the_loop import InTheLoop
from brianbridge.sweep import Sweep, delete_kept


def test_a_remedied_network_that_cannot_be_simulated_is_told_with_its_rung(refused, monkeypatch):
    net = learnt(network())

    def fails(*arguments, **options):
        raise InputError("population 'hidden': not a number")

    monkeypatch.setattr(calibrating, "calibrate", fails)
    data = data_of(net)
    with refused("rung 'driven': network calibrated: population 'hidden'"):
        verify(net, data, [REMEDIED], train=data)
    optional = REMEDIED.model_copy(update={"optional": True})
    verdict = verify(net, data, [optional, Rung(name="parity")], train=data)
    assert list(verdict.skipped) == ["driven"]


@pytest.mark.parametrize(
    ("neuron", "rung", "train", "said"),
    [
        ("izhikevich", {"remedy": {"calibrate": {"of": "threshold"}}}, {}, "no parameter 'theta'"),
        ("if", {"remedy": {"calibrate": {}}}, {"x": np.ones((4, 3))}, "samples of shape (3,)"),
        ("if", {"remedy": {"fine_tune": {}}}, {"y": np.arange(4) + 9}, "13 classes"),
    ],
)
def test_remedies_that_cannot_be_tried_are_refused_before_any_work(
    neuron, rung, train, said, refused, monkeypatch
):
    monkeypatch.setattr(tasks.Shards, "run_twin", lambda *_: pytest.fail("work began"))
    net = learnt(network(bb.neuron_model(neuron)))
    given = {"x": np.ones((4, 8)), "y": np.arange(4), **train}
    rung = Rung(name="w", perturb={"weight_noise": {}}, **rung)
    data = from_arrays("mine", np.ones((4, 8)), np.arange(4))
    with refused("rung 'w': ", said):
        verify(net, data, [Rung(name="parity"), rung], train=from_arrays("train", **given))


def test_interrupted_remedies_go_on(tmp_path, monkeypatch):
    net = learnt(network())
    data = data_of(net)
    whole = told(verify(net, data, [REMEDIED], train=data, execution=Execution(shard=10)))
    after, epochs = InTheLoop.after_epoch, []

    def stops(self, twin):
        epochs.append(self)
        if len(epochs) == 2:
            raise KeyboardInterrupt
        after(self, twin)

    monkeypatch.setattr(InTheLoop, "after_epoch", stops)
    with pytest.raises(KeyboardInterrupt):
        verify(net, data, [REMEDIED], train=data, execution=Sweep(folder=tmp_path, shard=10))
    # Three shards of the network and of the calibrated one, and a checkpoint of the training.
    suffixes = sorted("".join(path.suffixes) for path in tmp_path.iterdir())
    assert suffixes == [".h5", *[".json.gz"] * 6, ".pt"]
    monkeypatch.setattr(calibrating, "calibrate", None)  # not again
    assert (
        told(verify(net, data, [REMEDIED], train=data, execution=Sweep(folder=tmp_path, shard=10)))
        == whole
    )
    assert len(epochs) == 3  # the second was interrupted and runs again; the third
    delete_kept(tmp_path)
    assert not tmp_path.exists()


def again_as(rung, **remedies):
    """Return the rung with other remedies."""
    return rung.model_copy(update={"remedy": remedies})


def test_remedies_are_tried_on_the_same_device_told_and_kept(refused, tmp_path):
    net = network()
    data = data_of(net, 60)
    rung = Rung(
        name="driven",
        perturb={"background_current": {"size": 0.2}},
        remedy={
            "calibrate": {"of": "weights"},
            "fine_tune": {"epochs": 10, "batch_size": 20, "learning_rate": 0.01},
        },
        max_accuracy_drop=None,
    )
    with refused("rung 'driven'", "give train ="):
        verify(net, data, [rung])
    with refused("rung 'driven'", "learning rule must be known"):
        verify(net, data, [rung], train=data)
    rule = {"name": "surrogate_gradient"}
    net = replace(net, provenance={**net.provenance, "rule": rule})
    verdict = verify(net, data, [rung], train=data)
    (found,) = verdict.rungs
    calibrated, tuned = found.remedies["calibrated"], found.remedies["fine_tuned"]
    before = sum(found.spikes_per_sample.values())
    wanted = sum(verify(net, data, [Rung(name="parity")]).rungs[0].spikes_per_sample.values())
    assert abs(calibrated.spikes_per_sample - wanted) < 0.1 * abs(before - wanted)
    assert max(calibrated.facts["scales"].values()) < 1
    assert tuned.accuracy > found.accuracy
    assert tuned.options["samples"] == 60
    assert [tried.file for tried in (calibrated, tuned)] == list(verdict.remedied)
    # Changed networks are saved, and give the numbers of the verdict on the same device.
    verdict.save(tmp_path / "verdict.json")
    for tried in (calibrated, tuned):
        changed = bb.load_network(tmp_path / tried.file)
        (again,) = verify(changed, data, [again_as(rung)]).rungs
        assert again.accuracy == tried.accuracy
        spikes = sum(again.spikes_per_sample.values())
        assert spikes == pytest.approx(tried.spikes_per_sample, rel=1e-12)
    # If asked for, fine-tuning starts from the calibrated network.
    alone = {"epochs": 1, "batch_size": 20, "learning_rate": 1e-9, "start": "calibrated"}
    with refused("rung 'driven'", "no remedy.calibrate"):
        verify(net, data, [again_as(rung, fine_tune=alone)], train=data)
    both = again_as(rung, fine_tune=alone, calibrate={"of": "weights"})
    (then,) = verify(net, data, [both], train=data).rungs
    assert then.remedies["fine_tuned"].spikes_per_sample == calibrated.spikes_per_sample
    # The network itself did not change.
    assert found.accuracy == verify(net, data, [rung], train=data).rungs[0].accuracy
