"""The figure of accuracy over time: a panel for each rung, and its numbers in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np

from brianbridge import plots
from brianbridge.ladder.table import percent
from brianbridge.ladder.verdict import Verdict
from brianbridge.plots.style import literal
from brianbridge.report.svg import Figure, draw

__all__ = ["about_over_time", "over_time_figure"]

_CAPTION = (
    "How often the prediction is right if every presentation ends earlier. Solid: Brian2 on the "
    "rung, with the 95 % interval of this accuracy. Dashed: the torch twin at the same times. A "
    "rung with a finer step is compared after the same time, not after as many steps."
)
#: `over_time` of a run.
Curve = Mapping[str, Sequence[float]]
#: Characters of a name in a line above its panel.
_WIDTH = 28


def over_time_figure(verdict: Verdict) -> Figure | None:
    """Return the accuracy over time on each rung; None if it is not known."""
    twin = verdict.twin.over_time
    known = [(rung.name, rung.over_time) for rung in verdict.rungs if rung.over_time is not None]
    if twin is None or not known:
        return None
    rows = -(-len(known) // 2)

    def plot(axes: Any) -> None:
        panels = np.ravel(axes)
        for ax, (name, found) in zip(panels, known, strict=False):
            plots.plot_over_time(found, twin, ax=ax)
            ax.set(xlabel="", ylabel="")
            ax.set_title(literal(fill(name, _WIDTH)), loc="left", fontsize="small")
        _share(panels, len(known))

    return draw(
        "over-time",
        "Accuracy over time",
        about_over_time(twin, known),
        plot,
        height=0.9 + 1.35 * rows,
        caption=f"{_furthest_behind(twin, known)} {_CAPTION}",
        grid=(rows, min(len(known), 2)),
    )


def _share(panels: np.ndarray, number: int) -> None:
    """Give panels one legend and one name for each axis, and hide those without a rung."""
    figure = panels[0].figure
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=3, frameon=False,
        fontsize="small", handlelength=1.8,
    )  # fmt: skip
    for ax in panels[:number]:
        ax.get_legend().remove()
    for ax in panels[number:]:
        ax.set_axis_off()
        panels[number - 2].tick_params(labelbottom=True)
    figure.supxlabel("end of the presentation (ms)", fontsize="medium")
    figure.supylabel("accuracy (%)", fontsize="medium")


def about_over_time(twin: Curve, known: Sequence[tuple[str, Curve]]) -> str:
    """Tell the accuracy at four times, of the twin and of each rung.

    Parameters
    ----------
    twin : mapping
        ``over_time`` of the twin.
    known : sequence of (str, mapping)
        Name and ``over_time`` of rungs.
    """
    ends = len(twin["time_ms"])
    chosen = sorted({max(1, round(ends * share / 4)) - 1 for share in (1, 2, 3, 4)})
    times = ", ".join(f"{twin['time_ms'][k]:.4g}" for k in chosen)
    lines = [f"Accuracy if presentations end after {times} ms."]
    for name, found in (("torch twin", twin), *known):
        lines.append(f"{name}: {', '.join(percent(found['accuracy'][k]) for k in chosen)}.")
    return " ".join(lines)


def _furthest_behind(twin: Curve, known: Sequence[tuple[str, Curve]]) -> str:
    """Say which rung is furthest behind the twin at the same time, and when."""
    behind = np.array([np.subtract(twin["accuracy"], found["accuracy"]) for _, found in known])
    rung, k = divmod(int(behind.argmax()), behind.shape[1])
    if behind[rung, k] <= 0:
        return "No rung is behind the torch twin at any time."
    name, found = known[rung]
    ours, theirs = (percent(one["accuracy"][k]) for one in (twin, found))
    return (
        f"Furthest behind the torch twin: {name}, {theirs} instead of {ours} after "
        f"{twin['time_ms'][k]:.4g} ms."
    )
