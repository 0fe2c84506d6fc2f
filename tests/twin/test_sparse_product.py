"""The product with listed synapses, and its gradients, are those of the matrix they make up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brianbridge.twin.sparse import SparseProduct

SOURCES, TARGETS, SYNAPSES = 7, 5, 40  # more synapses than pairs: some pairs are there twice


@pytest.fixture
def product() -> SparseProduct:
    rng = np.random.default_rng(0)
    source, target = rng.integers(0, SOURCES, SYNAPSES), rng.integers(0, TARGETS, SYNAPSES)
    return SparseProduct(source, target, SOURCES, TARGETS)


def matrix(product: SparseProduct, weight: torch.Tensor) -> torch.Tensor:
    """Return the matrix of the weights, made of the places of each synapse."""
    dense = weight.new_zeros(TARGETS, SOURCES)
    source = torch.empty(SYNAPSES, dtype=torch.long)
    target = torch.empty(SYNAPSES, dtype=torch.long)
    target[product.by_source_order] = product.by_source_ends
    source[product.by_target_order] = product.by_target_ends
    return dense.index_put((target, source), weight, accumulate=True)


def spikes(kind: str) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    if kind == "silent":
        return torch.zeros(3, SOURCES, dtype=torch.float64)
    if kind == "few":
        return torch.eye(SOURCES, dtype=torch.float64)[[2, 4]] * 1.5
    return torch.randn(3, SOURCES, dtype=torch.float64, generator=rng)


@pytest.mark.parametrize("kind", ["silent", "few", "all"])
def test_product_and_gradients(product, kind):
    x = spikes(kind).requires_grad_()
    weight = torch.linspace(-1, 2, SYNAPSES, dtype=torch.float64, requires_grad=True)
    ours, theirs = product(weight, x), x @ matrix(product, weight).T
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-13)
    pull = torch.arange(1.0, 1 + TARGETS, dtype=torch.float64)
    for found, wanted in zip(
        torch.autograd.grad((ours * pull).sum(), (weight, x)),
        torch.autograd.grad((theirs * pull).sum(), (weight, x)),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-13, atol=1e-13)


def test_both_ways_to_deliver_add_up_in_the_same_order(product):
    x = torch.eye(SOURCES)[[0]] + torch.eye(SOURCES)[[3]]
    weight = torch.rand(SYNAPSES, generator=torch.Generator().manual_seed(0))
    few, many = product(weight, x), product(weight, x.repeat(SYNAPSES, 1))
    assert torch.equal(few.repeat(SYNAPSES, 1), many)


@pytest.mark.parametrize("batch", [0, 2])
def test_nothing_connected(batch):
    none = np.zeros(0, np.int64)
    weight = torch.zeros(0, requires_grad=True)
    y = SparseProduct(none, none, 2, 3)(weight, torch.ones(batch, 2))
    assert torch.equal(y, torch.zeros(batch, 3))
    y.sum().backward()
