"""Plot by how much an outcome changes with each parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from brianbridge.errors import InputError, did_you_mean
from brianbridge.plots.style import (
    BLUE,
    VERMILLION,
    axes_or_new,
    hide_frame,
    legend_above,
    literal,
    text_colour,
)

__all__ = ["EstimateResult", "RowResult", "SensitivityResult", "plot_sensitivity"]


class EstimateResult(Protocol):
    """The attributes of an estimate that the plot needs."""

    @property
    def value(self) -> float:
        """The estimate, in per cent per per cent."""

    @property
    def error(self) -> float | None:
        """Its standard error."""


class RowResult(Protocol):
    """The attributes of a row that the plot needs."""

    @property
    def outcome(self) -> str:
        """What changes."""

    @property
    def owner(self) -> str:
        """The population or projection of the parameter."""

    @property
    def parameter(self) -> str:
        """The name of the parameter."""

    @property
    def gradient(self) -> EstimateResult | None:
        """By the twin."""

    @property
    def brian2(self) -> EstimateResult | None:
        """In Brian2."""


class SensitivityResult(Protocol):
    """The attributes of a result that the plot needs; see `brianbridge.sensitivities`."""

    @property
    def rows(self) -> Sequence[RowResult]:
        """A row for each outcome and parameter."""


def plot_sensitivity(result: SensitivityResult, outcome: str = "", *, ax: Any = None) -> Any:
    """Draw the change of an outcome with each parameter: by the twin's gradient, and in Brian2.

    A filled circle is the difference in Brian2, a hollow diamond the gradient of the twin. Bars
    extend by two standard errors to each side.

    Parameters
    ----------
    result : Sensitivity
        What `brianbridge.sensitivity` returned.
    outcome : str
        The outcome to draw; the first if empty.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the result does not have the outcome.
    """
    outcome = outcome or next((row.outcome for row in result.rows), "")
    rows = [row for row in result.rows if row.outcome == outcome]
    if not rows:
        known = dict.fromkeys(row.outcome for row in result.rows)
        raise InputError(f"there is no sensitivity of '{outcome}'. {did_you_mean(outcome, known)}")
    ax = axes_or_new(ax, 4.4, 1.2 + 0.4 * len(rows))
    ax.axvline(0, color=text_colour(), lw=0.8)
    brian2 = [(y - 0.12, row.brian2) for y, row in enumerate(rows)]
    gradient = [(y + 0.12, row.gradient) for y, row in enumerate(rows)]
    _draw(ax, brian2, "Brian2", marker="o", color=BLUE, mfc=BLUE)
    _draw(ax, gradient, "gradient of the twin", marker="D", color=VERMILLION, mfc="none")
    ax.set_yticks(range(len(rows)), [literal(f"{r.owner}\n{r.parameter}") for r in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel(literal(f"change of {outcome} (% per %)"))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=text_colour(), alpha=0.15, lw=0.7)
    legend_above(ax, 2, handletextpad=0.3)
    hide_frame(ax)
    return ax


def _draw(
    ax: Any, found: Sequence[tuple[float, EstimateResult | None]], label: str, **style: Any
) -> None:
    """Draw estimates at their heights; those that are missing are left out."""
    known = [(y, estimate) for y, estimate in found if estimate is not None]
    if known:
        ax.errorbar(
            [e.value for _, e in known], [y for y, _ in known],
            xerr=[2 * (e.error or 0.0) for _, e in known], ls="", ms=6, mew=1.6, lw=1.6,
            label=label, **style,
        )  # fmt: skip
