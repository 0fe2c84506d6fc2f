"""Draw sums of many independent random inputs from their normal distribution: compiled loops.

Each row (a sample in a step) has a key. One random number of 64 bits serves four targets: 12 bits
each choose among 4096 quantiles of the standard normal distribution.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.counters import draw
from brianbridge.distributions import normals
from brianbridge.kernels.threads import in_threads

__all__ = ["normal_sums", "variance_gradient"]

_compiled = compiled(nogil=True, error_model="numpy")
_QUANTILES = 4096
_LANES = 4
#: Rows that are worth a thread.
_PART = 32


def normal_sums(mean: np.ndarray, variance: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return normally distributed numbers, ``(rows, targets)``, in the type of the mean.

    Parameters
    ----------
    mean, variance : numpy.ndarray, shape (rows, targets)
        Mean and variance of each number. A variance that rounding has made negative counts as 0.
    keys : numpy.ndarray of uint64, shape (rows,)
        Key of each row.

    Examples
    --------
    >>> keys = np.arange(3, dtype=np.uint64)
    >>> normal_sums(np.ones((3, 2)), np.zeros((3, 2)), keys).tolist()
    [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """
    found, quantiles = np.empty_like(mean), _quantiles(mean.dtype.str)

    def add(low: int, high: int) -> None:
        _add(found, mean, variance, keys, quantiles, low, high)

    in_threads(add, len(keys), _PART)
    return found


def variance_gradient(gradient: np.ndarray, variance: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return the gradient of the variance in `normal_sums`, from that of the result.

    Where the variance is 0, so is the gradient.
    """
    found, quantiles = np.empty_like(gradient), _quantiles(gradient.dtype.str)

    def spread(low: int, high: int) -> None:
        _gradient(found, gradient, variance, keys, quantiles, low, high)

    in_threads(spread, len(keys), _PART)
    return found


@cache
def _quantiles(dtype: str) -> np.ndarray:
    """Return equally probable numbers with the mean 0 and the variance 1."""
    found = normals((np.arange(_QUANTILES) + 0.5) / _QUANTILES)
    return (found / found.std()).astype(dtype)


@_compiled
def _bits(bits: np.ndarray, key: Any) -> None:
    for q in range(bits.size):
        bits[q] = draw(key, q)


@_compiled
def _add(
    found: np.ndarray, mean: np.ndarray, variance: np.ndarray, keys: np.ndarray,
    quantiles: np.ndarray, low: int, high: int,
) -> None:  # fmt: skip
    targets = mean.shape[1]
    quarter = -(-targets // _LANES)
    bits, last = np.empty(quarter, np.uint64), np.uint64(_QUANTILES - 1)
    real = found.dtype.type
    for b in range(low, high):
        _bits(bits, keys[b])
        for lane in range(_LANES):
            begin, shift = lane * quarter, np.uint64(16 * lane)
            for q in range(min(quarter, targets - begin)):
                j = begin + q
                normal = quantiles[np.int64((bits[q] >> shift) & last)]
                found[b, j] = mean[b, j] + np.sqrt(max(variance[b, j], real(0))) * normal


@_compiled
def _gradient(
    found: np.ndarray, gradient: np.ndarray, variance: np.ndarray, keys: np.ndarray,
    quantiles: np.ndarray, low: int, high: int,
) -> None:  # fmt: skip
    targets = gradient.shape[1]
    quarter = -(-targets // _LANES)
    bits, last = np.empty(quarter, np.uint64), np.uint64(_QUANTILES - 1)
    real = found.dtype.type
    for b in range(low, high):
        _bits(bits, keys[b])
        for lane in range(_LANES):
            begin, shift = lane * quarter, np.uint64(16 * lane)
            for q in range(min(quarter, targets - begin)):
                j = begin + q
                normal = quantiles[np.int64((bits[q] >> shift) & last)]
                scale = np.sqrt(max(variance[b, j], real(0)))
                half = real(0.5) * normal * gradient[b, j] / scale
                found[b, j] = half if scale > 0 else real(0)
