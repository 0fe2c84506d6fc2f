"""Convolutions that add the weights of spikes are those of full images, and so are gradients."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from brianbridge.twin.products import convolution
from brianbridge.twin.products.convolution import spike_convolution

ONE = (1, 1), 1  # dilation and groups


@pytest.fixture
def events_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "_WORTHWHILE", 0)
    monkeypatch.setattr(convolution, "_TARGETS", 1)
    monkeypatch.setattr(convolution, "_limit", lambda *_: 2.0)


def example(activity: float, graded: bool, shape: tuple, dtype: torch.dtype) -> list:
    random = torch.Generator().manual_seed(1)
    images, channels, height, width, targets, *kernel = shape
    spikes = (torch.rand(images, channels, height, width, generator=random) < activity).to(dtype)
    if graded:
        spikes *= torch.randint(-2, 4, spikes.shape, generator=random)
    weight = torch.randn(targets, channels, *kernel, generator=random, dtype=dtype)
    return [spikes.requires_grad_(), weight.requires_grad_()]


def with_gradients(function: object, inputs: list, *options: object) -> list:
    found = function(*inputs, *options)
    random = torch.Generator().manual_seed(2)
    gradient = torch.randn(found.shape, generator=random, dtype=found.dtype)
    return [found, *torch.autograd.grad(found, inputs, gradient)]


@pytest.mark.usefixtures("events_only")
@pytest.mark.parametrize("activity", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("graded", [False, True], ids=["binary", "graded"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    ("shape", "stride", "padding"),
    [
        ((40, 3, 9, 8, 20, 5, 5), (1, 1), (2, 2)),
        ((3, 1, 6, 7, 1, 3, 2), (2, 3), (0, 1)),
        ((2, 20, 5, 5, 70, 3, 3), (1, 1), (1, 1)),
        ((1, 2, 3, 3, 130, 1, 1), (2, 2), (3, 5)),  # windows wholly outside the image
        ((2, 2, 40, 60, 64, 3, 5), (1, 1), (1, 2)),  # several bands of rows
        ((0, 2, 4, 4, 3, 3, 3), (1, 1), (1, 1)),
    ],
    ids=str,
)
def test_convolutions(
    activity: float, graded: bool, dtype: torch.dtype, shape: tuple, stride: tuple, padding: tuple
) -> None:
    inputs = example(activity, graded, shape, dtype)
    wanted = with_gradients(F.conv2d, inputs, None, stride, padding)
    found = with_gradients(spike_convolution, inputs, stride, padding, *ONE)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        largest = max([1.0, *other.detach().abs().flatten().tolist()])
        assert not one.numel() or (one - other).abs().max() <= tolerance * largest


@pytest.mark.usefixtures("events_only")
@pytest.mark.parametrize("options", [((2, 2), 1), ((1, 1), 2)], ids=["dilation", "groups"])
def test_other_convolutions_are_left_to_torch(options: tuple) -> None:
    random = torch.Generator().manual_seed(1)
    spikes = torch.ones(2, 4, 6, 6)
    weight = torch.randn(6, 4 // options[1], 3, 3, generator=random)
    found = spike_convolution(spikes, weight, (1, 1), (1, 1), *options)
    assert torch.equal(found, F.conv2d(spikes, weight, None, 1, 1, *options))


@pytest.mark.parametrize("limit", [0.0, 2.0], ids=["dense", "events"])
def test_gradients_and_their_gradients(limit: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "_WORTHWHILE", 0)
    monkeypatch.setattr(convolution, "_TARGETS", 1)
    monkeypatch.setattr(convolution, "_limit", lambda *_: limit)
    inputs = example(0.4, True, (2, 2, 4, 3, 3, 3, 2), torch.float64)

    def run(spikes: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return spike_convolution(spikes, weight, (1, 2), (1, 1), *ONE)

    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


@pytest.mark.usefixtures("events_only")
def test_the_operator_is_well_behaved() -> None:
    inputs = example(0.4, True, (2, 2, 4, 3, 3, 3, 2), torch.float64)
    operator = torch.ops.brianbridge.spike_convolution.default
    torch.library.opcheck(operator, (*inputs, [1, 2], [1, 1]))


@pytest.mark.usefixtures("events_only")
def test_no_result_depends_on_the_order_of_memory() -> None:
    spikes, weight = example(0.2, False, (40, 20, 9, 8, 20, 5, 5), torch.float32)
    by_pixel = spikes.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    one = with_gradients(spike_convolution, [spikes, weight], (1, 1), (2, 2), *ONE)
    other = with_gradients(spike_convolution, [by_pixel, weight], (1, 1), (2, 2), *ONE)
    assert all(map(torch.equal, one, other))
