"""Plot the accuracy of the trials of a sweep against an option."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from brianbridge.errors import InputError, did_you_mean
from brianbridge.plots.style import (
    BLUE,
    GREEN,
    VERMILLION,
    axes_or_new,
    hide_frame,
    legend_above,
    literal,
    text_colour,
)

__all__ = ["TrialResults", "plot_trials"]

#: With more values than this, each has hardly a second trial: points without a line.
_MOST_MEANS = 12
#: Ratio of the largest to the smallest value from which the axis is logarithmic.
_LOG_FROM = 20
_MARKS = ((BLUE, "o"), (VERMILLION, "s"), (GREEN, "D"))

Mean = tuple[dict[str, Any], int, float, tuple[float, float] | None]


class TrialResults(Protocol):
    """The attributes of a table of trials that the plot needs; see `brianbridge.study`."""

    @property
    def options(self) -> Sequence[str]:
        """What was varied."""

    @property
    def accuracies(self) -> Sequence[str]:
        """The columns with accuracies."""

    def means(self, column: str, by: Sequence[str] | None = None) -> Sequence[Mean]:
        """Options, number of seeds, mean and interval over the seeds."""


def plot_trials(table: TrialResults, option: str = "", *, ax: Any = None) -> Any:
    """Draw accuracies in Brian2 against the values of an option.

    A mark is the mean over the other options and the seeds, a bar its 95 % interval over the seeds.

    Parameters
    ----------
    table : TrialTable
        The table of a sweep.
    option : str
        The option; the first if empty.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If the sweep did not vary the option.
    """
    option = option or next(iter(table.options), "")
    if option not in table.options:
        hint = did_you_mean(option, table.options)
        raise InputError(f"the sweep did not vary '{option}'. {hint}")
    ax = axes_or_new(ax, 4.4, 3.4)
    found = {column: table.means(column, [option]) for column in table.accuracies}
    values = list(
        {repr(o[option]): o[option] for means in found.values() for o, *_ in means}.values()
    )
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    places = {repr(v): v if numbers else place for place, v in enumerate(values)}
    for number, (column, means) in enumerate(found.items()):
        colour, marker = _MARKS[number % len(_MARKS)]
        points = sorted((places[repr(o[option])], y, ends) for o, _, y, ends in means)
        bars = [[0.0, 0.0] if e is None else [y - e[0], e[1] - y] for _, y, e in points]
        ax.errorbar(
            [x for x, *_ in points], [100 * y for _, y, _ in points],
            yerr=[[100 * bar[end] for bar in bars] for end in (0, 1)],
            color=colour, marker=marker, mfc="none" if number else colour, ms=6, mew=1.4, lw=1.2,
            ls="-" if len(values) <= _MOST_MEANS else "", capsize=2,
            label=literal(column.removesuffix("_accuracy")),
        )  # fmt: skip
    if not numbers:
        ax.set_xticks(range(len(values)), [literal(str(value)) for value in values])
    elif min(values, default=0) > 0 and max(values) >= _LOG_FROM * min(values):
        ax.set_xscale("log")
    ax.set_xlabel(literal(option))
    ax.set_ylabel("accuracy in Brian2 (%)")
    ax.grid(axis="y", color=text_colour(), alpha=0.15, lw=0.7)
    if found:
        legend_above(ax, 3, handletextpad=0.3)
    hide_frame(ax)
    return ax
