"""Plot the accuracy on each rung of a ladder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from brianbridge.plots.style import (
    BLUE,
    SKY,
    VERMILLION,
    axes_or_new,
    hide_frame,
    legend_above,
    literal,
    text_colour,
)

__all__ = ["LadderResult", "RungResult", "TwinResult", "plot_ladder"]


class RungResult(Protocol):
    """The attributes of a rung that the plot needs, as in `brianbridge.ladder.outcomes`."""

    @property
    def name(self) -> str:
        """Name of the rung."""

    @property
    def outcome(self) -> str:
        """``held``, ``fell short``, ``undecided`` or ``no limit``."""

    @property
    def accuracy(self) -> float:
        """Share of samples that are classified correctly."""

    @property
    def accuracy_change_ci95(self) -> tuple[float, float]:
        """95 % interval of the change from the twin's accuracy."""

    @property
    def exact(self) -> bool:
        """Whether every spike and prediction is the twin's."""


class TwinResult(Protocol):
    """The attributes of the twin that the plot needs."""

    @property
    def accuracy(self) -> float:
        """Share of samples that are classified correctly."""


class LadderResult(Protocol):
    """The attributes of a verdict that the plot needs; see `brianbridge.Verdict`."""

    @property
    def rungs(self) -> Sequence[RungResult]:
        """Results of the rungs, from the first to the last."""

    @property
    def twin(self) -> TwinResult:
        """Result of the twin."""


def plot_ladder(verdict: LadderResult, *, ax: Any = None) -> Any:
    """Draw the accuracy on each rung beside the twin's, with the interval of its change.

    The marker shows the outcome: a filled circle for a rung that held, a hollow diamond for one
    that fell short, a hollow triangle for one that is undecided, and a hollow square for one
    without a limit. The bar is the 95 % interval of the change in accuracy on the same samples,
    drawn around the twin's accuracy. If it covers the line, the accuracy may be unchanged. A rung
    on which every spike is the twin's has no bar.

    Parameters
    ----------
    verdict : Verdict
        Verdict on a ladder, or any `LadderResult`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes
    """
    rungs, twin = verdict.rungs, 100 * verdict.twin.accuracy
    ax = axes_or_new(ax, 4.4, 0.8 + 0.42 * len(rungs))
    ax.axvline(twin, color=text_colour(), lw=1, ls="--", label=f"torch twin, {twin:.2f} %")
    for marker, colour, face, outcome in (
        ("o", BLUE, BLUE, "held"),
        ("D", VERMILLION, "none", "fell short"),
        ("^", SKY, "none", "undecided"),
        ("s", text_colour(), "none", "no limit"),
    ):
        rows = [(y, rung) for y, rung in enumerate(rungs) if rung.outcome == outcome]
        if rows:
            _draw_intervals(ax, rows, twin, colour)
            ax.plot(
                [100 * rung.accuracy for _, rung in rows], [y for y, _ in rows],
                marker, color=colour, mfc=face, mew=1.8, ms=6.5, ls="", label=outcome,
            )  # fmt: skip
    _name_rows(ax, [rung.name for rung in rungs])
    ax.set_xlabel("accuracy in Brian2 (%)")
    ax.grid(axis="x", color=text_colour(), alpha=0.15, lw=0.7)
    legend_above(ax, 4, handletextpad=0.3)
    hide_frame(ax)
    return ax


def _draw_intervals(
    ax: Any, rows: Sequence[tuple[int, RungResult]], twin: float, colour: str
) -> None:
    """Draw the interval of each rung, around the twin's accuracy in percent."""
    inexact = [(y, rung) for y, rung in rows if not rung.exact]
    low, high = (
        np.array([twin + 100 * rung.accuracy_change_ci95[end] for _, rung in inexact])
        for end in (0, 1)
    )
    ax.hlines([y for y, _ in inexact], low, high, color=colour, lw=2.5, alpha=0.6)


def _name_rows(ax: Any, names: Sequence[str]) -> None:
    """Write names above their rows; beside the axes they would leave no room on a narrow page."""
    for y, name in enumerate(names):
        ax.annotate(
            literal(name), (0, y), xycoords=("axes fraction", "data"),
            xytext=(0, 5), textcoords="offset points", va="bottom", fontsize="small",
        )  # fmt: skip
    ax.set_ylim(len(names) - 0.5, -0.9)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
