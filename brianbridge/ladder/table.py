"""The table of a verdict for the terminal, and the lines below it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brianbridge.ladder.verdict import RungOutcome, Verdict

__all__ = ["count", "remedy_in_words", "table_of"]

_COLOURED = {
    "held": "[green]held[/green]",
    "fell short": "[red]fell short[/red]",
    "undecided": "[yellow]undecided[/yellow]",
    "no limit": "no limit",
}
#: Rungs of which the table tells how they decided.
_DECISIONS = 2


def table_of(verdict: Verdict) -> Any:
    """Return a `rich` table for the terminal."""
    from rich.markup import escape
    from rich.table import Table

    data = verdict.dataset
    table = Table(
        title=escape(
            f"{verdict.network} on {data['samples']} samples of {data['name']} ({data['split']})"
        ),
        caption=escape("\n".join(_notes(verdict))) or None,
    )
    for heading in (
        "condition", "dt", "accuracy", "change, 95 %", "agreement", "silent, tied",
        "spikes/sample", "spikes differ", "counts differ", "seconds", "",
    ):  # fmt: skip
        table.add_column(heading, justify="left" if heading == "condition" else "right")
    for label, twin in (("start, torch twin", verdict.baseline), ("torch twin", verdict.twin)):
        if twin is not None:
            table.add_row(
                label, "", _percent(twin["accuracy"]), "", "", _unsaid(twin),
                _spikes(twin["spikes_per_sample"]), "", "", "", "",
            )  # fmt: skip
    for rung in verdict.rungs:
        table.add_row(
            escape(f"Brian2, {rung.name}"), f"{rung.dt_ms:g} ms", _percent(rung.accuracy),
            _change(rung), _percent(rung.agreement), _unsaid(vars(rung)),
            _spikes(rung.spikes_per_sample), f"{rung.spike_mismatches:,}",
            f"{rung.count_mismatches:,}", f"{rung.seconds:.1f}",
            _COLOURED[rung.outcome],
        )  # fmt: skip
    return table


def _notes(verdict: Verdict) -> list[str]:
    """Return the lines below the table: warnings, reasons, decisions, attribution, remedies."""
    twin, samples = verdict.twin, verdict.dataset["samples"]
    runs = [("torch twin", twin.get("decision"), twin["spikes_per_sample"])]
    # A line for each of many rungs would bury the table; the verdict has them all.
    told = verdict.rungs[:_DECISIONS]
    runs += [(f"Brian2, {r.name}", r.decision, r.spikes_per_sample) for r in told]
    notes = [
        *verdict.warnings,
        *(
            f"Brian2, {rung.name}, {rung.outcome}: {'; '.join(rung.reasons(samples))}"
            for rung in verdict.rungs
            if rung.outcome in ("fell short", "undecided")
        ),
    ]
    notes += [
        f"{label}: {_decision(found, spikes)}" for label, found, spikes in runs if found is not None
    ]
    notes += [
        f"Brian2, {rung.name}, {remedy_in_words(how, found)}: {_percent(found['accuracy'])} "
        f"in place of {_percent(rung.accuracy_by_run[0])}"
        for rung in verdict.rungs
        for how, found in (rung.remedies or {}).items()
    ]
    for rung in verdict.rungs:
        shares = (rung.attribution or {}).get("accuracy", {})
        parts = [f"{name} {100 * cost['share']:+.2f}" for name, cost in shares.items()]
        if parts:
            notes.append(f"Brian2, {rung.name}, points lost to: {', '.join(parts)}")
    notes += [f"left out: {name} ({why})" for name, why in verdict.skipped.items()]
    return notes if verdict.operations is None else [*notes, verdict.operations.summary()]


def count(number: float | None) -> str:
    """Return a number of samples; a mean over runs to a tenth, a dash where it has no meaning.

    Examples
    --------
    >>> count(1200.0), count(0.34), count(None)
    ('1,200', '0.3', '-')
    """
    if number is None:
        return "-"
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def _unsaid(found: Mapping[str, Any]) -> str:
    """Return in how many samples the output is silent, and in how many others it is tied."""
    return f"{count(found.get('silent'))}, {count(found.get('ties'))}"


def _change(rung: RungOutcome) -> str:
    """Return the interval of the change in accuracy; where a rung is exact there is no estimate."""
    if rung.exact:
        return "none, all same"
    low, high = rung.accuracy_change_ci95
    return f"{100 * low:+.2f} to {100 * high:+.2f}"


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
