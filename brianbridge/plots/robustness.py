"""Plot accuracy against that of the worst rung of a ladder, network by network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, Protocol

from brianbridge.errors import InputError
from brianbridge.plots.ladder import RungResult, TwinResult
from brianbridge.plots.style import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    axes_or_new,
    hide_frame,
    literal,
    text_colour,
)

__all__ = ["ComparedRung", "ComparedVerdict", "plot_robustness", "worst_rungs"]

#: Lengths without a common factor, so that 42 networks have another pair of colour and shape.
_COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)
_SHAPES = ("o", "s", "^", "D", "v", "<", ">")


class ComparedRung(RungResult, Protocol):
    """The attributes of a rung that are needed to compare verdicts."""

    @property
    def perturbations(self) -> Mapping[str, Any]:
        """What changes on the rung."""


class ComparedVerdict(Protocol):
    """The attributes of a verdict that the plot needs; see `brianbridge.Verdict`."""

    @property
    def network(self) -> str:
        """Name of the network."""

    @property
    def rungs(self) -> Sequence[ComparedRung]:
        """Results of the rungs."""

    @property
    def twin(self) -> TwinResult:
        """Result of the twin."""


def worst_rungs(
    verdicts: Sequence[ComparedVerdict], *, limited: bool = False
) -> tuple[ComparedRung, ...]:
    """Return the rung of each verdict with the lowest accuracy, among those that all of them have.

    Rungs are the same if they have the same name and change the same. Of equal accuracies the first
    one counts.

    Parameters
    ----------
    verdicts : sequence of Verdict
        One verdict or several, on the same ladder.
    limited : bool
        Whether to leave out rungs for which the ladder sets no limit.

    Raises
    ------
    InputError
        If the verdicts have no such rung in common.

    Examples
    --------
    >>> from types import SimpleNamespace as Some
    >>> def rung(name, accuracy):
    ...     return Some(name=name, perturbations={}, accuracy=accuracy, outcome="held")
    >>> one = Some(network="one", rungs=[rung("noise", 0.8), rung("delay", 0.1)])
    >>> other = Some(network="other", rungs=[rung("noise", 0.7)])
    >>> [rung.accuracy for rung in worst_rungs([one, other])]
    [0.8, 0.7]
    """
    found = [
        [rung for rung in verdict.rungs if all(_has(other, rung, limited) for other in verdicts)]
        for verdict in verdicts
    ]
    if not all(found):
        names = ", ".join(f"'{verdict.network}'" for verdict in verdicts)
        limit = " with a limit" if limited else ""
        raise InputError(f"there is no rung{limit} that each verdict has: {names}")
    return tuple(min(rungs, key=lambda rung: rung.accuracy) for rungs in found)


def _has(verdict: ComparedVerdict, rung: ComparedRung, limited: bool) -> bool:
    """Return whether a verdict has a rung that is the same."""
    return any(
        own.name == rung.name
        and own.perturbations == rung.perturbations
        and not (limited and "no limit" in (own.outcome, rung.outcome))
        for own in verdict.rungs
    )


def plot_robustness(
    verdicts: Sequence[ComparedVerdict | tuple[ComparedVerdict, ComparedVerdict]],
    *,
    limited: bool = False,
    ax: Any = None,
) -> Any:
    """Draw the accuracy of networks as they are against their accuracy on the worst rung.

    A network that lost nothing is on the dashed line, and below it is what its worst rung costs. An
    arrow leads from a network (hollow) to what became of it (filled). For such a pair, only rungs
    that both verdicts have are compared; the worst one may be another one after than before.

    Parameters
    ----------
    verdicts : sequence of Verdict, or of pairs of them
        Verdicts on the same ladder; a pair is the verdict before and the verdict after.
    limited : bool
        Whether to leave out rungs for which the ladder sets no limit.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; a new figure if not given.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If a verdict has no rung, or both of a pair have none in common.
    """
    histories = [entry if isinstance(entry, tuple) else (entry,) for entry in verdicts]
    points = [
        [
            (100 * verdict.twin.accuracy, 100 * rung.accuracy)
            for verdict, rung in zip(history, worst_rungs(history, limited=limited), strict=True)
        ]
        for history in histories
    ]
    ax = axes_or_new(ax, 6.6, 4.2)
    ax.axline((0, 0), slope=1, color=text_colour(), lw=1, ls="--", label="nothing lost")
    for history, found, colour, shape in zip(
        histories, points, cycle(_COLOURS), cycle(_SHAPES), strict=False
    ):
        _draw(ax, found, colour, shape, "\n→ ".join(literal(v.network) for v in history))
    clean = [x for found in points for x, _ in found] or [0.0, 100.0]
    margin = max(0.5, 0.1 * (max(clean) - min(clean)))
    ax.set_xlim(min(clean) - margin, max(clean) + margin)
    ax.set_ylim(0, 100)
    ax.set_xlabel("accuracy as trained, at parity (%)")
    ax.set_ylabel("accuracy on the worst rung (%)")
    ax.grid(color=text_colour(), alpha=0.15, lw=0.7)
    pairs = any(len(history) > 1 for history in histories)
    ax.legend(
        loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, fontsize="small",
        borderaxespad=0, labelspacing=0.7, alignment="left", title_fontsize="small",
        title="hollow: before, filled: after" if pairs else None,
    )  # fmt: skip
    hide_frame(ax)
    return ax


def _draw(
    ax: Any, points: Sequence[tuple[float, float]], colour: str, shape: str, label: str
) -> None:
    """Draw a network, or an arrow from one to the other."""
    style = {"marker": shape, "color": colour, "ms": 7, "mew": 1.6, "ls": "", "clip_on": False}
    ax.plot(*points[-1], **style, mfc=colour if len(points) > 1 else "none", label=label)
    if len(points) > 1:
        before, after = points
        ax.plot(*before, **style, mfc="none")
        ax.annotate(
            "", after, before,
            arrowprops={"arrowstyle": "-|>", "color": colour, "shrinkA": 5, "shrinkB": 5},
        )  # fmt: skip
