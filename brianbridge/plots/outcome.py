"""Plots of what a verdict says: the ladder, confusion matrices, attribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.plots.style import BLUE, GREEN, SKY, VERMILLION, axes, dress, ink, literal

if TYPE_CHECKING:
    from brianbridge.ladder.verdict import Verdict

__all__ = ["plot_attribution", "plot_confusion", "plot_ladder"]

#: Up to so many classes are named, and their numbers written into the cells.
_NAMED = 12
_LONGEST = 12


def plot_ladder(verdict: Verdict, *, ax: Any = None) -> Any:
    """Draw the accuracy on each rung, with the interval of its change, beside the twin's.

    A rung that held is a filled circle, one that fell short a hollow diamond, one that is undecided
    a hollow triangle, one that had no limit to hold a hollow square. The bar is the 95 % interval
    of the change in accuracy on the same samples, drawn about the twin's accuracy: where it covers
    the line, nothing is known to have changed. A rung on which every spike is the twin's has none.

    Parameters
    ----------
    verdict : Verdict
        The outcome of a ladder.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes
    """
    rungs, twin = verdict.rungs, 100 * verdict.twin.accuracy
    ax = axes(ax, 4.4, 0.8 + 0.42 * len(rungs))
    ax.axvline(twin, color=ink(), lw=1, ls="--", label=f"torch twin, {twin:.2f} %")
    kinds = (
        ("o", BLUE, BLUE, "held"),
        ("D", VERMILLION, "none", "fell short"),
        ("^", SKY, "none", "undecided"),
        ("s", ink(), "none", "no limit"),
    )
    for marker, colour, face, label in kinds:
        rows = [y for y, rung in enumerate(rungs) if rung.outcome == label]
        if not rows:
            continue
        barred = [y for y in rows if not rungs[y].exact]
        low, high = (
            np.array([twin + 100 * rungs[y].accuracy_change_ci95[end] for y in barred])
            for end in (0, 1)
        )
        ax.hlines(barred, low, high, color=colour, lw=2.5, alpha=0.6)
        ax.plot(
            [100 * rungs[y].accuracy for y in rows], rows,
            marker, color=colour, mfc=face, mew=1.8, ms=6.5, ls="", label=label,
        )  # fmt: skip
    # Names stand above their row: beside the axes they would leave no room on a narrow page.
    for y, rung in enumerate(rungs):
        ax.annotate(
            literal(rung.name), (0, y), xycoords=("axes fraction", "data"),
            xytext=(0, 5), textcoords="offset points", va="bottom", fontsize="small",
        )  # fmt: skip
    ax.set_ylim(len(rungs) - 0.5, -0.9)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("accuracy in Brian2 (%)")
    ax.grid(axis="x", color=ink(), alpha=0.15, lw=0.7)
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize="small",
        borderaxespad=0, handletextpad=0.3, columnspacing=1.0,
    )  # fmt: skip
    dress(ax)
    return ax


def plot_confusion(
    matrix: np.ndarray, classes: Sequence[str] | None = None, *, ax: Any = None
) -> Any:
    """Draw how many samples of each class were taken for which.

    The fuller a cell, the larger its share of the class. Right predictions are blue and on the
    diagonal, wrong ones vermillion.

    Parameters
    ----------
    matrix : array of int, shape (classes, classes)
        Samples of class ``i`` that were predicted as ``j`` (`brianbridge.measures.metrics`).
    classes : sequence of str, optional
        Their names; numbers if not given.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes
    """
    matrix = np.asarray(matrix)
    number = len(matrix)
    if matrix.shape != (number, number) or not number:
        raise InputError(f"a confusion matrix is square; this one has shape {matrix.shape}")
    from matplotlib.patches import Rectangle

    ax = axes(ax, 4.4, 4.4)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    for row, column in np.argwhere(matrix):
        right = row == column
        ax.add_patch(
            Rectangle(
                (column - 0.5, row - 0.5), 1, 1, lw=0, color=BLUE if right else VERMILLION,
                # Never so full that a dark or a light number on it could not be read.
                alpha=0.12 + 0.43 * share[row, column],
            )
        )  # fmt: skip
        if number <= _NAMED:
            ax.text(
                column, row, f"{matrix[row, column]}", ha="center", va="center",
                fontsize="small",
                fontweight="normal" if right else "bold",
            )  # fmt: skip
    ax.set(xlim=(-0.5, number - 0.5), ylim=(number - 0.5, -0.5), aspect="equal")
    ax.set(xlabel="predicted", ylabel="label")
    if number <= _NAMED:
        names = [str(i) for i in range(number)] if classes is None else list(classes)
        names = [literal(n if len(n) <= _LONGEST else n[: _LONGEST - 1] + "…") for n in names]
        turned = 90 if max(map(len, names)) > 2 else 0
        ax.set_xticks(range(number), names, rotation=turned, fontsize="small")
        ax.set_yticks(range(number), names, fontsize="small")
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_alpha(0.3)
    return ax


def plot_attribution(
    attribution: Mapping[str, Mapping[str, Mapping[str, float]]],
    *,
    of: str = "accuracy",
    ax: Any = None,
) -> Any:
    """Draw what each of several perturbations costs: alone, its share, and last.

    Parameters
    ----------
    attribution : mapping
        The attribution of a `RungOutcome`.
    of : {"accuracy", "agreement"}
        What is lost.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes
    """
    if of not in attribution:
        raise InputError(f"there is no attribution of '{of}', but of {', '.join(attribution)}")
    costs = attribution[of]
    ax = axes(ax, 4.4, 1.2 + 0.75 * len(costs))
    kinds = (
        ("alone", "alone", SKY, "///"),
        ("share", "its share", BLUE, ""),
        ("last", "on top of the others", GREEN, "..."),
    )
    for place, (key, label, colour, hatch) in enumerate(kinds):
        rows = np.arange(len(costs)) + 0.24 * (place - 1)
        points = [100 * cost[key] for cost in costs.values()]
        ax.barh(
            rows, points, 0.22, label=label, facecolor=(*_rgb(colour), 0.45 if hatch else 1.0),
            edgecolor=colour, hatch=hatch, lw=1,
        )  # fmt: skip
        for y, value in zip(rows, points, strict=True):
            ax.annotate(
                f"{round(value, 1) + 0.0:.1f}", (value, y), xytext=(3 if value >= 0 else -3, 0),
                textcoords="offset points", va="center", fontsize="small",
                ha="left" if value >= 0 else "right",
            )  # fmt: skip
    ax.axvline(0, color=ink(), lw=0.8)
    ax.set_yticks(range(len(costs)), [literal(n.replace("_", "\n")) for n in costs])
    ax.set_ylim(len(costs) - 0.5, -0.5)
    ax.margins(x=0.12)
    ax.set_xlabel(f"points of {of} lost")
    ax.tick_params(axis="y", length=0)
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize="small",
        borderaxespad=0, handlelength=1.2, columnspacing=1.0,
    )  # fmt: skip
    dress(ax)
    return ax


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return red, green, blue
