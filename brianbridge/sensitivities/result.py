"""The result: a row for each outcome and parameter, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from brianbridge.io.atomic import write_whole
from brianbridge.readable import columns, counted

__all__ = ["Estimate", "Row", "Sensitivity"]

#: Version of ``sensitivity.json``.
SCHEMA = 1
_MARKS = {
    "differ": (
        "gradient and Brian2 are more than two standard errors and 5 % apart; the surrogate "
        "derivative of spikes is not the slope"
    ),
    "unchanged": "no sample changed in Brian2; a larger step or more samples may tell",
    "noisy": "the gradient explodes in some samples, and tells nothing",
}
_HEADINGS = ("of", "parameter", "value", "gradient", "Brian2", "step", "note")


@dataclass(frozen=True)
class Estimate:
    """Hold an estimate from the samples.

    Parameters
    ----------
    value : float
        The change of the outcome, in per cent for one per cent of the parameter.
    error : float or None
        Its standard error over the samples; None for one sample.
    """

    value: float
    error: float | None

    def __str__(self) -> str:
        return f"{self.value:+.3f}" + ("" if self.error is None else f" ± {self.error:.3f}")


@dataclass(frozen=True)
class Row:
    """Hold by how much an outcome changes with a parameter.

    Parameters
    ----------
    outcome, owner, parameter : str
        What changes, with what: the owner is a population or a projection.
    value : str
        The value of the parameter, with its unit.
    per : str
        What one per cent refers to: ``"value"``, or the natural unit as text if the value is 0.
    step : float
        The change in Brian2, as a share of it: to both sides, or of a delay to longer ones only.
    gradient : Estimate or None
        By the gradient of the twin; None if there is none.
    brian2 : Estimate or None
        By the difference in Brian2; None if Brian2 could not run, or the outcome is 0.
    changed : int or None
        Number of samples whose outcome in Brian2 differs between both sides.
    agree : bool or None
        Whether both are the same within their errors; None if that cannot be said.
    note : str
        Why something is missing.
    """

    outcome: str
    owner: str
    parameter: str
    value: str
    per: str
    step: float
    gradient: Estimate | None
    brian2: Estimate | None
    changed: int | None
    agree: bool | None
    note: str = ""

    @property
    def mark(self) -> str:
        """What to know of both numbers: ``"differ"``, ``"unchanged"``, ``"noisy"`` or nothing."""
        if self.agree or self.brian2 is None:
            return ""
        if self.agree is False:
            return "differ"
        if not self.changed:
            return "unchanged"
        return "noisy" if self.gradient is not None and self.gradient.error is not None else ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text, without the outcome."""
        estimates = ("-" if e is None else str(e) for e in (self.gradient, self.brian2))
        value = self.value if self.per == "value" else f"{self.value} *"
        return (
            self.owner,
            self.parameter,
            value,
            *estimates,
            f"{100 * self.step:.3g} %",
            self.mark,
        )


@dataclass(frozen=True, repr=False)
class Sensitivity:
    """Hold by how much outcomes change with each parameter of neurons and synapses.

    Parameters
    ----------
    outcomes : mapping of str to float
        The mean of each outcome over the samples, in Brian2.
    samples : int
        Number of samples.
    rows : tuple of Row
        A row for each outcome and parameter.
    seed : int
        Seed of the random numbers of neurons.
    no_gradient : mapping of str to str
        Outcomes and parameters without a gradient, and why.
    left_out : mapping of str to str
        Parameters without a row, and why.
    """

    outcomes: Mapping[str, float]
    samples: int
    rows: tuple[Row, ...]
    seed: int
    no_gradient: Mapping[str, str]
    left_out: Mapping[str, str]

    def of(self, outcome: str) -> tuple[Row, ...]:
        """Return the rows of an outcome."""
        return tuple(row for row in self.rows if row.outcome == outcome)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as it is written to ``sensitivity.json``."""
        return {"schema": SCHEMA, **asdict(self)}

    def to_json(self) -> str:
        """Return the result as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def save(self, path: str | Path) -> Path:
        """Write ``sensitivity.json``."""
        return write_whole(Path(path), self.to_json() + "\n")

    def __repr__(self) -> str:
        parts = []
        for outcome in self.outcomes:
            rows = [_HEADINGS, *(row.cells for row in self.of(outcome))]
            parts += [self._title(outcome), columns(rows, right=[3, 4, 5])]
        return "\n".join([*parts, *self.notes])

    def _repr_html_(self) -> str:
        """Return a table for each outcome, for a notebook."""

        def line(tag: str, cells: tuple[str, ...]) -> str:
            return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

        tables = (
            f"<table><caption>{escape(self._title(outcome))}</caption>"
            f"<thead>{line('th', _HEADINGS)}</thead>"
            f"<tbody>{''.join(line('td', row.cells) for row in self.of(outcome))}</tbody></table>"
            for outcome in self.outcomes
        )
        return "".join([*tables, *(f"<p>{escape(note)}</p>" for note in self.notes)])

    def _title(self, outcome: str) -> str:
        return (
            f"Sensitivity of {outcome} ({self.outcomes[outcome]:.4g} in "
            f"{counted(self.samples, 'sample')}), in % per % of a parameter"
        )

    @property
    def notes(self) -> list[str]:
        """What the tables do not say."""
        return list(dict.fromkeys(self._notes()))

    def _notes(self) -> Iterator[str]:
        for row in self.rows:
            if row.per != "value":
                yield f"* {row.owner}.{row.parameter} is 0: per % of its unit, {row.per}"
        marks = {row.mark for row in self.rows}
        yield from (f"{mark}: {why}" for mark, why in _MARKS.items() if mark in marks)
        if self.samples == 1:
            yield "one sample has no standard error; several tell whether both numbers differ"
        for name, why in self.no_gradient.items():
            yield f"no gradient: {name} ({why})"
        for row in self.rows:
            if row.note:
                yield f"{row.owner}.{row.parameter}, {row.outcome}: {row.note}"
        for name, why in self.left_out.items():
            yield f"left out: {name} ({why})"
