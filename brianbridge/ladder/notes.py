"""The notes below the table of a verdict: reasons, decision times, remedies, attribution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from brianbridge.ladder.outcomes import RungOutcome, TwinOutcome
from brianbridge.ladder.table import percent

__all__ = ["notes_of"]

#: Number of rungs whose decision times are noted. The verdict has all of them; a line for each of
#: many rungs would be too much.
_DECISIONS = 2


def notes_of(twin: TwinOutcome, rungs: Sequence[RungOutcome], samples: int) -> list[str]:
    """Return the notes on a ladder, one line each.

    Parameters
    ----------
    twin : TwinOutcome
        Outcome of the twin.
    rungs : sequence of RungOutcome
        Outcomes of the rungs.
    samples : int
        Number of samples.
    """
    return [
        *(
            f"Brian2, {rung.name}, {rung.outcome}: {'; '.join(rung.reasons(samples))}"
            for rung in rungs
            if rung.outcome in ("fell short", "undecided")
        ),
        *_bridge(rungs),
        *_decisions(twin, rungs[:_DECISIONS]),
        *(
            f"Brian2, {rung.name}, {remedy.label}: {percent(remedy.accuracy)} "
            f"in place of {percent(rung.accuracy_by_run[0])}"
            for rung in rungs
            for remedy in (rung.remedies or {}).values()
        ),
        *_attributions(rungs),
    ]


def _bridge(rungs: Sequence[RungOutcome]) -> Iterator[str]:
    """Yield a line on the agreement of Brian2 and the twin of each rung: one for all that agree."""
    checked = [(rung.name, rung.bridge) for rung in rungs if rung.bridge is not None]
    same = [found for _, found in checked if not found["mismatches"]]
    if same:
        spikes, samples = sum(found["spikes"] for found in same), same[0]["samples"]
        word = "rung" if len(same) == 1 else "rungs"
        yield (
            f"Brian2 and the twin of the rung: 0 of {spikes:,} spikes differ on {len(same)} {word}"
            f", first {samples} samples"
        )
    for name, found in checked:
        if found["mismatches"]:
            yield (
                f"Brian2, {name}: {found['mismatches']:,} of {found['cells']:,} cells differ from "
                f"the twin of the rung, first {found['samples']} samples"
            )


def _decisions(twin: TwinOutcome, rungs: Sequence[RungOutcome]) -> Iterator[str]:
    """Yield when and how each run decided; only for networks with readout ``first_spike``."""
    if twin.decision is not None:
        yield f"torch twin: {_decision(twin.decision, twin.spikes_per_sample)}"
    for rung in rungs:
        if rung.decision is not None:
            yield f"Brian2, {rung.name}: {_decision(rung.decision, rung.spikes_per_sample)}"


def _decision(found: Mapping[str, Any], spikes: Mapping[str, float]) -> str:
    """Describe decisions in a line; the order of spikes is compared for Brian2 only."""
    time = found["decision_time"]
    when = "never" if time is None else f"after {1e3 * time:.3g} ms"
    until = sum(found["spikes_until_decision"].values())
    text = (
        f"decided {when}, {until:.1f} of {sum(spikes.values()):.1f} spikes, "
        f"{found['undecided']:,} undecided, {percent(found['ties'])} ties, "
        f"accuracy {percent(found['accuracy_ties_right'])} if ties count as right"
    )
    if "order_mismatches" not in found:
        return text
    return f"{text}, {found['order_mismatches']:,} orders differ"


def _attributions(rungs: Sequence[RungOutcome]) -> Iterator[str]:
    """Yield a line for each rung with an attribution: the accuracy that each perturbation costs."""
    for rung in rungs:
        costs = (rung.attribution or {}).get("accuracy", {})
        shares = [f"{name} {100 * cost['share']:+.2f}" for name, cost in costs.items()]
        if shares:
            yield f"Brian2, {rung.name}, points lost to: {', '.join(shares)}"
