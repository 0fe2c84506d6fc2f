"""Training: it learns, it is deterministic, and a killed run resumes to the same weights."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch
from digits_training import digits, digits_twin, image_data
from torch.optim.optimizer import register_optimizer_step_post_hook

from brianbridge.datasets import load_dataset
from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import (
    AllToAll,
    Conv2d,
    Dense,
    MaxPool2d,
    Population,
    Projection,
    Sparse,
    SpikingNetwork,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.training import Augmentation, SpikeRate, train
from brianbridge.training.loop import Trainer
from brianbridge.twin.network import to_torch
from brianbridge.twin.projections import ProjectionTwin


def iris_twin(encoding=None):
    neuron = neuron_model("if")
    return to_torch(
        SpikingNetwork.sequential(
            (4,),
            [Dense(16, neuron), Dense(3, neuron)],
            encoding=encoding or Current(10),
            readout="potential",
            seed=1,
        )
    )


def weights(twin):
    return [p.detach().clone() for p in twin.parameters()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_learns_iris():
    split = load_dataset("iris", seed=1)
    twin = iris_twin()
    result = train(twin, split.train, seed=1, epochs=40, batch_size=16, learning_rate=5e-3)
    accuracy = (twin(split.test.x).argmax(1).numpy() == split.test.y).mean()
    assert accuracy >= 0.9
    assert len(result.curve["train_loss"]) == 40
    assert result.curve["train_loss"][-1] < 0.5 * result.curve["train_loss"][0]


@pytest.mark.parametrize("encoding", [Current(10), Bernoulli(10)], ids=["current", "bernoulli"])
def test_same_seed_same_weights(encoding):
    data = load_dataset("iris", seed=1).train
    twins = [iris_twin(encoding) for _ in range(3)]
    for twin, seed in zip(twins, (1, 1, 2), strict=True):
        train(twin, data, seed=seed, epochs=2)
    assert same(weights(twins[0]), weights(twins[1]))
    assert not same(weights(twins[0]), weights(twins[2]))


def test_training_does_not_disturb_the_callers_random_numbers():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(iris_twin(), load_dataset("iris").train, epochs=1)
    assert torch.equal(torch.rand(3), expected)


def test_resumed_equals_uninterrupted(tmp_path):
    data = load_dataset("iris", seed=1).train
    whole, halves = iris_twin(), iris_twin()
    train(whole, data, epochs=6, schedule="cosine", checkpoint=tmp_path / "whole.pt")

    class Stop(Exception):
        pass

    # Stop in the middle of epoch 4: the checkpoint of epoch 3 is what is left.
    encode, calls = halves.encode, 0

    def encode_or_stop(*arguments):
        nonlocal calls
        calls += 1
        if calls == 12:
            raise Stop
        return encode(*arguments)

    halves.encode = encode_or_stop
    with pytest.raises(Stop):
        train(halves, data, epochs=6, schedule="cosine", checkpoint=tmp_path / "half.pt")
    fresh = iris_twin()
    result = train(fresh, data, epochs=6, schedule="cosine", checkpoint=tmp_path / "half.pt")
    assert same(weights(fresh), weights(whole))
    assert len(result.curve["train_loss"]) == 6


SCRIPT = """
    import sys
    import numpy as np
    from pathlib import Path
    from test_trainer import iris_twin, load_dataset, train
    out = Path(sys.argv[1])
    twin = iris_twin()
    data = load_dataset("iris", seed=1).train
    train(twin, data, seed=3, epochs=20, checkpoint=out / "checkpoint.pt")
    np.savez(out / "weights.npz", *[p.detach().numpy() for p in twin.parameters()])
"""


def start(out):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path]),
    }
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(out)]
    return subprocess.Popen(command, env=environment)


def test_kill_9_and_the_same_command_gives_the_same_weights(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert start(whole).wait(120) == 0
    process = start(killed)
    deadline = time.monotonic() + 120
    while not (killed / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (killed / "weights.npz").exists(), "it was killed before it was done"
    assert start(killed).wait(120) == 0
    with np.load(whole / "weights.npz") as a, np.load(killed / "weights.npz") as b:
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name])


def test_early_stop_keeps_the_best_epoch(monkeypatch):

    scores = iter([0.5, 0.9, 0.8, 0.7, 0.6, 0.5])
    kept = []

    def evaluate(self, twin, data):
        kept.append(weights(twin))
        return 1.0, next(scores) * len(data)

    monkeypatch.setattr(Trainer, "_evaluate", evaluate)
    twin = iris_twin()
    result = train(twin, load_dataset("iris").train, epochs=6, patience=2)
    assert result.best_epoch == 2
    assert len(result.curve["train_loss"]) == 4
    assert same(weights(twin), kept[1])


def test_a_plateau_stops_and_keeps_its_last_epoch(monkeypatch):

    monkeypatch.setattr(Trainer, "_evaluate", lambda self, twin, data: (1.0, len(data)))
    result = train(iris_twin(), load_dataset("iris").train, epochs=9, patience=2)
    assert len(result.curve["train_loss"]) == 3
    assert result.best_epoch == 3


def test_checkpoint_of_another_training_is_refused(tmp_path):
    data, path = load_dataset("iris").train, tmp_path / "c.pt"
    train(iris_twin(), data, epochs=1, checkpoint=path)
    with pytest.raises(InputError, match="belongs to a training run with other"):
        train(iris_twin(), data, epochs=1, learning_rate=0.5, checkpoint=path)
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="is not a training checkpoint"):
        train(iris_twin(), data, epochs=1, checkpoint=path)


# ---------------------------------------------------------------------- all at once


def state(twin):
    return {name: values.clone() for name, values in twin.state_dict().items()}


def assert_same_state(one, other):
    assert one.keys() == other.keys()
    for name, values in one.items():
        assert torch.equal(values, other[name]), name


class Stop(Exception):
    pass


def test_resumed_equals_uninterrupted_with_everything_that_has_a_state(tmp_path, monkeypatch):
    options = {
        "epochs": 4, "batch_size": 20, "optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.9,
        "ema": 0.9, "augmentation": Augmentation(1, True, 2), "schedule": "cosine", "warmup": 1,
        "spike_rate": SpikeRate(0.2), "gradient_clip": 5.0, "seed": 7,
    }  # fmt: skip

    def fresh():
        return digits_twin(batch_norm=True, dropout=0.2)

    data = image_data()
    whole = fresh()
    expected = train(whole, data, checkpoint=tmp_path / "whole.pt", **options)
    for stop in (1, 3):  # the second time goes on from a checkpoint that was itself gone on from
        one_epoch = Trainer._one_epoch

        def stopping(self, stop=stop, one_epoch=one_epoch):
            if self.epoch == stop:
                raise Stop
            one_epoch(self)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_one_epoch", stopping)
            with pytest.raises(Stop):
                train(fresh(), data, checkpoint=tmp_path / "parts.pt", **options)
    torch.rand(5)  # what others draw makes no difference
    resumed = fresh()
    found = train(resumed, data, checkpoint=tmp_path / "parts.pt", **options)
    assert_same_state(state(resumed), state(whole))
    assert found == expected
    one, other = (
        torch.load(tmp_path / name, weights_only=True) for name in ("whole.pt", "parts.pt")
    )
    for part in ("weights", "average", "best"):
        assert_same_state(one[part], other[part])
    assert int(one["average"]["n_averaged"]) == 4 * 6
    momenta = [s["momentum_buffer"] for s in one["optimizer"]["state"].values()]
    again = [s["momentum_buffer"] for s in other["optimizer"]["state"].values()]
    assert same(momenta, again)


# ---------------------------------------------------------------------- single options


def steps_of(twin, data, **options):
    """Train, and return the state after every step of the optimiser."""
    noted = []
    handle = register_optimizer_step_post_hook(lambda *_: noted.append(state(twin)))
    try:
        train(twin, data, validation_fraction=0.0, **options)
    finally:
        handle.remove()
    return noted


def test_the_gradient_is_clipped():
    data, limit, rate = image_data(), 1e-3, 0.5
    options = {"epochs": 1, "batch_size": 20, "optimizer": "sgd", "momentum": 0.0}
    twin = digits_twin(torch.float64)
    before = state(twin)
    after = steps_of(twin, data, learning_rate=rate, gradient_clip=limit, **options)[0]
    moved = torch.cat([(after[k] - before[k]).flatten() for k in before])
    assert moved.norm().item() == pytest.approx(rate * limit, rel=1e-2)
    free = digits_twin(torch.float64)
    far = steps_of(free, data, learning_rate=rate, **options)[0]
    freely = torch.cat([(far[k] - before[k]).flatten() for k in before])
    assert freely.norm() > 100 * moved.norm()
    cosine = torch.nn.functional.cosine_similarity(moved, freely, dim=0)
    assert cosine.item() == pytest.approx(1), "only its length"
    large = digits_twin(torch.float64)
    steps = steps_of(large, data, learning_rate=rate, gradient_clip=1e6, **options)
    assert_same_state(far, steps[0])


@pytest.mark.parametrize("decay", [0.3, 0.95])
def test_the_moving_average_is_its_definition(decay):
    # Of weights and of the statistics of normalisations.
    twin = to_torch(iris_twin().network, batch_norm=True)
    noted = steps_of(twin, load_dataset("iris").train, epochs=3, batch_size=16, ema=decay)
    assert len(noted) == 3 * 8
    average = {name: values.double() for name, values in noted[0].items()}
    for number, values in enumerate(noted[1:], start=1):
        kept = min(decay, (1 + number) / (10 + number))
        average = {k: kept * v + (1 - kept) * values[k] for k, v in average.items()}
    for name, found in twin.state_dict().items():
        np.testing.assert_allclose(found, average[name], rtol=0, atol=1e-6)
        still = name == "projections.input_to_hidden.bias"  # which a normalisation makes idle
        assert ((found - noted[-1][name]).abs().max() > 1e-5) != still, name


def test_the_average_is_what_is_evaluated(monkeypatch):
    seen = []
    evaluate = Trainer._evaluate

    def noting(self, twin, data):
        seen.append((weights(twin), weights(self.twin)))
        return evaluate(self, twin, data)

    monkeypatch.setattr(Trainer, "_evaluate", noting)
    twin = iris_twin()
    result = train(twin, load_dataset("iris").train, epochs=2, ema=0.9)
    averaged, stepped = seen[result.best_epoch - 1]
    assert same(weights(twin), averaged)
    assert not same(averaged, stepped)


def test_an_average_of_networks_that_hold_more_than_weights():
    # Index tables of sparse synapses, flags of neurons that fire once, and fixed weights.
    once = neuron_model("single_spike_if")
    layers = [Conv2d(2, 3, once), MaxPool2d(2), Dense(10, once)]
    images = SpikingNetwork.sequential((1, 8, 8), layers, encoding=Current(4), seed=1)
    listed = Sparse(np.arange(64), np.arange(64) % 10)
    sparse = SpikingNetwork(
        (1, 8, 8), Current(4),
        (Population("a", (10,), neuron_model("lif_refractory")), Population("b", (10,), once)),
        (
            Projection("input", "a", np.full(64, 0.5, np.float32), None, listed),
            Projection("a", "b", np.eye(10, dtype=np.float32), None, AllToAll()),
        ),
    )  # fmt: skip
    for net in (images, sparse):
        twin = to_torch(net)
        fixed = {k: v.clone() for k, v in twin.named_buffers()}
        assert any(v.dtype in (torch.bool, torch.int64) for v in fixed.values())
        before = weights(twin)
        train(twin, image_data(), "surrogate_gradient", epochs=2, batch_size=10, ema=0.5)
        assert not same(weights(twin), before)
        for name, values in twin.named_buffers():
            assert torch.equal(values, fixed[name]), name


def test_channels_last_is_the_same_to_rounding():
    neuron = neuron_model("if")
    layers = [Conv2d(4, 3, neuron), Conv2d(5, 3, neuron), Dense(10, neuron)]
    net = SpikingNetwork.sequential(
        (1, 8, 8), layers, encoding=Current(5), readout="potential", seed=1, weight_gain=2.0
    )
    plain, last = (to_torch(net, dtype=torch.float64) for _ in range(2))
    for twin in (plain, last):
        train(twin, image_data(), epochs=2, batch_size=30, channels_last=twin is last)
        kernel = twin.projection("conv1_to_conv2").weight
        assert kernel.is_contiguous(memory_format=torch.channels_last) == (twin is last)
    for one, other in zip(weights(plain), weights(last), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize("rule", ["spike_count", "surrogate_gradient"])
def test_autocast_trains_in_less_precision_and_evaluates_in_full(rule, monkeypatch):
    twin = digits_twin(batch_norm=True)
    seen, forward = set(), ProjectionTwin.forward

    def noting(self, x):
        found = forward(self, x)
        seen.add((self.training, found.dtype))
        return found

    monkeypatch.setattr(ProjectionTwin, "forward", noting)
    before = dict(twin.named_parameters())
    before = {name: values.detach().clone() for name, values in before.items()}
    result = train(twin, image_data(), rule, epochs=2, batch_size=30, autocast="bfloat16")
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}
    assert all(np.isfinite(result.curve["train_loss"]))
    for name, values in twin.named_parameters():
        assert values.dtype == torch.float32
        # A bias beside a normalisation has nothing to say.
        beside = name.endswith("bias") and f"{name[:-4]}norm.gamma" in before
        assert torch.equal(values, before[name]) == beside, name


@pytest.mark.parametrize("encoding", [Current(4), Bernoulli(4)], ids=lambda e: e.kind)
def test_autocast_leaves_lists_of_synapses_alone(encoding):
    neuron = neuron_model("if")
    listed = Sparse(np.arange(64), np.arange(64) % 10)
    net = SpikingNetwork(
        (8, 8), encoding, (Population("a", (10,), neuron), Population("b", (10,), neuron)),
        (
            Projection("input", "a", np.full(64, 0.5, np.float32), None, listed),
            Projection("a", "b", np.eye(10, dtype=np.float32), None, AllToAll()),
        ),
    )  # fmt: skip
    twin = to_torch(net)
    before = weights(twin)
    train(twin, digits(), epochs=1, autocast="bfloat16")
    assert all(not torch.equal(a, b) for a, b in zip(before, weights(twin), strict=True))


def test_the_twin_is_left_in_evaluation_mode():
    for options in ({"validation_fraction": 0.0}, {"ema": 0.5}, {}):
        twin = digits_twin(dropout=0.5, batch_norm=True)
        train(twin, image_data(), epochs=1, **options)
        assert not twin.training, options
        assert not twin.projection("input_to_conv1").training
