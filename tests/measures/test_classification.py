"""Measures of classification on recordings made by hand."""

import numpy as np

from brianbridge.measures.classification import accuracy, confusion_matrix
from brianbridge.recording import Recording


def test_accuracy_counts_the_first_of_equal_outputs():
    output = np.array([[1, 0], [0, 1], [1, 1]])
    run = Recording(dt=1e-3, steps=1, samples=3, shapes={}, all_events={}, output=output)
    assert accuracy(run, np.array([0, 1, 0])) == 1.0
    assert accuracy(run, np.array([0, 1, 1])) == 2 / 3


def test_a_confusion_matrix_has_labels_as_rows_and_predictions_as_columns():
    found = confusion_matrix(np.array([0, 0, 2]), np.array([1, 1, 2]), 3)
    np.testing.assert_array_equal(found, [[0, 2, 0], [0, 0, 0], [0, 0, 1]])
