"""Gradients of listed synapses: of few, by events, and of many, by a full matrix."""

import numpy as np
import pytest
import torch

from brianbridge.twin.sparse import SparseProduct


@pytest.mark.parametrize("synapses", [60, 4000])  # below and above a share of 1/32 of all pairs
@pytest.mark.parametrize("rate", [0.02, 0.9])  # few spikes, and many
def test_gradients_are_those_of_a_matrix(synapses, rate):
    rng = np.random.default_rng(1)
    source, target = rng.integers(0, 80, synapses), rng.integers(0, 50, synapses)
    product = SparseProduct(source, target, 80, 50)
    assert (product._place is None) == (synapses == 60)
    weight = torch.randn(synapses, dtype=torch.float64, requires_grad=True)
    x = (torch.rand(7, 80, dtype=torch.float64) < rate).double().requires_grad_()
    towards = torch.randn(7, 50, dtype=torch.float64)
    given = torch.autograd.grad((product(weight, x) * towards).sum(), (weight, x))
    place = torch.as_tensor(source * 50 + target)
    matrix = torch.zeros(4000, dtype=torch.float64).index_add(0, place, weight).reshape(80, 50)
    expected = torch.autograd.grad(((x @ matrix) * towards).sum(), (weight, x))
    torch.testing.assert_close(given, expected)
