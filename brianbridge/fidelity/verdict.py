"""The verdict: what held in Brian2, for programs (JSON) and for people (a table)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..io.atomic import write_whole
from .operation_counts import Operations

if TYPE_CHECKING:
    from ..network import SpikingNetwork
    from .evidence import Evidence

__all__ = ["RungOutcome", "Verdict"]

SCHEMA = 1
_COLOURED = {
    "held": "[green]held[/green]",
    "fell short": "[red]fell short[/red]",
    "no limit": "no limit",
}
#: Rungs of which the table tells how they decided.
_DECISIONS = 2


@dataclass(frozen=True)
class RungOutcome:
    """Hold what one rung gave.

    Parameters
    ----------
    name : str
        The rung.
    dt_ms : float
        Brian2's step.
    perturbations : mapping
        What was changed: options of perturbations, by name.
    runs : int
        How often it ran, with other random numbers.
    accuracy : float
        In Brian2; as all that follows the mean, or the sum, over the runs.
    accuracy_by_run : tuple of float
        Of each.
    accuracy_change_ci95 : tuple of float
        Interval of accuracy minus the surrogate's, on the same samples.
    accuracy_change_bootstrap95 : tuple of float, optional
        The same by the bootstrap; of a single run.
    mcnemar_p : float, optional
        Of McNemar's exact test, that as many samples were lost as gained; of a single run.
    agreement : float
        Share of samples with the surrogate's prediction.
    spikes_per_sample : mapping of str to float
        By population.
    count_mismatches, spike_mismatches : int
        Differing (sample, neuron) pairs and (step, sample, neuron) cells.
    count_correlation : mapping of str to float or None
        By population.
    count_differences : mapping of str to mapping
        ``mean`` of Brian2's count minus the surrogate's, and ``mean_absolute``, of a neuron in a
        sample, by population.
    first_divergence : mapping
        ``samples``: share of them in which any spike differs, on the surrogate's grid;
        ``median_ms``: when the first one does, in those.
    distances : mapping
        ``van_rossum`` and ``victor_purpura``: mean distance of a neuron's spike train from the
        surrogate's, by population (`brianbridge.fidelity.train_distances`).
    latency_ms : float, optional
        Mean time until the running prediction is the final one; of readout ``counts``.
    synops_per_sample, synops_by_mass_per_sample : float
        Synaptic operations: each spike once, and as often as its value says.
    seconds : float
        Simulation, compilation and comparison, added up over all processes.
    tolerances : mapping
        What the rung had to hold.
    fell_short : tuple of str
        Which of them did not.
    decision : mapping, optional
        When output neurons decided, at what cost, and whether they fired in the twin's order; of
        networks with readout ``first_spike`` only. The keys are those of the `to_dict` of
        `Decision` and of `FirstSpikes` in `brianbridge.fidelity.decision`.
    attribution : mapping, optional
        ``accuracy`` and ``agreement``: what each perturbation costs ``alone``, ``last`` and its
        ``share`` (`brianbridge.fidelity.attribution`), by name.
    remedies : mapping, optional
        Of the same rung ``calibrated`` and ``fine_tuned``: what was done, accuracy and its change,
        agreement and spikes per sample, and the ``file`` of the changed network
        (`brianbridge.fidelity.remedies`).
    """

    name: str
    dt_ms: float
    perturbations: Mapping[str, Any]
    runs: int
    accuracy: float
    accuracy_by_run: tuple[float, ...]
    accuracy_change_ci95: tuple[float, float]
    accuracy_change_bootstrap95: tuple[float, float] | None
    mcnemar_p: float | None
    agreement: float
    spikes_per_sample: Mapping[str, float]
    count_mismatches: int
    spike_mismatches: int
    count_correlation: Mapping[str, float | None]
    count_differences: Mapping[str, Mapping[str, float]]
    first_divergence: Mapping[str, float | None]
    distances: Mapping[str, Mapping[str, float]]
    latency_ms: float | None
    synops_per_sample: float
    synops_by_mass_per_sample: float
    seconds: float
    tolerances: Mapping[str, Any]
    fell_short: tuple[str, ...]
    decision: Mapping[str, Any] | None = None
    attribution: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None
    remedies: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def passed(self) -> bool:
        """Whether it held its tolerances; where there are none, it did."""
        return not self.fell_short

    @property
    def outcome(self) -> str:
        """Whether it ``held`` or ``fell short``, or had ``no limit`` to hold, in words."""
        limits = {name: limit for name, limit in self.tolerances.items() if limit is not None}
        # Accuracy cannot fall by more than 1.
        if limits.pop("max_accuracy_drop", 1.0) >= 1 and not limits:
            return "no limit"
        return "held" if self.passed else "fell short"

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome for JSON."""
        return {**asdict(self), "passed": self.passed, "outcome": self.outcome}


@dataclass(frozen=True)
class Verdict:
    """Hold the outcome of a ladder.

    Parameters
    ----------
    network : str
        The network file, or what it is called.
    dataset : mapping
        ``name``, ``split``, ``samples``, ``sha256``.
    surrogate : mapping
        ``accuracy`` and ``spikes_per_sample`` of the twin, in float64; ``decision``, as that of a
        rung, if its readout is ``first_spike``.
    rungs : tuple of RungOutcome
        In the order of the ladder.
    provenance : mapping
        Versions, date and machine.
    operations : Operations, optional
        Of the twin; see its `table`.
    skipped : mapping of str to str
        Why rungs were left out that are optional, by name.
    baseline : mapping, optional
        As `surrogate`, of the network that it is compared with: the one that a study started from.
    remedied : mapping of str to SpikingNetwork
        The networks that remedies gave, by the name of the file that `save` writes.
    evidence : Evidence, optional
        What was judged by, for a report; of no other use, and in no file.
    """

    network: str
    dataset: Mapping[str, Any]
    surrogate: Mapping[str, Any]
    rungs: tuple[RungOutcome, ...]
    provenance: Mapping[str, Any]
    operations: Operations | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    baseline: Mapping[str, Any] | None = None
    remedied: Mapping[str, SpikingNetwork] = field(default_factory=dict, repr=False, compare=False)
    evidence: Evidence | None = field(default=None, repr=False, compare=False)

    @property
    def passed(self) -> bool:
        """Whether there are rungs, and every one held its tolerances."""
        return bool(self.rungs) and all(rung.passed for rung in self.rungs)

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as it is written to ``verdict.json``."""
        return {
            "schema": SCHEMA,
            **{f.name: getattr(self, f.name) for f in fields(self) if f.compare},
            "rungs": [rung.to_dict() for rung in self.rungs],
            "operations": None if self.operations is None else self.operations.to_dict(),
            "passed": self.passed,
        }

    def to_json(self) -> str:
        """Return the verdict as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def save(self, path: Path) -> None:
        """Write ``verdict.json``, each file in one step; beside it the networks of remedies."""
        from ..io.network_file import save

        for name, network in self.remedied.items():
            save(network, path.with_name(name))
        write_whole(path, self.to_json() + "\n")

    def report(self, path: str | Path, command: str = "") -> Path:
        """Write an HTML page with figures; see `brianbridge.fidelity.report.write_report`."""
        from .report import write_report

        return write_report(self, path, command)

    def table(self) -> Any:
        """Return a `rich` table for the terminal."""
        from rich.markup import escape
        from rich.table import Table

        data = self.dataset
        table = Table(
            title=escape(
                f"{self.network} on {data['samples']} samples of {data['name']} ({data['split']})"
            ),
            caption=escape("\n".join(self._notes())) or None,
        )
        for heading in (
            "condition", "dt", "accuracy", "change, 95 % interval", "agreement",
            "spikes/sample", "spikes differ", "counts differ", "seconds", "",
        ):  # fmt: skip
            table.add_column(heading, justify="left" if heading == "condition" else "right")
        for label, twin in (("start, torch twin", self.baseline), ("torch twin", self.surrogate)):
            if twin is not None:
                table.add_row(
                    label, "", _percent(twin["accuracy"]), "", "",
                    _spikes(twin["spikes_per_sample"]), "", "", "", "",
                )  # fmt: skip
        for rung in self.rungs:
            low, high = rung.accuracy_change_ci95
            table.add_row(
                escape(f"Brian2, {rung.name}"), f"{rung.dt_ms:g} ms", _percent(rung.accuracy),
                f"{100 * low:+.2f} to {100 * high:+.2f}", _percent(rung.agreement),
                _spikes(rung.spikes_per_sample), f"{rung.spike_mismatches:,}",
                f"{rung.count_mismatches:,}", f"{rung.seconds:.1f}",
                _COLOURED[rung.outcome],
            )  # fmt: skip
        return table

    def _notes(self) -> list[str]:
        """Return the lines below the table: decisions, attribution, remedies, operations."""
        twin = self.surrogate
        runs = [("torch twin", twin.get("decision"), twin["spikes_per_sample"])]
        # A line for each of many rungs would bury the table; the verdict has them all.
        told = self.rungs[:_DECISIONS]
        runs += [(f"Brian2, {r.name}", r.decision, r.spikes_per_sample) for r in told]
        notes = [
            f"{label}: {_decision(found, spikes)}"
            for label, found, spikes in runs
            if found is not None
        ]
        notes += [
            f"Brian2, {rung.name}, {remedy_in_words(how, found)}: {_percent(found['accuracy'])} "
            f"in place of {_percent(rung.accuracy_by_run[0])}"
            for rung in self.rungs
            for how, found in (rung.remedies or {}).items()
        ]
        for rung in self.rungs:
            shares = (rung.attribution or {}).get("accuracy", {})
            parts = [f"{name} {100 * cost['share']:+.2f}" for name, cost in shares.items()]
            if parts:
                notes.append(f"Brian2, {rung.name}, points lost to: {', '.join(parts)}")
        notes += [f"left out: {name} ({why})" for name, why in self.skipped.items()]
        return notes if self.operations is None else [*notes, self.operations.summary()]


def remedy_in_words(how: str, found: Mapping[str, Any]) -> str:
    """Return what was tried on a rung, of the key and the facts in its ``remedies``.

    Examples
    --------
    >>> remedy_in_words("fine_tuned", {"start": "calibrated"})
    'calibrated and fine-tuned'
    """
    words = how.replace("_", "-")
    return f"calibrated and {words}" if found.get("start") == "calibrated" else words


def _decision(found: Mapping[str, Any], spikes: Mapping[str, float]) -> str:
    """Tell in a line when and how a run decided; orders are compared for Brian2 only."""
    when = found["decision_time"]
    text = (
        f"decided {'never' if when is None else f'after {1e3 * when:.3g} ms'}, "
        f"{_spikes(found['spikes_until_decision'])} of {_spikes(spikes)} spikes, "
        f"{found['undecided']:,} undecided, {_percent(found['ties'])} ties, "
        f"accuracy {_percent(found['accuracy_ties_right'])} with ties right"
    )
    if "order_mismatches" not in found:
        return text
    return f"{text}, {found['order_mismatches']:,} orders differ"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _spikes(by_population: Mapping[str, float]) -> str:
    return f"{sum(by_population.values()):.1f}"
