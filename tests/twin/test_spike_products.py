"""Products that add the rows of spikes are those of full matrices, and so are their gradients."""

from __future__ import annotations

import threading
import weakref

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from brianbridge.kernels import memory
from brianbridge.kernels.memory import reused, scratch
from brianbridge.kernels.threads import in_threads
from brianbridge.twin.products import dense
from brianbridge.twin.products.dense import product_of_gradient, spike_product
from brianbridge.twin.products.single_step import add_rows
from brianbridge.twin.products.spike_lists import by_column, by_row


@pytest.fixture
def events_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "_WORTHWHILE", 0)
    monkeypatch.setattr(dense, "_TARGETS", 1)
    monkeypatch.setattr(dense, "_limit", lambda *_: 2.0)


def example(activity: float, graded: bool, shape: tuple[int, int, int], dtype: torch.dtype) -> list:
    random = torch.Generator().manual_seed(1)
    rows, sources, targets = shape
    spikes = (torch.rand(rows, sources, generator=random) < activity).to(dtype)
    if graded:
        spikes *= torch.randint(-2, 4, (rows, sources), generator=random)
    weight = torch.randn(targets, sources, generator=random, dtype=dtype)
    gradient = torch.randn(rows, targets, generator=random, dtype=dtype)
    return [spikes, weight, gradient]


@pytest.mark.usefixtures("events_only")
@pytest.mark.parametrize("shape", [(40, 30, 70), (7, 1, 1), (130, 1100, 65), (1, 17, 128)], ids=str)
@pytest.mark.parametrize("graded", [False, True], ids=["binary", "graded"])
@pytest.mark.parametrize("activity", [0.0, 0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_products(activity: float, graded: bool, shape: tuple, dtype: torch.dtype) -> None:
    spikes, weight, gradient = example(activity, graded, shape, dtype)
    wanted_inputs = [spikes.clone().requires_grad_(), weight.clone().requires_grad_()]
    wanted = F.linear(*wanted_inputs)
    wanted.backward(gradient)
    inputs = [spikes.clone().requires_grad_(), weight.clone().requires_grad_()]
    found = spike_product(*inputs)
    found.backward(gradient)
    pairs = [(found, wanted)]
    pairs += [(a.grad, b.grad) for a, b in zip(inputs, wanted_inputs, strict=True)]
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    for one, other in pairs:
        assert one.shape == other.shape
        assert (one - other).abs().max() <= tolerance * max(1.0, float(other.abs().max()))
    alone = product_of_gradient(gradient, spikes)
    assert (alone - weight_gradient_of(gradient, spikes)).abs().max() <= 1e-3


def weight_gradient_of(gradient: Tensor, spikes: Tensor) -> Tensor:
    return gradient.t() @ spikes


@pytest.mark.usefixtures("events_only")
def test_gradients_and_their_gradients() -> None:
    spikes, weight, _ = example(0.3, True, (6, 5, 4), torch.float64)
    inputs = spikes.requires_grad_(), weight.requires_grad_()
    assert torch.autograd.gradcheck(spike_product, inputs)
    assert torch.autograd.gradgradcheck(spike_product, inputs)


@pytest.mark.usefixtures("events_only")
def test_the_operator_is_well_behaved() -> None:
    spikes, weight, _ = example(0.3, False, (6, 5, 4), torch.float64)
    inputs = spikes.requires_grad_(), weight.requires_grad_()
    torch.library.opcheck(torch.ops.brianbridge.spike_product.default, inputs)


def test_dense_spikes_take_a_dense_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "_WORTHWHILE", 0)
    monkeypatch.setattr(dense, "_limit", lambda *_: 0.5)
    called = []
    monkeypatch.setattr(dense, "product", lambda *a: called.append(a) or np.zeros((40, 70)))
    for activity, times in ((0.9, 0), (0.1, 1)):
        spikes, weight, gradient = example(activity, False, (40, 30, 70), torch.float64)
        weight.requires_grad_()
        found = spike_product(spikes, weight)
        assert len(called) == times
        if not times:
            assert torch.allclose(found, F.linear(spikes, weight))
            found.backward(gradient)
            assert torch.allclose(weight.grad, gradient.t() @ spikes)


def test_spikes_are_listed_only_if_the_lists_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """With few targets the product itself is dense, and only the gradient of weights reads them."""
    monkeypatch.setattr(dense, "_WORTHWHILE", 0)
    listed = []
    monkeypatch.setattr(dense, "_lists", lambda x, targets: listed.append(targets))
    spikes, few, _ = example(0.1, False, (40, 30, 10), torch.float32)
    spike_product(spikes, few)
    with torch.no_grad():
        spike_product(spikes, few.clone().requires_grad_())
    assert not listed
    spike_product(spikes, few.clone().requires_grad_())
    spike_product(spikes, few.repeat(4, 1))
    assert listed == [10, 40]


@pytest.mark.parametrize("graded", [False, True])
def test_lists(graded: bool) -> None:
    x = example(0.2, graded, (70, 1300, 1), torch.float32)[0].numpy()
    lists = by_row(x)
    assert lists is not None
    for one, matrix in ((lists, x), (by_column(lists), x.T)):
        again = np.zeros_like(matrix)
        blocks = one.blocks
        for row in range(len(matrix)):
            for block in range(blocks):
                part = slice(*one.start[row * blocks + block : row * blocks + block + 2])
                places = one.place[part].astype(int) + 512 * block
                assert (np.diff(places) > 0).all()
                again[row, places] = one.value[part] if len(one.value) else 1
        np.testing.assert_array_equal(again, matrix)
    spikes = int((x != 0).sum())
    assert by_row(x, lambda graded: (spikes + 0.5) / x.size) is not None
    assert by_row(x, lambda graded: (spikes - 0.5) / x.size) is None


@pytest.mark.parametrize("targets", [3, 64, 150])
def test_spikes_of_one_step(targets: int) -> None:
    spikes, weight, total = (x.numpy() for x in example(0.3, True, (9, 37, targets), torch.float64))
    wanted = total + spikes @ weight.T
    rows = np.ascontiguousarray(weight.T).reshape(-1)
    for low, high in ((0, 4), (4, 9)):
        add_rows(spikes.reshape(-1), 37, rows, targets, low, high, total.reshape(-1))
    np.testing.assert_allclose(total, wanted, atol=1e-12)


# ---------------------------------------------------------------------- threads and memory


def test_threads_share_parts_and_report_errors() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        done = np.zeros(1000, int)
        names = set()

        def work(low: int, high: int) -> None:
            names.add(threading.get_ident())
            done[low:high] += 1

        in_threads(work, 1000, 1)
        assert (done == 1).all()
        with pytest.raises(ZeroDivisionError):
            in_threads(lambda low, high: 1 // (low - low), 1000, 1)
    finally:
        torch.set_num_threads(before)


def test_memory_is_used_again_when_nothing_shares_it() -> None:
    shape = (1000, 777)
    one = reused(shape, np.float32)
    place = one.ctypes.data
    tensor = torch.from_numpy(one).t()[3:]
    del one
    other = reused(shape, np.float32)
    assert other.ctypes.data != place  # a tensor still has the memory
    del tensor
    assert reused(shape, np.float32).ctypes.data == place


def test_memory_that_was_left_serves_what_is_a_little_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "_free", {})  # what other tests left would serve, too
    monkeypatch.setattr(memory, "_kept", 0)
    large = reused((1000, 1013), np.float32)
    place = large.ctypes.data
    del large
    assert reused((100, 1013), np.float32).ctypes.data != place  # most of it would lie idle
    small = reused((900, 1013), np.float32)
    assert (small.ctypes.data, small.shape) == (place, (900, 1013))
    del small
    assert reused((1000, 1013), np.float32).ctypes.data == place


@pytest.mark.usefixtures("events_only")
@pytest.mark.parametrize("targets", [4, 40])
def test_a_product_keeps_lists_and_not_their_matrix(targets: int, monkeypatch) -> None:
    monkeypatch.setattr(dense, "_TARGETS", 32)
    spikes, weight, gradient = example(0.2, False, (50, 30, targets), torch.float64)
    matrix = spikes.numpy().copy()
    held = weakref.ref(matrix)
    found = spike_product(torch.from_numpy(matrix), weight.requires_grad_())
    del matrix
    assert held() is None
    found.backward(gradient)
    assert torch.allclose(weight.grad, gradient.t() @ spikes)


def test_a_product_of_many_spikes_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "_WORTHWHILE", 0)
    monkeypatch.setattr(dense, "_limit", lambda *_: 0.1)
    spikes, weight, gradient = example(0.9, False, (50, 30, 40), torch.float64)
    spike_product(spikes, weight.requires_grad_()).backward(gradient)
    assert torch.allclose(weight.grad, gradient.t() @ spikes)


def test_scratch_begins_at_a_line_of_the_cache() -> None:
    assert scratch(1001, np.float32).ctypes.data % 64 == 0
    assert scratch(5, np.float64).shape == (5,)
