"""The verdict: what held in Brian2, for programs (JSON) and for people (a table)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from brianbridge.io.atomic import write_whole
from brianbridge.io.networks.file import save_network
from brianbridge.ladder.evidence import Evidence
from brianbridge.ladder.judgement import worst_outcome
from brianbridge.ladder.notes import notes_of
from brianbridge.ladder.outcomes import RungOutcome, TwinOutcome
from brianbridge.ladder.table import (
    OF_SPIKES,
    WHAT_HELD,
    Row,
    as_html,
    as_rich_table,
    percent,
    rung_row,
    twin_row,
)
from brianbridge.measures.operations import Operations
from brianbridge.measures.sample_summary import why_no_better_than_chance, why_uninformative
from brianbridge.network import SpikingNetwork

__all__ = ["SCHEMA", "Verdict"]

#: Version of ``verdict.json``. 2: a rung may be undecided, and says how each tolerance was judged.
#: 3: the key ``surrogate`` became ``twin``. 4: ``over_time`` of the twin and of each rung.
SCHEMA = 4


@dataclass(frozen=True, repr=False)
class Verdict:
    """Hold the outcome of a ladder.

    Parameters
    ----------
    network : str
        Name of the network.
    dataset : mapping
        ``name``, ``split``, ``part``, ``samples`` and ``sha256`` of the data.
    twin : TwinOutcome
        Outcome of the twin.
    rungs : tuple of RungOutcome
        Outcomes of the rungs, in the order of the ladder.
    provenance : mapping
        Versions, date and machine.
    operations : Operations, optional
        Operation counts of the twin.
    skipped : mapping of str to str
        Optional rungs that were left out, and why, by name.
    baseline : TwinOutcome, optional
        Outcome of the twin of the network to compare with.
    decide_by : {"interval", "estimate"}
        Whether tolerances were judged by 95 % intervals or by estimates.
    remedied : mapping of str to SpikingNetwork
        Networks that remedies changed, by the name of the file that `save_network` writes.
    about : mapping
        Which network this is (`brianbridge.ladder.about`).
    evidence : Evidence, optional
        The results behind the verdict, for a report; they are not saved.
    """

    network: str
    dataset: Mapping[str, Any]
    twin: TwinOutcome
    rungs: tuple[RungOutcome, ...]
    provenance: Mapping[str, Any]
    operations: Operations | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    baseline: TwinOutcome | None = None
    decide_by: str = "interval"
    about: Mapping[str, Any] = field(default_factory=dict)
    remedied: Mapping[str, SpikingNetwork] = field(default_factory=dict, compare=False)
    evidence: Evidence | None = field(default=None, compare=False)

    @property
    def passed(self) -> bool:
        """Whether there are rungs, and each of them held or sets no limit."""
        return self.outcome in ("held", "no limit")

    @property
    def outcome(self) -> str:
        """The worst outcome of all rungs.

        ``fell short`` if one rung did, else ``undecided`` if one is, else ``held``; ``no limit`` if
        no rung has a limit, and ``undecided`` if there is no rung.
        """
        return worst_outcome(rung.outcome for rung in self.rungs)

    @property
    def warnings(self) -> list[str]:
        """Return a line for each run whose output does not tell samples apart.

        There is also one if the twin does, but is no better than chance.
        """
        runs: list[tuple[str, TwinOutcome | RungOutcome]] = [("torch twin", self.twin)]
        runs += [(f"Brian2, {rung.name}", rung) for rung in self.rungs]
        samples = self.dataset.get("samples", 0)
        found = [(label, why_uninformative(vars(run), samples)) for label, run in runs]
        if not found[0][1]:  # a twin whose output says nothing is at chance anyway
            why = why_no_better_than_chance(self.twin.accuracy, self.twin.chance, samples)
            found[0] = ("torch twin", why)
        return [f"warning: {label}: {why}" for label, why in found if why]

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as it is written to ``verdict.json``."""
        return {
            "schema": SCHEMA,
            **{f.name: getattr(self, f.name) for f in fields(self) if f.compare},
            "twin": self.twin.to_dict(),
            "rungs": [rung.to_dict() for rung in self.rungs],
            "operations": None if self.operations is None else self.operations.to_dict(),
            "baseline": None if self.baseline is None else self.baseline.to_dict(),
            "passed": self.passed,
            "outcome": self.outcome,
            "warnings": self.warnings,
        }

    def to_json(self) -> str:
        """Return the verdict as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def save(self, path: Path) -> None:
        """Write ``verdict.json`` and, beside it, the networks that remedies changed."""
        for name, network in self.remedied.items():
            save_network(network, path.with_name(name))
        write_whole(path, self.to_json() + "\n")

    def table(self) -> Any:
        """Return the outcomes as a `rich` table for the terminal, with notes below it."""
        return as_rich_table(self._title, self._rows, WHAT_HELD, self._notes)

    def spike_table(self) -> Any:
        """Return how the spikes differ from the twin's as a `rich` table for the terminal."""
        return as_rich_table("How the spikes differ", self._rows, OF_SPIKES)

    def __repr__(self) -> str:
        """Return the outcome, a line for the twin and each rung, and the warnings."""
        lines = [(percent(self.twin.accuracy), "torch twin", "")]
        lines += [(percent(r.accuracy), f"Brian2, {r.name}", _held(r)) for r in self.rungs]
        width = max(len(name) for _, name, _ in lines)
        text = (f"  {name:{width}} {share:>9}  {outcome}" for share, name, outcome in lines)
        title = f"Verdict: {self._title}: {self.outcome}"
        return "\n".join([title, *map(str.rstrip, text), *self.warnings])

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        return as_html(f"{self._title}: {self.outcome}", self._rows, self._notes)

    @property
    def _title(self) -> str:
        data = self.dataset
        if not data:
            return self.network
        made = "" if data["split"] == "as given" else f" ({data['split']})"
        return f"{self.network} on {data['samples']:,} samples of {data['name']}{made}"

    @property
    def _rows(self) -> list[Row]:
        rows = [] if self.baseline is None else [twin_row("start, torch twin", self.baseline)]
        return [*rows, twin_row("torch twin", self.twin), *map(rung_row, self.rungs)]

    @property
    def _notes(self) -> list[str]:
        return [
            *self.warnings,
            *notes_of(self.twin, self.rungs, self.dataset.get("samples", 0)),
            *(f"left out: {name} ({why})" for name, why in self.skipped.items()),
            *([] if self.operations is None else [self.operations.summary()]),
        ]


def _held(rung: RungOutcome) -> str:
    """Return the outcome of a rung; if it changes nothing, also how many spikes differ."""
    if rung.perturbations:
        return rung.outcome
    return f"{rung.outcome}, {rung.spike_mismatches:,} spikes differ"
