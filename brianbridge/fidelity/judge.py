"""From what a rung gave to what it says: numbers, intervals, and whether tolerances held."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from ..neurons.quantities import plain
from . import metrics
from .activity import Activity
from .condition import Condition
from .ladder import Rung, Tolerances
from .operations import count_operations
from .statistics import Discordant, bootstrap_interval, mcnemar, repeated_interval
from .tasks import Piece
from .verdict import RungOutcome

__all__ = ["outcome_of", "spikes_per_sample"]


def outcome_of(
    rung: Rung,
    condition: Condition,
    twin: Piece,
    runs: Sequence[Piece],
    labels: np.ndarray,
    inputs: Mapping[str, Activity],
) -> RungOutcome:
    """Judge a rung.

    Parameters
    ----------
    rung : Rung
        What it is called and must hold.
    condition : Condition
        What ran, of the first run.
    twin : Piece
        What the surrogate did.
    runs : sequence of Piece
        What Brian2 did, once or repeatedly, on the same samples.
    labels : numpy.ndarray of int, shape (samples,)
        The classes.
    inputs : mapping of str to Activity
        Of the input, over the samples once.
    """
    pooled = reduce(add, runs)
    comparison = pooled.comparison
    assert comparison is not None, "Brian2 was compared with the twin"
    samples, network = len(labels), condition.network
    right = twin.prediction == labels
    rights = np.stack([run.prediction == labels for run in runs])
    pairs = Discordant.of(right, rights[0])
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
        accuracy_change_ci95=metrics.paired_interval(right, rights[0])
        if alone
        else repeated_interval(right, rights),
        accuracy_change_bootstrap95=bootstrap_interval(pairs) if alone else None,
        mcnemar_p=mcnemar(pairs) if alone else None,
        agreement=float(np.mean(np.tile(twin.prediction, len(runs)) == pooled.prediction)),
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
    )
    twin_accuracy, twin_spikes = float(right.mean()), spikes_per_sample(twin)
    apart = {name for name, sums in comparison.counts.items() if sums.apart}
    short = _shortfalls(rung.tolerances, found, twin_accuracy, twin_spikes, apart)
    return replace(found, fell_short=short)


def spikes_per_sample(piece: Piece) -> dict[str, float]:
    """Return the mean number of spikes of a presentation, by population."""
    return {name: int(a.events.sum()) / a.samples for name, a in piece.activity.items()}


def _shortfalls(
    limits: Tolerances,
    found: RungOutcome,
    accuracy: float,
    spikes: Mapping[str, float],
    apart: Collection[str],
) -> tuple[str, ...]:
    """Return the names of the tolerances that did not hold.

    Parameters
    ----------
    limits, found
        What is wanted, and what was found.
    accuracy, spikes
        Of the twin.
    apart : collection of str
        Populations whose counts differ anywhere.
    """
    # A billionth, so that a tolerance of 2 samples in 100 is not missed by rounding.
    tiny = 1e-9
    before, after = sum(spikes.values()), sum(found.spikes_per_sample.values())
    # Where neither varies there is nothing to correlate; where one of the two does, all is lost.
    correlations = [
        0.0 if c is None else c
        for name, c in found.count_correlation.items()
        if c is not None or name in apart
    ]
    values: dict[str, tuple[Any, bool]] = {
        "max_accuracy_drop": (accuracy - found.accuracy, True),
        "min_agreement": (found.agreement, False),
        "min_count_correlation": (min(correlations, default=1.0), False),
        "max_spikes_change": (abs(after - before) / before if before else float(after > 0), True),
        "max_spike_mismatches": (found.spike_mismatches, True),
    }
    short = []
    for name, (value, at_most) in values.items():
        limit = getattr(limits, name)
        if limit is not None and (value > limit + tiny if at_most else value < limit - tiny):
            short.append(name)
    return tuple(short)
