"""Folding a batch normalisation changes nothing but the number of layers."""

import numpy as np
import pytest
import torch

from brianbridge.network import fold_batch_norm


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("kind", ["linear", "convolution"])
def test_folded_layer_equals_layer_and_normalisation(kind, with_bias):
    torch.manual_seed(0)
    if kind == "linear":
        layer, norm = torch.nn.Linear(7, 5, bias=with_bias), torch.nn.BatchNorm1d(5, eps=1e-2)
        x = torch.randn(11, 7, dtype=torch.float64)
    else:
        layer, norm = torch.nn.Conv2d(3, 5, 3, bias=with_bias), torch.nn.BatchNorm2d(5, eps=1e-2)
        x = torch.randn(11, 3, 6, 6, dtype=torch.float64)
    layer, norm = layer.double(), norm.double()
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
        norm(layer(x))  # moves the running statistics
        norm.eval()
        expected = norm(layer(x))
        weight, bias = fold_batch_norm(
            layer.weight.numpy(),
            layer.bias.numpy() if with_bias else None,
            mean=norm.running_mean.numpy(),
            variance=norm.running_var.numpy(),
            gamma=norm.weight.numpy(),
            beta=norm.bias.numpy(),
            eps=norm.eps,
        )
        layer.weight.copy_(torch.as_tensor(weight))
        layer.bias = torch.nn.Parameter(torch.as_tensor(bias))
        np.testing.assert_allclose(layer(x), expected, rtol=0, atol=1e-12)
