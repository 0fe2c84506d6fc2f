"""Scale the values of a dataset to [0, 1]."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["by_full_scale", "by_range_of", "scaled"]


def by_full_scale(values: npt.NDArray[Any], full_scale: float) -> npt.NDArray[np.float32]:
    """Divide by the largest possible value.

    Parameters
    ----------
    values : ndarray
        Pixel values, from 0 to `full_scale`.
    full_scale : float
        Largest possible value.

    Returns
    -------
    ndarray of float32
        Same shape.

    Examples
    --------
    >>> by_full_scale(np.array([0, 51, 255]), 255)
    array([0. , 0.2, 1. ], dtype=float32)
    """
    found = values.astype(np.float32)
    found /= np.float32(full_scale)  # in place: a full MNIST is 188 MB
    return found


def by_range_of(reference: npt.NDArray[Any], values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Scale each feature by its range in a reference, and clip values outside of it.

    Parameters
    ----------
    reference : ndarray, shape (samples, *shape)
        The samples that give minimum and maximum: the training part, so that no information on
        the test part is used in training.
    values : ndarray, shape (samples, *shape)
        The samples to scale.

    Returns
    -------
    ndarray of float32
        Same shape as `values`, in [0, 1]. A feature that is constant in `reference` becomes 0.

    Examples
    --------
    >>> by_range_of(np.array([[1.0], [3.0]]), np.array([[0.0], [2.0], [9.0]])).ravel()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    low, high = (reduce(reference, axis=0).astype(np.float64) for reduce in (np.min, np.max))
    width = np.where(high > low, high - low, np.inf)
    return np.clip((values - low) / width, 0.0, 1.0).astype(np.float32)


def scaled(
    values: npt.NDArray[Any], reference: npt.NDArray[Any], full_scale: float | None
) -> npt.NDArray[np.float32]:
    """Scale by the full scale if there is one, else by the range of the reference.

    Parameters
    ----------
    values, reference : ndarray, shape (samples, *shape)
        The samples to scale, and the training part.
    full_scale : float or None
        Value that becomes 1.

    Returns
    -------
    ndarray of float32
        Same shape as `values`, in [0, 1].

    Examples
    --------
    >>> scaled(np.array([[4.0]]), np.array([[0.0], [8.0]]), None)
    array([[0.5]], dtype=float32)
    """
    if full_scale is None:
        return by_range_of(reference, values)
    return by_full_scale(values, full_scale)
