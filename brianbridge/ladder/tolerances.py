"""Measure the numbers that the tolerances of a rung limit, and judge each of them.

Each function of a tolerance returns its number, with a 95 % interval if there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from brianbridge.ladder.judgement import DecideBy, Judgement, Measured, judge
from brianbridge.ladder.results import RunResult
from brianbridge.ladder.rungs import Tolerances
from brianbridge.measures.accuracy_change import DiscordantPairs, repeated_interval
from brianbridge.measures.confidence_intervals import (
    Interval,
    proportion_interval,
    ratio_interval,
    score_interval,
)
from brianbridge.measures.spike_comparison import SpikeComparison

__all__ = ["RungResults", "judge_tolerances"]


@dataclass(frozen=True, eq=False)
class RungResults:
    """Hold the results of a rung beside those of the twin, on the same samples.

    Parameters
    ----------
    twin : RunResult
        Results of the twin.
    runs : sequence of RunResult
        Results of Brian2, one for each run.
    comparison : SpikeComparison
        Comparison with the twin's spikes, added up over all runs.
    labels : numpy.ndarray of int, shape (samples,)
        Label of each sample.
    exact : bool
        Whether every spike and prediction is the twin's, on a rung that requires it.
    """

    twin: RunResult
    runs: Sequence[RunResult]
    comparison: SpikeComparison
    labels: np.ndarray
    exact: bool

    @property
    def twin_right(self) -> np.ndarray:
        """Whether the twin is right, ``(samples,)``."""
        return self.twin.prediction == self.labels

    @property
    def predictions(self) -> np.ndarray:
        """Predictions of Brian2, ``(runs, samples)``."""
        return np.stack([run.prediction for run in self.runs])

    @property
    def right(self) -> np.ndarray:
        """Whether Brian2 is right, ``(runs, samples)``."""
        return self.predictions == self.labels

    @property
    def accuracy(self) -> float:
        """Accuracy in Brian2, the mean over all runs."""
        return float(self.right.mean())

    @property
    def agreement(self) -> float:
        """Share of samples for which Brian2 predicts the twin's class."""
        return float(np.mean(self.predictions == self.twin.prediction))


def judge_tolerances(
    tolerances: Tolerances, results: RungResults, decide_by: DecideBy
) -> dict[str, Judgement]:
    """Judge each tolerance that sets a limit, by name.

    On a rung that is exact, all numbers are facts: the same spikes give the same counts and the
    same predictions.
    """
    judged = {}
    for name, limit in tolerances.model_dump().items():
        if limit is None:
            continue
        measured = _MEASURES[name](results, limit)
        if results.exact:
            reason = "every spike and prediction is the same"
            measured = Measured(measured.estimate, fact=True, reason=reason)
        judged[name] = judge(name, limit, measured, decide_by)
    return judged


def _accuracy_drop(results: RungResults, limit: float) -> Measured:
    """Return how far accuracy is below the twin's."""
    before, after = results.twin_right, results.right
    pairs = DiscordantPairs.of(before, after[0])

    def at(times: float) -> Interval:
        if len(after) > 1:
            low, high = repeated_interval(before, after, times)
        else:
            low, high = score_interval(*(times * number for number in pairs))
        return -high, -low

    return Measured(float(before.mean()) - results.accuracy, at)


def _agreement(results: RungResults, limit: float) -> Measured:
    """Return the share of samples with the twin's prediction."""
    if limit == 1:
        reason = "a limit of 1 is about these samples: no prediction may differ"
        return Measured(results.agreement, fact=True, reason=reason)
    same = results.predictions == results.twin.prediction
    all_samples = np.ones(same.shape[1], bool)

    def at(times: float) -> Interval:
        if len(same) == 1:
            return proportion_interval(times * int(same.sum()), times * same.size)
        low, high = repeated_interval(all_samples, same, times)
        return max(1 + low, 0.0), min(1 + high, 1.0)

    return Measured(results.agreement, at)


def _count_correlation(results: RungResults, limit: float) -> Measured:
    """Return the smallest correlation of spike counts of any population."""
    comparison = results.comparison
    # If neither count varies there is nothing to correlate. If only one does, it is 0.
    correlations = [
        0.0 if correlation is None else correlation
        for name, correlation in comparison.count_correlation.items()
        if correlation is not None or comparison.counts[name].apart
    ]
    reason = "a correlation over samples and neurons has no interval here"
    return Measured(min(correlations, default=1.0), reason=reason)


def _spikes_change(results: RungResults, limit: float) -> Measured:
    """Return the change of the spikes per sample, as a share of the twin's."""
    before = results.twin.outputs.spikes.astype(float)
    after = np.stack([run.outputs.spikes for run in results.runs]).astype(float)
    if not before.any():
        return Measured(float(after.any()), fact=True, reason="the twin has no spikes")
    change = float(after.mean() / before.mean()) - 1
    return Measured(change, lambda times: ratio_interval(before, after, times))


def _spike_mismatches(results: RungResults, limit: float) -> Measured:
    """Return the number of (step, sample, neuron) cells that differ."""
    return Measured(float(results.comparison.spike_mismatches), fact=True)


_MEASURES: Mapping[str, Callable[[RungResults, float], Measured]] = {
    "max_accuracy_drop": _accuracy_drop,
    "min_agreement": _agreement,
    "min_count_correlation": _count_correlation,
    "max_spikes_change": _spikes_change,
    "max_spike_mismatches": _spike_mismatches,
}
