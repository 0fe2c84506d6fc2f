"""The figures of the section on sensitivity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brianbridge import plots
from brianbridge.report.svg import Figure, draw
from brianbridge.sensitivities.result import Row, Sensitivity

__all__ = ["sensitivity_figures"]

_CAPTION = (
    "By how many per cent the outcome changes if a parameter changes by one, in all neurons of a "
    "population or all synapses of a projection. Filled circle: a difference in Brian2. Hollow "
    "diamond: the gradient of the twin. Bars extend by two standard errors."
)


def sensitivity_figures(result: Sensitivity) -> Iterator[tuple[tuple[Row, ...], Figure]]:
    """Yield the rows of each outcome, and their figure."""
    for number, outcome in enumerate(result.outcomes):
        rows = result.of(outcome)
        if not rows:
            continue

        def plot(ax: Any, outcome: str = outcome) -> None:
            plots.plot_sensitivity(result, outcome, ax=ax)

        yield (
            rows,
            draw(
                f"sensitivity{number}",
                f"Sensitivity of {outcome}",
                about(rows),
                plot,
                height=1.2 + 0.4 * len(rows),
                caption=_CAPTION,
            ),
        )


def about(rows: tuple[Row, ...]) -> str:
    """Say what the figure shows."""
    texts = (
        f"{row.owner}, {row.parameter}: {_or_none(row.gradient)} by the gradient, "
        f"{_or_none(row.brian2)} in Brian2"
        for row in rows
    )
    return f"Per cent per per cent. {'. '.join(texts)}."


def _or_none(estimate: object) -> str:
    return "none" if estimate is None else str(estimate)
