"""Measures of classification: accuracy and the confusion matrix."""

from __future__ import annotations

import numpy as np

from brianbridge.recording import Recording

__all__ = ["accuracy", "confusion_matrix"]


def accuracy(recording: Recording, labels: np.ndarray) -> float:
    """Return the share of samples whose largest output is at their label."""
    return float(np.mean(recording.prediction == labels))


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Return the number of samples of class ``i`` predicted as ``j``, ``(classes, classes)``.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 1]), 2)
    array([[1, 0],
           [1, 1]])
    """
    flat = np.bincount(labels * classes + predictions, minlength=classes**2)
    return flat.reshape(classes, classes)
