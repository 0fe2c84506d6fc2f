"""Plot a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.plots.style import BLUE, VERMILLION, axes_or_new, literal

__all__ = ["plot_confusion"]

#: Largest number of classes whose names and numbers are drawn.
_NAMED = 12
#: Largest number of characters of a class name; longer names are cut.
_LONGEST = 12


def plot_confusion(
    matrix: np.ndarray, classes: Sequence[str] | None = None, *, ax: Any = None
) -> Any:
    """Draw how many samples of each class were predicted as each class.

    The more opaque a cell, the larger its share of the class. Correct predictions are blue and on
    the diagonal, wrong ones vermillion.

    Parameters
    ----------
    matrix : array of int, shape (classes, classes)
        Number of samples of class ``i`` that were predicted as ``j``, as
        `brianbridge.measures.classification.confusion_matrix` returns it.
    classes : sequence of str, optional
        Names of the classes; numbers if not given.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the matrix is not square.
    """
    matrix = np.asarray(matrix)
    number = len(matrix)
    if matrix.shape != (number, number) or not number:
        raise InputError(f"a confusion matrix is square; this one has shape {matrix.shape}")
    ax = axes_or_new(ax, 4.4, 4.4)
    _draw_cells(ax, matrix)
    ax.set(xlim=(-0.5, number - 0.5), ylim=(number - 0.5, -0.5), aspect="equal")
    ax.set(xlabel="predicted", ylabel="label")
    if number <= _NAMED:
        names = [str(i) for i in range(number)] if classes is None else list(classes)
        names = [literal(n if len(n) <= _LONGEST else n[: _LONGEST - 1] + "…") for n in names]
        rotation = 90 if max(map(len, names)) > 2 else 0
        ax.set_xticks(range(number), names, rotation=rotation, fontsize="small")
        ax.set_yticks(range(number), names, fontsize="small")
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_alpha(0.3)
    return ax


def _draw_cells(ax: Any, matrix: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    for row, column in np.argwhere(matrix):
        correct = row == column
        ax.add_patch(
            Rectangle(
                (column - 0.5, row - 0.5), 1, 1, lw=0, color=BLUE if correct else VERMILLION,
                # Never so opaque that a dark or a light number on it is hard to read.
                alpha=0.12 + 0.43 * share[row, column],
            )
        )  # fmt: skip
        if len(matrix) <= _NAMED:
            ax.text(
                column, row, f"{matrix[row, column]}", ha="center", va="center",
                fontsize="small",
                fontweight="normal" if correct else "bold",
            )  # fmt: skip
