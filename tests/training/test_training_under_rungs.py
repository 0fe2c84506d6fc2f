"""Training under the rungs of a ladder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import brianbridge as bb
from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.ladder.rungs import Rung
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.rules.base import learning_rule
from brianbridge.training.perturbed import PerturbedTwins, Under

FEW_BITS = Rung(name="2 bits", perturb={"weight_quantisation": {"bits": 2}})
FINER = Rung(name="dt/4", perturb={"finer_dt": {"divisor": 4}})
CHIP = Rung(name="chip", perturb={"mismatch": {"cv": 0.1}, "weight_noise": {"cv": 0.1}})
SYNAPSES = Rung(name="conductances", perturb={"conductance_synapses": {}})
LATE = Rung(name="late", perturb={"delay": {"time": "2 ms", "spread": "1 ms"}})
FAILING = Rung(name="failing", perturb={"synaptic_failure": {"probability": 0.2}})
IF = bb.neuron_model("if")


def network(encoding=None, hidden=24, readout="potential"):
    encoding = Current(6) if encoding is None else encoding
    return SpikingNetwork.sequential(
        (8, 8), [Dense(hidden, IF), Dense(10, IF)], encoding=encoding, readout=readout, seed=3
    )


@pytest.fixture(scope="module")
def digits():
    return bb.load_dataset("digits")


def twins(twin, *rungs, **options):
    found = PerturbedTwins(
        Under(rungs, clean=0.0, **options), twin, learning_rule("surrogate_gradient"), seed=1
    )
    found.start_epoch(0)
    return found


@pytest.mark.parametrize(
    "rung", [FEW_BITS, FINER, CHIP, SYNAPSES, LATE, FAILING], ids=lambda r: r.name
)
def test_a_batch_has_the_weights_and_the_spikes_of_the_rung(rung, monkeypatch):
    seeds = []
    real = Rung.applied_to
    monkeypatch.setattr(
        Rung, "applied_to", lambda self, net, seed=0: seeds.append(seed) or real(self, net, seed)
    )
    twin = bb.to_torch(network(Bernoulli(6)), dtype=torch.float64)
    name, found = twins(twin, rung).next()
    assert name == rung.name
    expected = bb.to_torch(twin.to_network(), condition=rung, seed=seeds[-1], dtype=torch.float64)
    for projection in expected.network.projections:
        for part in ("weight", "bias"):
            one, other = (getattr(t.projection(projection.name), part) for t in (found, expected))
            assert (one is None) == (other is None)
            if one is not None:
                torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-15)
    if rung is FAILING:
        return  # which spikes fail is drawn for each batch
    x = np.random.default_rng(0).random((5, 8, 8))
    np.testing.assert_allclose(found.eval()(x).detach(), expected.eval()(x).detach(), atol=1e-9)


def test_weights_of_a_rung_follow_between_two_renewals():
    twin = bb.to_torch(network(), dtype=torch.float64)
    found = twins(twin, FEW_BITS, every=3)
    _, first = found.next()
    first_weights = first.projection("hidden_to_output").weight.detach().clone()
    with torch.no_grad():
        twin.projection("hidden_to_output").weight += 1e-3
    _, second = found.next()
    moved = second.projection("hidden_to_output").weight.detach() - first_weights
    assert float(moved.std()) < 1e-12  # all by the same
    assert 0 < float(moved.mean()) < 3e-3
    found.next()
    _, fourth = found.next()  # evaluated anew: on the grid again
    levels = fourth.projection("hidden_to_output").weight.detach().unique()
    assert len(levels) <= 4


def test_the_gradient_reaches_the_weights_of_the_network(digits):
    twin = bb.to_torch(network())
    for rung in (FEW_BITS, FINER, SYNAPSES, FAILING):
        twin.zero_grad()
        _, found = twins(twin, rung).next()
        found.run(*found.encode(digits.train.x[:20])).output.square().sum().backward()
        for name, values in twin.named_parameters():
            assert values.grad is not None, (rung.name, name)
            assert values.grad.abs().sum() > 0, (rung.name, name)


def test_weights_that_are_rounded_to_zero_still_learn(digits):
    twin = bb.to_torch(network())
    _, found = twins(twin, FEW_BITS).next()
    found.run(*found.encode(digits.train.x[:200])).output.square().sum().backward()
    rounded = found.projection("hidden_to_output").weight == 0
    assert rounded.any()
    assert (twin.projection("hidden_to_output").weight.grad[rounded] != 0).any()


def trained(digits, **options):
    twin = bb.to_torch(network())
    result = bb.train(twin, digits.train, **{"epochs": 2, "batch_size": 64, "seed": 5, **options})
    return twin, result


def test_without_a_perturbed_batch_the_weights_are_the_same(digits):
    one, _ = trained(digits)
    other, _ = trained(digits, under=Under([FEW_BITS], clean=1.0))
    for name, values in one.state_dict().items():
        assert torch.equal(values, other.state_dict()[name])


@pytest.mark.parametrize("rule", ["surrogate_gradient", "spike_count"])
def test_a_network_holds_better_on_the_rung(digits, rule):
    def accuracy(**options):
        twin, _ = trained(digits, rule=rule, epochs=12, learning_rate=5e-3, **options)
        output = FEW_BITS.applied_to(twin.to_network()).simulate(digits.test.x, seed=0).output
        return (output.argmax(1) == digits.test.y).mean()

    assert accuracy(under=[FEW_BITS]) > accuracy() + 0.1


def test_a_killed_training_goes_on_to_the_same_weights(digits, tmp_path):
    under = Under([CHIP, FINER], every=5, ramp=1)
    whole, result = trained(digits, under=under, epochs=4)
    trained(digits, under=under, epochs=4, checkpoint=tmp_path / "kept.pt")
    file = tmp_path / "stopped.pt"

    class Stop(Exception):
        pass

    import brianbridge.training.loop as loop

    real, calls = loop.write_checkpoint, []

    def stop(path, state):
        real(path, state)
        calls.append(path)
        if len(calls) == 2:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "write_checkpoint", stop)
        with pytest.raises(Stop):
            trained(digits, under=under, epochs=4, checkpoint=file)
    resumed, again = trained(digits, under=under, epochs=4, checkpoint=file)
    assert again.curve == result.curve
    for name, values in whole.state_dict().items():
        assert torch.equal(values, resumed.state_dict()[name])


def test_another_mixture_does_not_resume(digits, tmp_path):
    file = tmp_path / "kept.pt"
    trained(digits, under=[CHIP], checkpoint=file)
    with pytest.raises(InputError, match="another"):
        trained(digits, under=[FINER], checkpoint=file)


def test_the_curve_has_clean_and_perturbed_accuracy(digits):
    _, result = trained(digits, under=[FINER, FEW_BITS], validation_fraction=0.2)
    for part in ("train", "validation"):
        for rung in ("dt/4", "2 bits"):
            assert len(result.curve[f"{part}_accuracy, {rung}"]) == 2
    assert 0 < result.curve["train_accuracy, clean"][-1] <= 1


def test_the_share_of_perturbed_batches_rises():
    under = Under([FINER], clean=0.2, ramp=3)
    assert [under.share(epoch) for epoch in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])


def test_weights_choose_between_rungs():
    twin = bb.to_torch(network())
    found = twins(twin, FINER, FEW_BITS, CHIP, weights={"2 bits": 3.0, "dt/4": 1.0})
    names = [found.next()[0] for _ in range(200)]
    assert names.count("2 bits") == pytest.approx(150, abs=25)
    assert names.count("dt/4") == 200 - names.count("2 bits")  # what is not named is left out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"under": [FINER, "dt/4"]}, "'dt/4' is not a rung"),
        ({"under": Under([Rung(name="as it is")])}, "no rung changes this network"),
        ({"under": [Rung(name="t", perturb={"input_timing": {}})]}, "rung 't'.*input_timing"),
        ({"under": [LATE], "rule": "ottt"}, "rung 'late'.*has a delay"),
        ({"under": [FAILING], "rule": "ottt"}, "rung 'failing'.*does not draw"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_any_work(digits, options, message):
    with pytest.raises(InputError, match=message):
        trained(digits, **options)


def test_wrong_options_are_refused():
    for options, message in (
        ({"clean": 1.5}, "clean = 1.5"),
        ({"ramp": -1}, "ramp = -1"),
        ({"every": 0}, "every = 0"),
        ({"weights": {"dt/5": 1.0}}, "Did you mean 'dt/4'"),
        ({"weights": {"dt/4": -1.0}}, "weights ="),
    ):
        with pytest.raises(InputError, match=message):
            Under([FINER], **options)


def test_rungs_that_do_not_apply_are_left_out_if_they_are_optional(digits):
    spikes = Rung(name="t", optional=True, perturb={"input_timing": {}})
    _, result = trained(digits, under=[spikes, FEW_BITS])
    assert "train_accuracy, t" not in result.curve


def test_learned_parameters_are_refused(digits):
    twin = bb.to_torch(
        SpikingNetwork.sequential(
            (8, 8), [Dense(10, bb.neuron_model("lif"))], encoding=Current(4), readout="counts"
        ),
        learn={"output": ["tau"]},
    )
    with pytest.raises(InputError, match="learns neuron parameters"):
        bb.train(twin, digits.train, epochs=1, under=[FINER])
