"""Measure a rung: turn the results of its runs into numbers and judge its tolerances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from brianbridge.ladder.judgement import DecideBy
from brianbridge.ladder.outcomes import RungOutcome, TwinOutcome
from brianbridge.ladder.results import RunResult
from brianbridge.ladder.rungs import Rung
from brianbridge.ladder.tolerances import RungResults, judge_tolerances
from brianbridge.measures.accuracy_change import (
    DiscordantPairs,
    bootstrap_interval,
    mcnemar,
    repeated_interval,
)
from brianbridge.measures.confidence_intervals import score_interval
from brianbridge.measures.operation_counting import count_operations
from brianbridge.measures.over_time import accuracy_over_time
from brianbridge.measures.sample_summary import count_silent_and_tied, share_of_largest_class
from brianbridge.measures.spike_comparison import SpikeComparison
from brianbridge.measures.spike_counts import SpikeCounts
from brianbridge.network import SpikingNetwork
from brianbridge.neurons.quantities import plain
from brianbridge.perturbations.condition import Condition

__all__ = ["measure_rung", "measure_twin"]


def measure_twin(twin: RunResult, labels: np.ndarray) -> TwinOutcome:
    """Return the numbers of a twin.

    Parameters
    ----------
    twin : RunResult
        Results of the twin.
    labels : numpy.ndarray of int, shape (samples,)
        Label of each sample.
    """
    return TwinOutcome(
        accuracy=float(np.mean(twin.prediction == labels)),
        spikes_per_sample=_spikes_per_sample(twin),
        chance=share_of_largest_class(labels),
        decision=None if twin.decision is None else twin.decision.to_dict(),
        over_time=_over_time([twin]),
        **count_silent_and_tied([twin.outputs], twin.prediction[None], labels),
    )


def measure_rung(
    rung: Rung,
    condition: Condition,
    twin: RunResult,
    runs: Sequence[RunResult],
    labels: np.ndarray,
    inputs: Mapping[str, SpikeCounts],
    decide_by: DecideBy = "interval",
) -> RungOutcome:
    """Measure and judge a rung.

    Parameters
    ----------
    rung : Rung
        The rung, with its tolerances.
    condition : Condition
        Condition of the first run.
    twin : RunResult
        Results of the twin.
    runs : sequence of RunResult
        Results of Brian2, one for each run, on the same samples.
    labels : numpy.ndarray of int, shape (samples,)
        Label of each sample.
    inputs : mapping of str to SpikeCounts
        Spike counts of the input, for one presentation of each sample.
    decide_by : {"interval", "estimate"}
        Whether tolerances are judged by 95 % intervals or by the estimates on these samples.
    """
    pooled = reduce(add, runs)
    comparison = pooled.comparison
    assert comparison is not None, "Brian2 was compared with the twin"
    results = RungResults(twin, runs, comparison, labels, _is_exact(rung, comparison, twin, runs))
    judged = judge_tolerances(rung.tolerances, results, decide_by)
    outcome = RungOutcome(
        name=rung.name,
        dt_ms=condition.dt * 1e3,
        perturbations=plain(rung.perturb, as_text=True),
        runs=len(runs),
        accuracy=results.accuracy,
        agreement=results.agreement,
        spikes_per_sample=_spikes_per_sample(pooled),
        distances={} if pooled.distances is None else pooled.distances.to_dict(),
        latency_ms=None
        if pooled.latency is None
        else float(pooled.latency.mean()) * condition.dt * 1e3,
        seconds=pooled.seconds,
        tolerances=rung.tolerances.model_dump(),
        fell_short=tuple(name for name, one in judged.items() if one.outcome == "fell short"),
        undecided=tuple(name for name, one in judged.items() if one.outcome == "undecided"),
        judged=judged,
        exact=results.exact,
        bridge=None if pooled.bridge is None else asdict(pooled.bridge),
        over_time=_over_time(runs),
        **_accuracy(results),
        **_differences(comparison, condition.network),
        **_synaptic_operations(condition, pooled, inputs, len(labels), len(runs)),
        **count_silent_and_tied([run.outputs for run in runs], results.predictions, labels),
    )
    if pooled.decision is None or pooled.first_spikes is None:
        return outcome
    return replace(outcome, decision={**pooled.decision.to_dict(), **pooled.first_spikes.to_dict()})


def _is_exact(
    rung: Rung, comparison: SpikeComparison, twin: RunResult, runs: Sequence[RunResult]
) -> bool:
    """Tell whether a rung requires every spike to be the twin's, and every spike is."""
    claims = not rung.perturb or rung.max_spike_mismatches == 0
    same = all((run.prediction == twin.prediction).all() for run in runs)
    return bool(claims and comparison.spike_mismatches == 0 and same)


def _accuracy(results: RungResults) -> dict[str, Any]:
    """Return the accuracy of each run, and the intervals of the change from the twin's."""
    before, after = results.twin_right, results.right
    found: dict[str, Any] = {"accuracy_by_run": tuple(float(run.mean()) for run in after)}
    if len(after) > 1:
        interval = repeated_interval(before, after)
        return {
            **found, "accuracy_change_ci95": interval, "accuracy_change_bootstrap95": None,
            "mcnemar_p": None,
        }  # fmt: skip
    pairs = DiscordantPairs.of(before, after[0])
    return {
        **found,
        "accuracy_change_ci95": score_interval(*DiscordantPairs.of(before, after[0])),
        "accuracy_change_bootstrap95": bootstrap_interval(pairs),
        "mcnemar_p": mcnemar(pairs),
    }


def _over_time(runs: Sequence[RunResult]) -> dict[str, list[float]] | None:
    """Return the accuracy over time; None if nobody knows it."""
    early = [run.early for run in runs if run.early is not None]
    return accuracy_over_time(early) if early else None


def _differences(comparison: SpikeComparison, network: SpikingNetwork) -> dict[str, Any]:
    """Return how counts and spikes differ from the twin's."""
    diverged = comparison.since[comparison.since < network.steps]
    return {
        "count_mismatches": comparison.count_mismatches,
        "spike_mismatches": comparison.spike_mismatches,
        "count_correlation": comparison.count_correlation,
        "count_differences": {
            name: {"mean": (sums.y - sums.x) / sums.pairs, "mean_absolute": sums.apart / sums.pairs}
            for name, sums in comparison.counts.items()
        },
        "first_divergence": {
            "samples": len(diverged) / len(comparison.since),
            "median_ms": float(np.median(diverged)) * network.dt * 1e3 if len(diverged) else None,
        },
    }


def _synaptic_operations(
    condition: Condition,
    pooled: RunResult,
    inputs: Mapping[str, SpikeCounts],
    samples: int,
    runs: int,
) -> dict[str, Any]:
    """Return synaptic operations per sample.

    Input spikes that Brian2 draws itself are not recorded. The twin's input spikes, which have the
    same rates, are counted instead. The projections are those of the perturbed network, because
    delays and similar perturbations add some.
    """
    network = condition.network
    repeated = {name: reduce(add, [activity] * runs) for name, activity in inputs.items()}
    operations = count_operations(
        network,
        {**pooled.activity, **repeated},
        samples * runs,
        network.steps * condition.divisor,
    )
    return {
        "synops_per_sample": operations.synops,
        "synops_by_mass_per_sample": operations.synops_by_mass,
    }


def _spikes_per_sample(result: RunResult) -> dict[str, float]:
    """Return the mean number of spikes in a sample, by population."""
    return {name: int(a.events.sum()) / a.samples for name, a in result.activity.items()}
