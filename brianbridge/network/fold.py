"""Fold a batch normalisation into the weights before it, exactly, for write-back.

A normalisation that follows a linear layer is itself linear once its statistics are fixed:

    gamma*(W x + b - mean)/sqrt(variance + eps) + beta  =  (s W) x + s (b - mean) + beta,
    s = gamma/sqrt(variance + eps)

so that a spiking network needs no such layer. (The public code of *tandem_learning* leaves `eps`
out of the fold, which changes the weights slightly; here it is included.)
"""

from __future__ import annotations

import numpy as np

__all__ = ["fold_batch_norm"]


def fold_batch_norm(
    weight: np.ndarray,
    bias: np.ndarray | None,
    *,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    eps: float = 1e-5,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight and bias of the layer with its normalisation.

    Parameters
    ----------
    weight : numpy.ndarray, shape (out, ...)
        Weight of the linear or convolution layer before the normalisation.
    bias : numpy.ndarray, shape (out,), optional
        Its bias.
    mean, variance : numpy.ndarray, shape (out,)
        The running statistics of the normalisation.
    gamma, beta : numpy.ndarray, shape (out,)
        Its learned scale and shift.
    eps : float
        Constant that the normalisation adds to the variance.

    Examples
    --------
    >>> one = np.ones(1)
    >>> statistics = {"mean": one, "variance": 3*one, "gamma": one, "beta": one}
    >>> fold_batch_norm(2*np.ones((1, 3)), None, **statistics, eps=1)
    (array([[1., 1., 1.]]), array([0.5]))
    """
    scale = gamma / np.sqrt(variance + eps)
    shift = -mean if bias is None else bias - mean
    return weight * scale.reshape(-1, *(1,) * (weight.ndim - 1)), scale * shift + beta
