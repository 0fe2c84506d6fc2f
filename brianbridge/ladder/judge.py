"""Judge a rung: from what its runs gave to numbers, intervals, and whether tolerances held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from brianbridge.ladder.judgement import DecideBy, Measured, judge
from brianbridge.ladder.rungs import Rung
from brianbridge.ladder.tasks import Piece
from brianbridge.ladder.verdict import RungOutcome
from brianbridge.measures.accuracy_change import (
    DiscordantPairs,
    bootstrap_interval,
    mcnemar,
    repeated_interval,
)
from brianbridge.measures.confidence_intervals import (
    Interval,
    proportion_interval,
    ratio_interval,
    score_interval,
)
from brianbridge.measures.operation_counting import count_operations
from brianbridge.measures.sample_summary import count_silent_and_tied
from brianbridge.measures.spike_counts import SpikeCounts
from brianbridge.neurons.quantities import plain
from brianbridge.perturbations.condition import Condition

__all__ = ["outcome_of", "spikes_per_sample"]


def outcome_of(
    rung: Rung,
    condition: Condition,
    twin: Piece,
    runs: Sequence[Piece],
    labels: np.ndarray,
    inputs: Mapping[str, SpikeCounts],
    decide_by: DecideBy = "interval",
) -> RungOutcome:
    """Judge a rung.

    Parameters
    ----------
    rung : Rung
        What it is called and must hold.
    condition : Condition
        What ran, of the first run.
    twin : Piece
        What the twin did.
    runs : sequence of Piece
        What Brian2 did, once or repeatedly, on the same samples.
    labels : numpy.ndarray of int, shape (samples,)
        The classes.
    inputs : mapping of str to SpikeCounts
        Of the input, over the samples once.
    decide_by : {"interval", "estimate"}
        Whether tolerances are judged by 95 % intervals, or by what was found on these samples.
    """
    pooled = reduce(add, runs)
    comparison = pooled.comparison
    assert comparison is not None, "Brian2 was compared with the twin"
    samples, network = len(labels), condition.network
    right = twin.prediction == labels
    predictions = np.stack([run.prediction for run in runs])
    rights = predictions == labels
    pairs = DiscordantPairs.of(right, rights[0])
    alone = len(runs) == 1
    dt = condition.dt
    # Where Brian2 draws the input spikes itself, the twin's stand for them: they are not recorded,
    # but come at the same rates. Delays and the like have projections of their own.
    operations = count_operations(
        network,
        {**pooled.activity, **{n: reduce(add, [a] * len(runs)) for n, a in inputs.items()}},
        samples * len(runs),
        network.steps * condition.divisor,
    )
    diverged = comparison.since[comparison.since < network.steps]
    decision = None
    if pooled.decision is not None and pooled.first_spikes is not None:
        decision = {**pooled.decision.to_dict(), **pooled.first_spikes.to_dict()}
    found = RungOutcome(
        name=rung.name,
        dt_ms=dt * 1e3,
        perturbations=plain(rung.perturb, as_text=True),
        runs=len(runs),
        accuracy=float(rights.mean()),
        accuracy_by_run=tuple(float(r.mean()) for r in rights),
        accuracy_change_ci95=score_interval(*pairs) if alone else repeated_interval(right, rights),
        accuracy_change_bootstrap95=bootstrap_interval(pairs) if alone else None,
        mcnemar_p=mcnemar(pairs) if alone else None,
        agreement=float(np.mean(predictions == twin.prediction)),
        spikes_per_sample=spikes_per_sample(pooled),
        count_mismatches=comparison.count_mismatches,
        spike_mismatches=comparison.spike_mismatches,
        count_correlation=comparison.count_correlation,
        count_differences={
            name: {"mean": (sums.y - sums.x) / sums.pairs, "mean_absolute": sums.apart / sums.pairs}
            for name, sums in comparison.counts.items()
        },
        first_divergence={
            "samples": len(diverged) / len(comparison.since),
            "median_ms": float(np.median(diverged)) * network.dt * 1e3 if len(diverged) else None,
        },
        distances={} if pooled.distances is None else pooled.distances.to_dict(),
        latency_ms=None if pooled.latency is None else float(pooled.latency.mean()) * dt * 1e3,
        synops_per_sample=operations.synops,
        synops_by_mass_per_sample=operations.synops_by_mass,
        seconds=pooled.seconds,
        tolerances=rung.tolerances.model_dump(),
        fell_short=(),
        decision=decision,
        **count_silent_and_tied([run.outputs for run in runs], predictions, labels),
        # The same programs, or so the ladder says: any difference is a fault, and none is no luck.
        exact=bool(
            (not rung.perturb or rung.max_spike_mismatches == 0)
            and comparison.spike_mismatches == 0
            and (predictions == twin.prediction).all()
        ),
    )
    judged = _judged(rung, found, twin, runs, labels, decide_by)
    by_outcome = {
        outcome: tuple(name for name, one in judged.items() if one["outcome"] == outcome)
        for outcome in ("fell short", "undecided")
    }
    return replace(
        found,
        judged=judged,
        fell_short=by_outcome["fell short"],
        undecided=by_outcome["undecided"],
    )


def spikes_per_sample(piece: Piece) -> dict[str, float]:
    """Return the mean number of spikes of a presentation, by population."""
    return {name: int(a.events.sum()) / a.samples for name, a in piece.activity.items()}


def _judged(
    rung: Rung,
    found: RungOutcome,
    twin: Piece,
    runs: Sequence[Piece],
    labels: np.ndarray,
    decide_by: DecideBy,
) -> dict[str, dict[str, Any]]:
    """Judge each tolerance that the rung has, by name.

    Where a rung is exact, all that it measures is a fact: the same spikes give the same counts and
    the same predictions.
    """
    measured = {
        "max_accuracy_drop": lambda: _drop(found, twin, runs, labels),
        "min_agreement": lambda: _agreement(found, twin, runs, rung.min_agreement),
        "min_count_correlation": lambda: _correlation(found, runs),
        "max_spikes_change": lambda: _spikes_change(twin, runs),
        "max_spike_mismatches": lambda: Measured(float(found.spike_mismatches), fact=True),
    }
    judged = {}
    for name, limit in rung.tolerances.model_dump().items():
        if limit is None:
            continue
        one = measured[name]()
        if found.exact:
            one = Measured(one.estimate, fact=True, reason="every spike and prediction is the same")
        judged[name] = judge(name, limit, one, decide_by)
    return judged


def _drop(found: RungOutcome, twin: Piece, runs: Sequence[Piece], labels: np.ndarray) -> Measured:
    """Return by how much accuracy is below the twin's."""
    right = twin.prediction == labels
    drop = float(right.mean()) - found.accuracy
    rights = np.stack([run.prediction == labels for run in runs])
    pairs = DiscordantPairs.of(right, rights[0])

    def at(times: float) -> Interval:
        if len(runs) > 1:
            low, high = repeated_interval(right, rights, times)
        else:
            low, high = score_interval(*(times * number for number in pairs))
        return -high, -low

    return Measured(drop, at)


def _agreement(
    found: RungOutcome, twin: Piece, runs: Sequence[Piece], limit: float | None
) -> Measured:
    """Return the share of samples with the twin's prediction."""
    if limit == 1:
        reason = "a limit of 1 is about these samples: no prediction may differ"
        return Measured(found.agreement, fact=True, reason=reason)
    same = np.stack([run.prediction == twin.prediction for run in runs])
    all_of_them = np.ones(same.shape[1], bool)

    def at(times: float) -> Interval:
        if len(runs) == 1:
            return proportion_interval(times * int(same.sum()), times * same.size)
        low, high = repeated_interval(all_of_them, same, times)
        return max(1 + low, 0.0), min(1 + high, 1.0)

    return Measured(found.agreement, at)


def _correlation(found: RungOutcome, runs: Sequence[Piece]) -> Measured:
    """Return the least correlation of counts of a population."""
    counts = reduce(add, runs).comparison.counts  # type: ignore[union-attr]
    # Where neither varies there is nothing to correlate; where one of the two does, all is lost.
    correlations = [
        0.0 if c is None else c
        for name, c in found.count_correlation.items()
        if c is not None or counts[name].apart
    ]
    return Measured(
        min(correlations, default=1.0),
        reason="a correlation over samples and neurons has no interval here",
    )


def _spikes_change(twin: Piece, runs: Sequence[Piece]) -> Measured:
    """Return by which share the spikes per sample differ from the twin's."""
    before = twin.outputs.spikes.astype(float)
    after = np.stack([run.outputs.spikes for run in runs]).astype(float)
    if not before.any():
        return Measured(float(after.any()), fact=True, reason="the twin has no spikes")
    change = float(after.mean() / before.mean()) - 1
    return Measured(change, lambda times: ratio_interval(before, after, times))
