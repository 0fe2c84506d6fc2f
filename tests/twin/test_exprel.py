"""``exprel``: the values of Brian2, and derivatives without cancellation near 0."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest
import torch

from brianbridge.twin.torch_functions import TORCH_FUNCTIONS

EXPREL = TORCH_FUNCTIONS["exprel"]
POINTS = [0.0, 1e-17, -1e-12, 1e-9, -1e-6, 1e-4, 0.0199, -0.0201, 0.3, -5.0, 30.0]


def derivative(x: float, order: int) -> float:
    """Return a derivative of the series, summed in extended precision."""
    found, power = np.longdouble(0), np.longdouble(1)
    for k in range(order, 160):
        falling = factorial(k) // factorial(k - order)
        found += np.longdouble(falling) / np.longdouble(float(factorial(k + 1))) * power
        power *= np.longdouble(x)
    return float(found)


@pytest.mark.parametrize("x", POINTS)
def test_value_and_derivative(x):
    at = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    value = EXPREL(at)
    assert value.item() == EXPREL(x)
    (slope,) = torch.autograd.grad(value, at)
    assert slope.item() == pytest.approx(derivative(x, 1), rel=1e-12)


def test_second_derivatives_and_both_modes():
    x = torch.tensor([0.0, 0.01, -0.4, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(EXPREL, (x,), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(EXPREL, (x,))
    each = torch.func.vmap(torch.func.grad(EXPREL))(x.detach())
    torch.testing.assert_close(each, torch.autograd.grad(EXPREL(x).sum(), x)[0])
