"""What a user of torch may try first is refused by name, with a remedy that works."""

from __future__ import annotations

import dataclasses
import re
import warnings

import numpy as np
import pytest
import torch
from brian2 import ms, second
from torch.utils.data import DataLoader, TensorDataset

import brianbridge as bb
from brianbridge.connections import Population
from brianbridge.encodings import EncodedInput, Finer, Waiting
from brianbridge.layers import Connected, SumPool2d
from brianbridge.neurons.quantities import parse_quantity

LIF = bb.neuron_model("lif")
X = np.random.default_rng(0).random((20, 64))
Y = np.arange(20) % 12


def network(*layers, shape=(64,), encoding=None):
    layers = layers or (bb.Dense(12, LIF),)
    encoding = encoding or bb.Bernoulli(5)
    return bb.SpikingNetwork.sequential(shape, list(layers), encoding=encoding)


# ---------------------------------------------------------------------- layers


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (torch.nn.Linear(64, 9), "is a torch Linear; give a layer of brianbridge, such as bb.D"),
        (torch.nn.ReLU(), "is a torch ReLU; give a layer of brianbridge, such as bb.Dense(12"),
        (bb.Dense, "is the class Dense; give"),
        (LIF, "is a NeuronModel; give"),
    ],
)  # fmt: skip
def test_what_is_no_layer_is_named(refused, layer, said):
    with refused(f"layer 2 {said}"):
        network(bb.Dense(12, LIF), layer)


def test_a_layer_alone_is_no_list(refused):
    with refused("layers = Dense(", "give a list of layers"):
        bb.SpikingNetwork.sequential((64,), bb.Dense(12, LIF), encoding=bb.Bernoulli(5))


def test_the_name_of_an_encoding_is_no_encoding(refused):
    with refused("encoding = 'bernoulli' is none; give one of bb.encodings"):
        bb.SpikingNetwork.sequential((64,), [bb.Dense(12, LIF)], encoding="bernoulli")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: bb.Dense(64, 12), "Dense: neuron = 12 is not a NeuronModel; give Dense(units"),
        (lambda: bb.Conv2d(1, 4, 3), "Conv2d: neuron = 3 is not a NeuronModel; give Conv2d(chan"),
        (lambda: Connected(5, {"kind": "one_to_one"}, 3), "Connected: neuron = 3 is not"),
        (lambda: bb.AvgPool2d(2, 2), "AvgPool2d: neuron = 2 is not a NeuronModel; give AvgPool2"),
        (lambda: SumPool2d(2, 2), "give SumPool2d(size, stride=...) for one without neurons"),
        (lambda: bb.Dense(12, "lif"), "neuron = 'lif' is not a NeuronModel; give bb.neuron_mod"),
        (lambda: Population("a", (2,), 12), "population 'a': neuron = 12 is not a NeuronModel"),
    ],
)  # fmt: skip
def test_the_order_of_arguments_of_torch_is_refused(refused, make, said):
    with refused(said):
        make()


# ---------------------------------------------------------------------- steps


@pytest.mark.parametrize("dt", [1, "1", 1.0])
def test_a_plain_step_of_a_second_warns(dt):
    message = "encoding 'frames', dt = 1 is 1 second; give '1 ms' or 1*ms, or if seconds are meant"
    with pytest.warns(UserWarning, match=re.escape(message)) as caught:
        encoding = bb.Frames(5, dt=dt)
    assert encoding.dt == 1.0
    assert caught[0].filename == __file__
    # The remedies work.
    assert parse_quantity("1 ms", "dt") == 1 * ms
    assert parse_quantity("1 second", "dt") == 1 * second


@pytest.mark.filterwarnings("error:.*seconds are meant:UserWarning")
def test_a_step_with_a_unit_or_one_that_was_stored_does_not_warn(tmp_path):
    for dt in (1 * second, "1 second", "500 ms", 1e-3):
        bb.Bernoulli(5, dt=dt)
    long = bb.Poisson(5, dt="1 second", rate=1.0)
    assert dataclasses.replace(long, steps=6).dt == 1.0
    assert Waiting(encoding=long, after=2).dt == 1.0
    assert Finer(encoding=long, divisor=2).dt == 0.5
    assert long.encode(X, np.arange(20)).samples == 20
    path = tmp_path / "long.h5"
    bb.save_network(network(encoding=long), path)
    assert bb.load_network(path).encoding == long


def test_a_plain_step_of_a_second_warns_in_functions_too():
    net = network(encoding=bb.Bernoulli(2, dt="1 second"))
    with pytest.warns(UserWarning, match="dt = 0.5 is 0.5 seconds; give '0.5 ms'") as caught:
        bb.simulate(net, X[:1], dt=0.5)
    assert caught[0].filename == __file__
    module = torch.nn.Sequential(torch.nn.Linear(4, 3))
    with pytest.warns(UserWarning, match="from_torch: dt = 1 is 1 second"):
        bb.from_torch(module, torch.zeros(1, 4), dt=1, axes="b", steps=5)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*seconds are meant", UserWarning)
        bb.simulate(net, X[:1], dt=500 * ms)


# ---------------------------------------------------------------------- axes and labels


def test_encoded_input_with_the_batch_first_is_told_to_be_turned(refused):
    twin = bb.to_torch(network())
    raster = torch.zeros(20, 5, 64)
    with refused(
        "has shape (20, 5, 64)", "gives (5, 20, 64); its first axis is time: give x.swapaxes"
    ):
        twin(EncodedInput(raster=raster))
    assert twin(EncodedInput(raster=raster.swapaxes(0, 1))).shape == (20, 12)
    with refused("gives (5, 20, 64); give that shape"):
        twin(EncodedInput(raster=torch.zeros(5, 20, 65)))


def test_axes_in_another_order_are_told_to_be_moved_and_not_reshaped(refused):
    frames = network(encoding=bb.Frames(5), shape=(5, 64))
    with refused("takes (samples, 5, 64): move the axis of samples: np.moveaxis(x, 1, 0)"):
        bb.simulate(frames, np.zeros((5, 20, 64)))
    with refused("move the axis of time: np.moveaxis(x, -1, 1)"):
        bb.simulate(frames, np.zeros((20, 64, 5)))
    with refused("dataset 'your data' has samples of shape (64, 5)", "np.moveaxis(x, -1, 1)"):
        bb.verify(frames, (np.zeros((20, 64, 5)), Y))
    images = network(bb.Conv2d(2, 3, LIF), bb.Dense(12, LIF), shape=(3, 8, 8))
    with refused("np.moveaxis(x, -1, 1), or x.movedim(-1, 1) of a tensor"):
        bb.simulate(images, np.zeros((20, 8, 8, 3)))


def test_labels_that_begin_at_1_and_labels_as_floats_have_a_remedy(refused):
    twin = bb.to_torch(network())
    with refused("dataset 'your data' has 13 classes", "labels begin at 0: give y - 1"):
        bb.train(twin, (X, Y + 1), epochs=1)
    with refused("has 20 classes", "give population 'output' at least 20"):
        bb.train(twin, (X, np.arange(20)), epochs=1)
    with refused("y.astype(int), y.long() of a tensor, or y.astype(str)"):
        bb.verify(network(), (torch.tensor(X), torch.tensor(Y).float()))


# ---------------------------------------------------------------------- devices, modules, loaders


@pytest.mark.parametrize("device", ["gpu", "cuda:99", 3.5])
def test_a_device_that_is_not_there_is_refused(refused, device):
    with refused(f"to_torch: torch cannot use the device '{device}' here; give 'cpu'"):
        bb.to_torch(network(), device=device)


def test_a_torch_model_is_told_to_give_its_twin(refused):
    twin = bb.to_torch(network())
    named, listed = torch.nn.Module(), torch.nn.Sequential(torch.nn.Linear(3, 64), twin)
    named.twin = twin
    for model, place in ((named, "model.twin"), (listed, 'model.get_submodule("1")')):
        with refused(f"in place of a network; give bb.write_back({place})"):
            bb.verify(model, (X, Y))
        with refused(f"in place of a twin; give its twin, {place}"):
            bb.write_back(model)
    with refused("a Linear was given in place of a network; give bb.from_torch(model, example"):
        bb.verify(torch.nn.Linear(3, 4), (X, Y))
    with refused("a Linear was given in place of a twin; give what to_torch returned"):
        bb.write_back(torch.nn.Linear(3, 4))


def test_samples_with_labels_are_told_to_give_the_samples_alone(refused):
    net, x = network(), torch.tensor(X)
    dataset = TensorDataset(x, torch.tensor(Y))
    with refused("are a DataLoader", "torch.stack([x for x, y in loader.dataset])"):
        bb.simulate(net, DataLoader(dataset))
    with refused("are a TensorDataset", "torch.stack([x for x, y in dataset])"):
        bb.simulate(net, dataset)
    with refused("are a Dataset", "give the samples alone, data.x"):
        bb.simulate(net, bb.from_arrays("mine", X, Y))
    assert bb.simulate(net, torch.stack([x for x, y in dataset])).samples == 20


def test_modules_that_from_torch_cannot_read_have_a_remedy(refused):
    module = torch.nn.Sequential(torch.nn.Linear(64, 3), torch.nn.ReLU())
    with refused(
        "'1' (ReLU) cannot be read", "put other layers before the twin (docs/tutorials/own_"
    ):
        bb.from_torch(module, torch.zeros(1, 64), dt=1 * ms, axes="b", steps=5)
    with refused("has the shape (20, 64)", "axes='b' if it has no axis of time"):
        bb.from_torch(module, torch.zeros(20, 64), dt=1 * ms)


# ---------------------------------------------------------------------- units, files, names


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: bb.neuron_model("lif", tau=10), "'lif': parameter tau = 10 has no unit, but the"),
        (lambda: bb.neuron_model("lif", tau=10), "the equations need one; give tau = '10 ms'"),
        (lambda: bb.neuron_model("cuba_lif", tau=10, tau_s=5), "tau = '10 ms' and tau_s = '5 ms'"),
        (lambda: bb.neuron_model("lif", tau=[10, 20]), "tau = 2 values has no unit, but the eq"),
    ],
)  # fmt: skip
def test_a_parameter_without_its_unit_is_named(refused, make, said):
    with refused(said):
        make()


def test_units_that_no_parameter_could_mend_are_told_as_brian2_does(refused):
    with refused("Inconsistent units", "'v'"):
        bb.NeuronModel("dv/dt = -v*3 : 1", emit="int(v > 1)", reset="v = 0")


def test_a_file_with_other_names_is_told_as_python_and_as_a_command(refused, tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, images=X, labels=Y % 2)
    with refused('arrays={"x": "images", "y": "labels"}, or --arrays x=images,y=labels'):
        bb.load_dataset(path)
    assert len(bb.load_dataset(path, arrays={"x": "images", "y": "labels"}).train) == 16


def test_data_without_a_name_are_your_data():
    found = bb.verify(network(), (X, Y), [bb.Rung(name="parity")])
    assert repr(found).splitlines()[0] == "Verdict: network on 20 samples of your data: held"
