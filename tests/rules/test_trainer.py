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

from brianbridge.datasets import from_arrays, load
from brianbridge.encoding import Bernoulli, Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import TrainingOptions, train
from brianbridge.surrogate.network import to_torch


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
    split = load("iris", seed=1)
    twin = iris_twin()
    result = train(twin, split.train, seed=1, epochs=40, batch_size=16, learning_rate=5e-3)
    accuracy = (twin(split.test.x).argmax(1).numpy() == split.test.y).mean()
    assert accuracy >= 0.9
    assert len(result.curve["train_loss"]) == 40
    assert result.curve["train_loss"][-1] < 0.5 * result.curve["train_loss"][0]


@pytest.mark.parametrize("encoding", [Current(10), Bernoulli(10)], ids=["current", "bernoulli"])
def test_same_seed_same_weights(encoding):
    data = load("iris", seed=1).train
    twins = [iris_twin(encoding) for _ in range(3)]
    for twin, seed in zip(twins, (1, 1, 2), strict=True):
        train(twin, data, seed=seed, epochs=2)
    assert same(weights(twins[0]), weights(twins[1]))
    assert not same(weights(twins[0]), weights(twins[2]))


def test_training_does_not_disturb_the_callers_random_numbers():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(iris_twin(), load("iris").train, epochs=1)
    assert torch.equal(torch.rand(3), expected)


def test_resumed_equals_uninterrupted(tmp_path):
    data = load("iris", seed=1).train
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
    from test_trainer import iris_twin, train, load
    out = Path(sys.argv[1])
    twin = iris_twin()
    train(twin, load("iris", seed=1).train, seed=3, epochs=60, checkpoint=out / "checkpoint.pt")
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
    from brianbridge.rules import trainer

    scores = iter([0.5, 0.9, 0.8, 0.7, 0.6, 0.5])
    kept = []

    def evaluate(self, data):
        kept.append(weights(self.twin))
        return 1.0, next(scores) * len(data)

    monkeypatch.setattr(trainer._Trainer, "_evaluate", evaluate)
    twin = iris_twin()
    result = train(twin, load("iris").train, epochs=6, patience=2)
    assert result.best_epoch == 2
    assert len(result.curve["train_loss"]) == 4
    assert same(weights(twin), kept[1])


def test_checkpoint_of_another_training_is_refused(tmp_path):
    data, path = load("iris").train, tmp_path / "c.pt"
    train(iris_twin(), data, epochs=1, checkpoint=path)
    with pytest.raises(InputError, match="belongs to a training with other"):
        train(iris_twin(), data, epochs=1, learning_rate=0.5, checkpoint=path)
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="is no checkpoint"):
        train(iris_twin(), data, epochs=1, checkpoint=path)


@pytest.mark.parametrize("field", ["epochs", "batch_size", "learning_rate", "schedule", "patience"])
def test_options_out_of_range_are_refused(field):
    with pytest.raises(InputError, match=field):
        TrainingOptions(**{field: -1})


def test_what_does_not_fit_is_refused():
    digits = load("digits").train
    with pytest.raises(InputError, match=r"samples of shape \(8, 8\)"):
        train(iris_twin(), digits)
    many = from_arrays("many", np.zeros((10, 4)), np.arange(10))
    with pytest.raises(InputError, match="10 classes"):
        train(iris_twin(), many)
    with pytest.raises(InputError, match="Did you mean 'epochs'"):
        train(iris_twin(), load("iris").train, epoch=3)


def test_divergence_is_told():
    twin = iris_twin()
    with torch.no_grad():
        twin.projections["hidden_to_output"].bias.fill_(torch.nan)
    with pytest.raises(InputError, match="lower the learning rate"):
        train(twin, load("iris").train, epochs=1)
