"""Training in the loop: the loss is that of Brian2, the gradient is that of the twin."""

import numpy as np
import pytest
import torch

from brianbridge.datasets import from_arrays, load_dataset, train_validation
from brianbridge.encoding import Bernoulli, Current, Latency, Poisson
from brianbridge.errors import InputError
from brianbridge.network import Dense, Recurrent, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.perturbations import (
    BrianSchedule,
    DeadNeurons,
    FinerDt,
    InputTiming,
    MembraneNoise,
    Mismatch,
    WeightQuantisation,
    perturbed,
)
from brianbridge.perturbations.condition import Condition
from brianbridge.remedies.fine_tune import fine_tune
from brianbridge.remedies.in_the_loop import InTheLoop
from brianbridge.rules import (
    LeakyBackprop,
    MultiThreshold,
    SpikeCount,
    SurrogateGradient,
    learning_rule,
)
from brianbridge.simulation.reader.write_back import write_back
from brianbridge.training import TrainingOptions, train
from brianbridge.twin.network import to_torch

DEVICE = (Mismatch(0.2), WeightQuantisation(3))
CASES = [
    (SurrogateGradient(), "counts", "lif", Current(12)),
    (SurrogateGradient(), "potential", "lif", Bernoulli(12)),
    (SpikeCount(), "potential", "if", Current(12)),
    (SpikeCount(), "counts", "if", Bernoulli(12)),
    (LeakyBackprop(), "potential", "lif", Poisson(12)),
    (LeakyBackprop(credit="count"), "potential", "lif", Current(12)),
    (MultiThreshold(), "counts", "multi_threshold_lif", Current(2)),
]


def make(readout="counts", neuron="lif", encoding=None, loops=(), seed=0):
    model = neuron_model(neuron)
    layers = [Dense(14, model), *loops, Dense(9, model), Dense(3, model)]
    net = SpikingNetwork.sequential(
        (6,), layers, encoding=encoding or Current(12), readout=readout, weight_gain=6.0, seed=seed
    )
    x = np.random.default_rng(seed).random((24, 6)).astype(np.float32)
    net = net.with_weights(
        {p.name: (p.weight.astype(np.float64), _double(p.bias)) for p in net.projections}
    )
    return net, from_arrays("mine", x, np.arange(24) % 3)


def _double(bias):
    return None if bias is None else bias.astype(np.float64)


def step(twin, rule, data):
    """Return response, loss and gradients of one batch in training."""
    rule.prepare(twin)
    twin.train()
    torch.manual_seed(1)
    response = rule.respond(twin, *twin.encode(data.x))
    loss = rule.loss(response.output, torch.as_tensor(data.y))
    twin.zero_grad()
    loss.backward()
    return response, loss.item(), [p.grad.clone() for p in twin.parameters()]


@pytest.mark.parametrize(("rule", "readout", "neuron", "encoding"), CASES)
def test_the_loss_sees_what_brian2_did(rule, readout, neuron, encoding):
    net, data = make(readout, neuron, encoding)
    twin = to_torch(net, dtype=torch.float64)
    own, _, _ = step(twin, rule, data)
    response, _, _ = step(twin, InTheLoop(rule, DEVICE, seed=7), data)
    ran = perturbed(Condition(net), DEVICE, 7).simulate(data.x)
    wanted = rule.loss_input(twin, torch.as_tensor(ran.output)).numpy()
    np.testing.assert_allclose(response.output.detach().numpy(), wanted, rtol=1e-12)
    for name in ("hidden1", "hidden2"):
        counts = response.spike_counts(name).detach().numpy()
        np.testing.assert_array_equal(counts, ran.counts[name])
    assert not torch.equal(response.output, own.output)


@pytest.mark.parametrize(("rule", "readout", "neuron", "encoding"), CASES)
def test_without_perturbations_a_step_is_an_ordinary_one(rule, readout, neuron, encoding):
    net, data = make(readout, neuron, encoding)
    twin = to_torch(net, dtype=torch.float64)
    _, loss, gradients = step(twin, rule, data)
    _, looped_loss, looped = step(twin, InTheLoop(rule), data)
    assert looped_loss == pytest.approx(loss, rel=1e-12)
    assert any(g.abs().max() > 0 for g in gradients)
    for one, other in zip(gradients, looped, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-14)


def test_the_gradient_is_the_twins_at_what_was_really_heard():
    """A layer's weights get the outer product of its own error and the spikes before it."""
    net, data = make("potential", "if")
    twin = to_torch(net, dtype=torch.float64)
    looped = InTheLoop(SpikeCount(), DEVICE)
    response, _, gradients = step(twin, looped, data)
    ran = perturbed(Condition(net), DEVICE).simulate(data.x)
    odds = torch.softmax(response.output.detach(), 1).numpy()
    delta = (odds - np.eye(3)[data.y]) / len(data)
    found = dict(zip((n for n, _ in twin.named_parameters()), gradients, strict=True))
    np.testing.assert_allclose(
        found["projections.hidden2_to_output.weight"].numpy(),
        delta.T @ ran.counts["hidden2"],
        atol=1e-12,
    )


@pytest.mark.parametrize("perturbation", [FinerDt(4), BrianSchedule()])
def test_spikes_come_on_the_twins_grid(perturbation):
    net, data = make()
    twin = to_torch(net, dtype=torch.float64)
    forced = InTheLoop(SurrogateGradient(), (perturbation,)).simulate(
        twin, *twin.encode(data.x), seed=0
    )
    condition = perturbed(Condition(net), [perturbation])
    ran = condition.simulate(data.x)
    with twin.replace_spikes(forced):
        activity = twin.run(*twin.encode(data.x))
    for name, spikes in activity.spikes.items():
        assert spikes.shape == (12, 24, *net.population(name).shape)
        wanted = ran.raster(name, condition.divisor)
        np.testing.assert_array_equal(spikes.detach().flatten(2).numpy(), wanted)


def test_feedback_hears_brian2_too():
    net, data = make(loops=[Recurrent()])
    twin = to_torch(net, dtype=torch.float64)
    _, _, own = step(twin, SurrogateGradient(), data)
    _, _, looped = step(twin, InTheLoop(SurrogateGradient()), data)
    for one, other in zip(own, looped, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-14)
    response, _, _ = step(twin, InTheLoop(SurrogateGradient(), DEVICE), data)
    ran = perturbed(Condition(net), DEVICE).simulate(data.x)
    np.testing.assert_array_equal(response.output.detach().numpy(), ran.output)


def test_a_twin_is_itself_again_afterwards():
    net, data = make()
    twin = to_torch(net, dtype=torch.float64)
    before = twin(data.x)
    step(twin, InTheLoop(SurrogateGradient(), DEVICE), data)
    torch.testing.assert_close(twin.eval()(data.x), before, rtol=0, atol=0)


def test_noise_is_another_one_in_each_batch():
    net, data = make()
    twin = to_torch(net)
    looped = InTheLoop(SurrogateGradient(), (MembraneNoise(0.5),))
    inputs = twin.encode(data.x)
    torch.manual_seed(0)
    one, other = (looped.respond(twin, *inputs).spike_counts("hidden1") for _ in range(2))
    assert not torch.equal(one, other)
    torch.manual_seed(0)
    assert torch.equal(looped.respond(twin, *inputs).spike_counts("hidden1"), one)
    again = [looped.predict(twin, *inputs) for _ in range(2)]
    assert torch.equal(*again)


# ---------------------------------------------------------------------- fine-tuning


def test_fine_tuning_without_perturbations_is_training():
    net, data = make()
    options = TrainingOptions(epochs=2, batch_size=8, validation_fraction=0.25)
    twin = to_torch(net, dtype=torch.float64)
    plain = train(twin, data, "surrogate_gradient", seed=3, options=options)
    found = fine_tune(net, data, [], options=options, seed=3, dtype=torch.float64)
    for name, values in plain.curve.items():
        assert found.training.curve[name] == pytest.approx(values, rel=1e-9), name
    for one, other in zip(write_back(twin).projections, found.network.projections, strict=True):
        np.testing.assert_allclose(one.weight, other.weight, rtol=1e-9, atol=1e-12)


def test_the_curve_is_that_of_brian2_and_the_same_every_time():
    net, data = make("potential", "if")
    options = {"epochs": 2, "batch_size": 8, "validation_fraction": 0.25, "learning_rate": 1e-2}
    one, other = (fine_tune(net, data, DEVICE, "spike_count", seed=2, **options) for _ in range(2))
    assert one.training == other.training
    part = train_validation(data, 0.25, 2)[1]
    ran = perturbed(Condition(one.network), DEVICE, 2).simulate(part.x)
    accuracy = float((ran.prediction == part.y).mean())
    curve = one.training.curve["validation_accuracy"]
    assert accuracy == curve[one.training.best_epoch - 1]
    told = one.network.provenance["fine_tuning"]
    assert told["name"] == "spike_count"
    assert told["perturbations"] == [repr(p) for p in DEVICE]


def test_a_run_that_was_stopped_goes_on(tmp_path):
    net, data = make()
    options = {"batch_size": 8, "validation_fraction": 0.0, "seed": 1}
    noise = [MembraneNoise(0.2)]
    whole = fine_tune(net, data, noise, epochs=3, **options)
    file = tmp_path / "checkpoint.pt"

    def stop(epoch):
        if epoch == 2:
            raise KeyboardInterrupt

    from brianbridge.training import loop

    written, count = loop.write_checkpoint, iter(range(1, 9))

    def write(path, state):
        written(path, state)
        stop(next(count))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "write_checkpoint", write)
        with pytest.raises(KeyboardInterrupt):
            fine_tune(net, data, noise, epochs=3, checkpoint=file, **options)
    resumed = fine_tune(net, data, noise, epochs=3, checkpoint=file, **options)
    for one, other in zip(whole.network.projections, resumed.network.projections, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["first_spike", "single_spike_vectorised", "spide", "implicit"])
def test_rules_with_a_forward_pass_of_their_own_are_refused(name):
    with pytest.raises(InputError, match=f"'{name}' computes its spikes itself"):
        InTheLoop(learning_rule(name))


def test_it_cannot_be_chosen_by_name():
    with pytest.raises(InputError, match="no learning rule 'in_the_loop'"):
        learning_rule("in_the_loop")


def test_an_input_that_brian2_draws_is_refused():
    net, data = make(encoding=Poisson(12))
    with pytest.raises(InputError, match="give kind = 'uniform'"):
        fine_tune(net, data, [FinerDt(2), InputTiming("poisson")], epochs=1)


def test_perturbations_that_do_not_fit_are_refused_before_any_work():
    net, data = make(neuron="if")
    with pytest.raises(InputError, match="no 'tau'"):
        fine_tune(net, data, [MembraneNoise()], epochs=1)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"dropout": 0.1}, "leave it out"), ({"batch_norm": True}, "normalised by the statistics")],
)
def test_a_twin_that_is_different_in_training_is_refused(options, told):
    net, data = make()
    with pytest.raises(InputError, match=told):
        train(to_torch(net, **options), data, InTheLoop(SurrogateGradient(), DEVICE), epochs=1)


def test_single_spikes_of_latency_coding_are_taken():
    net, data = make("potential", "lif", Latency(12))
    found = fine_tune(net, data, [DeadNeurons(0.1)], epochs=1, validation_fraction=0.0)
    assert len(found.training.curve["train_loss"]) == 1


# ---------------------------------------------------------------------- effect


@pytest.mark.slow
def test_half_of_what_mismatch_and_four_bits_cost_is_won_back():
    split = load_dataset("digits", seed=1)
    neuron = neuron_model("lif")
    net = SpikingNetwork.sequential(
        (8, 8), [Dense(128, neuron), Dense(10, neuron)], encoding=Current(10), seed=1
    )
    twin = to_torch(net)
    options = TrainingOptions(
        epochs=30, learning_rate=2e-3, weight_decay=0.1, schedule="cosine", validation_fraction=0.0
    )
    train(twin, split.train, "surrogate_gradient", seed=1, options=options)
    net = write_back(twin)
    device = (Mismatch(cv=0.1), WeightQuantisation(bits=4))

    def right(network, seed, perturbations=device):
        ran = perturbed(Condition(network), perturbations, seed).simulate(split.test.x)
        return int((ran.prediction == split.test.y).sum())

    cost = won = 0
    for seed in range(2):
        tuned = fine_tune(
            net, split.train, device, seed=seed, epochs=3, learning_rate=5e-4,
            schedule="cosine", validation_fraction=0.0,
        )  # fmt: skip
        cost += right(net, 0, ()) - right(net, seed)
        won += right(tuned.network, seed) - right(net, seed)
    assert cost >= 5
    assert won >= cost / 2
