"""The numbers of ``summary.json``: those of each training, and their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from brianbridge.datasets import Dataset
from brianbridge.ladder.judgement import worst_outcome
from brianbridge.ladder.twin_run import TwinRun
from brianbridge.ladder.verdict import Verdict
from brianbridge.measures.classification import accuracy
from brianbridge.network import SpikingNetwork
from brianbridge.provenance import collect
from brianbridge.study.schema import Study

__all__ = ["numbers_of", "summary_of"]


def numbers_of(
    network: SpikingNetwork, test: Dataset, verdict: Verdict, all_samples: bool
) -> dict[str, Any]:
    """Return the numbers of one training.

    Parameters
    ----------
    network : SpikingNetwork
        The trained network.
    test : Dataset
        All test samples.
    verdict : Verdict
        What held in Brian2.
    all_samples : bool
        Whether Brian2 simulated all test samples.
    """
    numbers: dict[str, Any] = {"twin_accuracy": verdict.twin.accuracy}
    if not all_samples:
        # The twin's accuracy is also reported for all samples.
        outcome = TwinRun(network, test.x).outcome
        numbers["twin_accuracy_all"] = accuracy(outcome, test.y)
        numbers["samples_all"] = len(test)
    numbers["samples"] = verdict.dataset["samples"]
    for rung in verdict.rungs:
        numbers[f"{rung.name}_accuracy"] = rung.accuracy
        numbers[f"{rung.name}_silent"] = rung.silent
        numbers[f"{rung.name}_ties"] = rung.ties
        numbers[f"{rung.name}_spike_mismatches"] = rung.spike_mismatches
        numbers[f"{rung.name}_spikes_per_sample"] = sum(rung.spikes_per_sample.values())
        numbers[f"{rung.name}_synops_per_sample"] = rung.synops_per_sample
        numbers[f"{rung.name}_seconds"] = rung.seconds
        if rung.decision is not None:
            numbers |= _of_decision(rung.name, rung.decision)
    if verdict.baseline is not None:
        numbers["start_accuracy"] = verdict.baseline.accuracy
        numbers["start_spikes_per_sample"] = sum(verdict.baseline.spikes_per_sample.values())
    if verdict.operations is not None:
        numbers["macs_per_sample"] = verdict.operations.macs
        numbers["ann_macs_per_sample"] = verdict.operations.ann_macs
    numbers["passed"] = verdict.passed
    numbers["outcome"] = verdict.outcome
    return numbers


def _of_decision(rung: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a rung for a network with readout ``first_spike``."""
    when = found["decision_time"]
    return {
        f"{rung}_decision_time_ms": None if when is None else 1e3 * when,
        f"{rung}_undecided": found["undecided"],
        f"{rung}_spikes_until_decision": sum(found["spikes_until_decision"].values()),
        f"{rung}_input_spikes_until_decision": found["input_spikes_until_decision"],
        f"{rung}_input_spikes_per_sample": found["input_spikes_per_sample"],
        f"{rung}_ties": found["ties"],
        f"{rung}_accuracy_ties_right": found["accuracy_ties_right"],
        f"{rung}_order_mismatches": found["order_mismatches"],
    }


def summary_of(study: Study, parts: Sequence[Mapping[str, Any]], decide_by: str) -> dict[str, Any]:
    """Return the summary of a study from the numbers of its trainings."""
    return {
        "study": study.name,
        "title": study.title,
        "seed": study.seed,
        "folds": study.dataset.folds,
        "passed": all(part["passed"] for part in parts),
        "outcome": worst_outcome(part["outcome"] for part in parts),
        "decide_by": decide_by,
        "parts": list(parts),
        "mean": {key: _mean(parts, key) for key in parts[0] if key not in ("passed", "outcome")},
        "provenance": collect(),
    }


def _mean(parts: Sequence[Mapping[str, Any]], key: str) -> float | None:
    """Return the mean over the trainings that have a number; None if none has."""
    values = [part[key] for part in parts if part[key] is not None]
    return float(np.mean(values)) if values else None
