"""The table of a sweep: a row for each trial, as CSV, Parquet and text, and means over seeds."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.io.atomic import write_whole
from brianbridge.measures.confidence_intervals import Interval, mean_interval
from brianbridge.plots.trials import plot_trials

__all__ = ["TrialTable"]

#: Columns of accuracies, beside those of the rungs.
_WORST = "worst_accuracy"


@dataclass(frozen=True)
class TrialTable:
    """Hold the rows of the trials of a sweep.

    Parameters
    ----------
    options : tuple of str
        The columns of the options that were varied.
    rows : sequence of mapping
        A row for each trial, in the order in which they were planned.

    Examples
    --------
    >>> rows = [{"a": 1, "seed": s, "outcome": "held", "worst_accuracy": 0.9} for s in (0, 1)]
    >>> TrialTable(("a",), rows).means("worst_accuracy")
    [({'a': 1}, 2, 0.9, None)]
    """

    options: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]

    @property
    def columns(self) -> list[str]:
        """The columns of all rows, in the order in which they occur."""
        return list(dict.fromkeys(key for row in self.rows for key in row))

    @property
    def accuracies(self) -> list[str]:
        """The columns with accuracies in Brian2: of the first two rungs, and of the worst one."""
        of_rungs = [
            name
            for name in self.columns
            if name.endswith("_accuracy") and name not in ("twin_accuracy", _WORST)
        ]
        return [*of_rungs[:2], *([_WORST] if _WORST in self.columns else [])]

    def means(
        self, column: str, by: Sequence[str] | None = None
    ) -> list[tuple[dict[str, Any], int, float, Interval | None]]:
        """Return the mean of a column over the seeds, for each combination of options.

        A mean over several combinations is taken for each seed first, so that the interval is that
        of the seeds.

        Parameters
        ----------
        column : str
            A column of numbers.
        by : sequence of str, optional
            The options that tell combinations apart; all if not given.

        Returns
        -------
        list of (dict, int, float, tuple of float or None)
            Options, number of seeds, mean, and Student's 95 % interval; None for a single seed, or
            if all seeds agree.
        """
        by = self.options if by is None else by
        found: dict[str, tuple[dict[str, Any], dict[int, list[float]]]] = {}
        for row in self.rows:
            if row.get(column) is None:
                continue
            options = {key: row[key] for key in by}
            _, values = found.setdefault(repr(options), (options, {}))
            values.setdefault(row["seed"], []).append(row[column])
        means = []
        for options, of_seeds in found.values():
            numbers = np.array([np.mean(values) for values in of_seeds.values()])
            interval = mean_interval(numbers[None])
            means.append((options, len(numbers), float(numbers.mean()), interval))
        return means

    def write(self, folder: Path) -> None:
        """Write ``trials.csv`` and, if pyarrow is installed, ``trials.parquet``."""
        file = io.StringIO()
        writer = csv.DictWriter(file, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_whole(folder / "trials.csv", file.getvalue())
        if find_spec("pyarrow") is None:
            return
        import pyarrow
        from pyarrow import parquet

        columns = {
            name: _of_one_type([row.get(name) for row in self.rows]) for name in self.columns
        }
        buffer = io.BytesIO()
        parquet.write_table(pyarrow.table(columns), buffer)
        write_whole(folder / "trials.parquet", buffer.getbuffer())

    def draw(self, folder: Path) -> None:
        """Write ``trials.svg`` if an option was varied."""
        if not (self.options and self.accuracies):
            return
        from matplotlib import rc_context
        from matplotlib.figure import Figure

        # The same table gives the same file.
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "trials"}):
            canvas = Figure(figsize=(4.4 * len(self.options), 3.4), layout="constrained")
            axes = canvas.subplots(1, len(self.options), squeeze=False)[0]
            for option, ax in zip(self.options, axes, strict=True):
                plot_trials(self, option, ax=ax)
            buffer = io.BytesIO()
            canvas.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        write_whole(folder / "trials.svg", buffer.getbuffer())

    def text(self) -> Any:
        """Return the means as a table for `rich`, the best worst rung first."""
        from rich.table import Table
        from rich.text import Text

        shown = [name for name in ("twin_accuracy", *self.accuracies) if name in self.columns]
        table = Table(box=None, pad_edge=False)
        for name in (*self.options, "seeds"):
            table.add_column(Text(name), justify="left")
        for name in shown:
            table.add_column(Text(name.removesuffix("_accuracy")), justify="right")
        found = {
            name: {repr(o): _cell(mean, interval) for o, _, mean, interval in self.means(name)}
            for name in shown
        }
        ranked = sorted(self.means(shown[-1]), key=lambda one: -one[2]) if shown else []
        for options, seeds, *_ in ranked:
            cells = [*map(str, options.values()), str(seeds)]
            cells += [found[name][repr(options)] for name in shown]
            table.add_row(*map(Text, cells))
        return table


def _cell(mean: float, interval: Interval | None) -> str:
    """Return a mean in per cent with half of its interval."""
    half = "" if interval is None else f" ± {50 * (interval[1] - interval[0]):.2f}"
    return f"{100 * mean:.2f} %{half}"


def _of_one_type(values: list[Any]) -> list[Any]:
    """Return values of one type, as a column of Parquet has; text if they differ."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) < 2 and not kinds & {list, dict}:
        return values
    convert: Callable[[Any], Any] = float if kinds == {int, float} else str
    return [None if value is None else convert(value) for value in values]
