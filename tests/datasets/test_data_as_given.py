"""Labelled samples as arrays, torch datasets and loaders; bytes are asked about."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, WeightedRandomSampler

import brianbridge as bb
from brianbridge.datasets.given import as_dataset

RNG = np.random.default_rng(0)
X, Y = RNG.random((30, 4), np.float32), np.arange(30) % 2
TENSORS = TensorDataset(torch.tensor(X), torch.tensor(Y))


class Items(Dataset):
    """Samples and plain numbers, as torchvision has them."""

    def __len__(self):
        return len(X)

    def __getitem__(self, k):
        return torch.tensor(X[k]), int(Y[k])


def doubled(items):
    return torch.stack([2 * x for x, _ in items]), torch.tensor([y for _, y in items])


def network() -> bb.SpikingNetwork:
    layers = [bb.Dense(5, bb.neuron_model("lif")), bb.Dense(2, bb.neuron_model("lif"))]
    return bb.SpikingNetwork.sequential((4,), layers, encoding=bb.Current(5), weight_gain=4.0)


GIVEN = {
    "arrays": (X, Y),
    "lists": (X.tolist(), Y.tolist()),
    "tensors": (torch.tensor(X), torch.tensor(Y)),
    "TensorDataset": TENSORS,
    "own dataset": Items(),
    "loader": DataLoader(TENSORS, batch_size=7),
    "loader that shuffles": DataLoader(Items(), batch_size=8, shuffle=True, drop_last=True),
}


@pytest.mark.parametrize("form", GIVEN)
def test_every_form_is_the_same_data(form):
    wanted = bb.from_arrays("your data", X, Y)
    found = as_dataset(GIVEN[form])
    assert np.array_equal(found.x, wanted.x)
    assert np.array_equal(found.y, wanted.y)
    assert (found.classes, found.sha256) == (wanted.classes, wanted.sha256)


@pytest.mark.parametrize("form", ["arrays", "TensorDataset", "loader that shuffles"])
def test_training_verifying_and_calibrating_take_every_form(form):
    weights = []
    for data in (bb.from_arrays("mine", X, Y), GIVEN[form]):
        twin = bb.to_torch(network())
        bb.train(twin, data, epochs=1)
        weights.append(twin.projection("input_to_hidden").weight)
        assert bb.verify(twin.to_network(), data, train=data).rungs[0].spike_mismatches == 0
    assert torch.equal(*weights)
    assert bb.calibrate(network(), GIVEN[form], []).after
    assert bb.fine_tune(network(), GIVEN[form], [], epochs=1, validation_fraction=0.0)


def test_a_loader_puts_samples_together_by_its_own_function():
    found = as_dataset(DataLoader(Items(), batch_size=8, collate_fn=doubled))
    assert np.array_equal(found.x, 2 * X)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (X, r"the data are of type ndarray, .* give bb.from_arrays\('mine', x, y\), or \(x, y\)"),
        (DataLoader(TENSORS, sampler=WeightedRandomSampler([1.0] * 30, 30)), "Subset"),
        (DataLoader(TENSORS, batch_sampler=[[0, 1], [2]]), "give the dataset itself"),
        (TensorDataset(torch.tensor(X)), "not give pairs of a sample and its label"),
        (Subset(TENSORS, []), "the torch dataset has no samples; give at least one"),
    ],
)
def test_what_is_no_data_is_refused(data, message):
    with pytest.raises(bb.InputError, match=message):
        bb.train(bb.to_torch(network()), data)


BYTES = (255 * X).astype(np.uint8)
REMEDY = r"are bytes up to \d+; give x/255 to scale them to \[0, 1\], or x\*1.0"


@pytest.mark.parametrize("x", [BYTES, torch.tensor(BYTES)], ids=["array", "tensor"])
@pytest.mark.parametrize(
    "use",
    [
        lambda x: bb.from_arrays("mine", x, Y),
        lambda x: bb.train(bb.to_torch(network()), (x, Y)),
        lambda x: bb.train(
            bb.to_torch(network()), TensorDataset(torch.as_tensor(x), TENSORS[:][1])
        ),
        lambda x: bb.verify(network(), (x, Y)),
        lambda x: bb.simulate(network(), x),
        lambda x: bb.to_torch(network())(x),
        lambda x: bb.to_torch(network()).record(x),
    ],
    ids=["from_arrays", "train", "dataset", "verify", "simulate", "twin", "record"],
)
def test_bytes_are_asked_about_wherever_data_enter(use, x):
    with pytest.raises(bb.InputError, match=REMEDY):
        use(x)


@pytest.mark.parametrize("x", [BYTES, torch.tensor(BYTES)], ids=["array", "tensor"])
def test_both_answers_are_taken(x):
    twin = bb.to_torch(network())
    assert twin(x / 255).shape == twin(x * 1.0).shape == (30, 2)
    assert as_dataset((x * 1.0, Y)).x.max() == BYTES.max()


def test_small_bytes_are_scaled_by_the_largest():
    with pytest.raises(bb.InputError, match=r"bytes up to 16; give x/16 to scale"):
        bb.from_arrays("mine", np.arange(17, dtype=np.uint8)[:, None], np.zeros(17, int))


def test_bytes_of_0_and_1_are_spikes():
    twin = bb.to_torch(network())
    assert torch.equal(twin(BYTES // 255), twin((BYTES // 255).astype(float)))
