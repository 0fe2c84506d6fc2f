"""What a training refuses, before it begins or when it comes to nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_trainer import iris_twin

from brianbridge.datasets import from_arrays, load_dataset
from brianbridge.encoding import Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.rules import learning_rule
from brianbridge.training import TrainingOptions, train
from brianbridge.twin.network import to_torch


@pytest.mark.parametrize("field", ["epochs", "batch_size", "learning_rate", "schedule", "patience"])
def test_options_out_of_range_are_refused(field):
    with pytest.raises(InputError, match=field):
        TrainingOptions(**{field: -1})


def test_what_does_not_fit_is_refused():
    digits = load_dataset("digits").train
    with pytest.raises(InputError, match=r"samples of shape \(8, 8\)"):
        train(iris_twin(), digits)
    many = from_arrays("many", np.zeros((10, 4)), np.arange(10))
    with pytest.raises(InputError, match="10 classes"):
        train(iris_twin(), many)
    with pytest.raises(InputError, match="Did you mean 'epochs'"):
        train(iris_twin(), load_dataset("iris").train, epoch=3)
    with pytest.raises(InputError, match="'learn' is an option of to_torch"):
        train(iris_twin(), load_dataset("iris").train, learn={"hidden": ["theta"]})


def test_divergence_is_told():
    twin = iris_twin()
    with torch.no_grad():
        twin.projections["hidden_to_output"].bias.fill_(torch.nan)
    with pytest.raises(InputError, match="lower the learning rate"):
        train(twin, load_dataset("iris").train, epochs=1)


def test_weights_that_are_no_numbers_are_told_where_the_loss_is_one():
    """Potentials that are no numbers cross no threshold: the loss is that of silence."""
    iris = load_dataset("iris").train
    firing = SpikingNetwork.sequential(
        (4,), [Dense(10, neuron_model("if")), Dense(3, neuron_model("if"))], encoding=Current(8)
    )
    with pytest.raises(InputError, match=r"diverged: 'projections.*or weight_decay \(3\)"):
        train(to_torch(firing), iris, learning_rate=1.0, weight_decay=3.0, epochs=60, batch_size=8)
    for option in ("learning_rate", "weight_decay"):
        with pytest.raises(InputError, match=f"{option} = inf"):
            TrainingOptions(**{option: np.inf})


def test_nothing_to_train_and_a_seed_below_0_are_refused():
    net = iris_twin().network
    frozen = replace(net, projections=tuple(replace(p, frozen=True) for p in net.projections))
    with pytest.raises(InputError, match="all projections are frozen"):
        train(to_torch(frozen), load_dataset("iris").train)
    with pytest.raises(InputError, match="seed = -1"):
        train(iris_twin(), load_dataset("iris").train, seed=-1, validation_fraction=0.0)


@pytest.mark.parametrize(
    ("rule", "option", "value", "wanted"),
    [
        ("first_spike", "margin", "3", "a number"),
        ("first_spike", "normalise", "no", "true or false"),
        ("spide", "steps", 2.5, "a whole number"),
        ("spide", "steps", True, "a whole number"),
        ("spike_count", "threshold", 3, "a string"),
    ],
)
def test_options_of_another_type_are_refused(rule, option, value, wanted):
    with pytest.raises(InputError, match=f"{option} = {value!r}; give {wanted}"):
        learning_rule(rule, **{option: value})
    with pytest.raises(InputError, match="no learning rule '3'"):
        learning_rule(3)
    with pytest.raises(InputError, match=r"epochs = 1\.5; give a whole number"):
        TrainingOptions(epochs=1.5)
