"""Carry out a study: train, write back, verify, and leave everything in one folder.

```
OUT/checkpoint.pt   after every epoch; the same command resumes from it
OUT/unfinished      parts of a verification that was interrupted, from which it goes on
OUT/network.h5      the trained network, with its training curve and provenance
OUT/spikes.h5       every spike of the first rung
OUT/verdict.json    what held in Brian2
OUT/report.html     the same as a page with figures, where matplotlib and jinja2 are installed
OUT/summary.json    the numbers in short; of a study with folds, all folds and their means
```
A study with folds has all but the last in ``OUT/fold0``, ``OUT/fold1``, ...
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.datasets import Dataset, Split, load
from brianbridge.datasets.fit import fitted
from brianbridge.datasets.splits import by_fraction
from brianbridge.io.atomic import writable_file, write_whole
from brianbridge.io.networks.file import load as load_network
from brianbridge.io.networks.file import save
from brianbridge.ladder.judgement import decided_by, worst_outcome
from brianbridge.ladder.rungs import Rung, read_ladder
from brianbridge.ladder.twin_run import TwinRun
from brianbridge.ladder.verdict import Verdict
from brianbridge.ladder.verify import verify
from brianbridge.measures.metrics import accuracy
from brianbridge.network import SpikingNetwork
from brianbridge.provenance import collect
from brianbridge.report import report_beside
from brianbridge.rules import LearningRule, learning_rule
from brianbridge.study.network import build_network
from brianbridge.study.schema import Study, trained_on
from brianbridge.sweep import Sweep, delete_kept
from brianbridge.training import train
from brianbridge.training.determinism import one_thread
from brianbridge.twin.network import NetworkTwin, to_torch, write_back
from brianbridge.twin.spike_function import SpikeFunction

__all__ = [
    "first_samples", "held_out", "load_split", "prepare", "run_study", "split_of", "train_study",
]  # fmt: skip

Report = Callable[[str], None]


def load_split(study: Study, fold: int | None = None) -> Split:
    """Load the data of a study, or of one of its folds."""
    entry = study.dataset
    return load(
        entry.name,
        seed=study.seed,
        test_fraction=entry.test_fraction,
        folds=entry.folds if fold is not None else None,
        fold=fold,
        folder=entry.folder,
    )


def prepare(study: Study, data: Dataset) -> tuple[SpikingNetwork, LearningRule, SpikeFunction]:
    """Build everything that can be refused, before any work starts.

    Raises
    ------
    InputError
        If the network, the rule, the training or the data do not fit together.
    """
    network = build_network(study.network, data, study.seed)
    options = dict(study.rule)
    rule = learning_rule(options.pop("name"), **options)
    rule.check(network)
    data = fitted(network, data)
    training = study.training.options()
    training.augmentation.check(data.shape)
    if training.spike_rate is not None:
        training.spike_rate.rates(network)
    spike_function = SpikeFunction(**study.spike_function.model_dump())
    # Refused are what a twin cannot do, and what the rule cannot do with the twin.
    rule.prepare(to_torch(network, spike_function=spike_function, **study.training.of_twin()))
    if training.validation_fraction > 0:
        by_fraction(data.name, data.y, training.validation_fraction, study.seed)
    return network, rule, spike_function


def ladder_of(study: Study) -> tuple[Rung, ...]:
    """Return the ladder that the study names."""
    return read_ladder(study.verification.ladder)


def train_study(study: Study, out: Path, split: Split, fold: int | None = None) -> SpikingNetwork:
    """Train, resuming from a checkpoint in `out`, and write ``network.h5``.

    Raises
    ------
    InputError
        If something does not fit, or `out` cannot be written.
    """
    network, rule, spike_function = prepare(study, split.train)
    writable_file(out / "network.h5")
    twin: NetworkTwin = to_torch(network, spike_function=spike_function, **study.training.of_twin())
    result = train(
        twin,
        split.train,
        rule,
        seed=study.seed,
        checkpoint=out / "checkpoint.pt",
        options=study.training.options(),
    )
    with one_thread(study.training.deterministic):
        origin = collect()  # the threads are those that trained
    trained = write_back(
        twin,
        study=study.name,
        rule=rule.to_dict(),
        training=study.training.model_dump(),
        training_curve=result.curve,
        best_epoch=result.best_epoch,
        seed=study.seed,
        dataset={
            "name": split.train.name,
            "split": split.train.split,
            "sha256": split.train.sha256,
            "seed": study.seed,
            "test_fraction": study.dataset.test_fraction,
            "folds": study.dataset.folds if fold is not None else None,
            "fold": fold,
        },
        **origin,
    )
    save(trained, out / "network.h5")
    return trained


def split_of(provenance: Any, name: str, folder: str | None = None) -> Split:
    """Return data set `name`, split as it was when the network was trained."""
    entry = trained_on(provenance)
    return load(name, folder=folder, **(entry.arguments() if entry.name == name else {}))


def held_out(provenance: Any, name: str, folder: str | None = None) -> Dataset:
    """Return the test samples of data set `name`, by the split that a network was trained with."""
    return split_of(provenance, name, folder).test


def first_samples(data: Dataset, samples: int | None) -> Dataset:
    """Return the first so many samples, all if None."""
    return data if samples is None else data.subset(np.arange(min(samples, len(data))))


def run_study(
    study: Study,
    out: Path,
    report: Report = lambda line: None,
    *,
    spikes: bool = True,
    command: str = "",
    decide_by: str = "interval",
) -> dict[str, Any]:
    """Carry out a study and return its summary; see the module's docstring for the files.

    Parameters
    ----------
    study : Study
        What to do.
    out : Path
        Where everything goes.
    report : callable
        Told what is going on, line by line or as a table.
    spikes : bool
        Whether to write ``spikes.h5``. While it is written, a spike takes 30 bytes.
    command : str
        The command line that asked for it, for ``report.html``.
    decide_by : {"interval", "estimate"}
        What tolerances are judged by; see `brianbridge.verify`.

    Raises
    ------
    InputError
        Before any work, if something in the study does not fit.
    """
    decided_by(decide_by)
    folds: list[int | None] = list(range(study.dataset.folds)) if study.dataset.folds else [None]
    ladder = ladder_of(study)
    prepare(study, load_split(study, folds[0]).train)
    for fold in folds:
        folder = out if fold is None else out / f"fold{fold}"
        for name in ("network.h5", "verdict.json", "report.html", "spikes.h5"):
            writable_file(folder / name)
    writable_file(out / "summary.json")
    parts = []
    for fold in folds:
        folder = out if fold is None else out / f"fold{fold}"
        split = load_split(study, fold)
        report(f"{study.title}: {split.train.split}; training on {len(split.train)} samples")
        network = train_study(study, folder, split, fold)
        test = first_samples(split.test, study.verification.samples)
        report(f"verifying {len(test)} samples in Brian2, {len(ladder)} rungs")
        start = study.network.start
        verdict = verify(
            network,
            test,
            ladder,
            name=study.name,
            spikes=folder / "spikes.h5" if spikes else None,
            baseline=None if start is None else load_network(Path(start)),
            train=split.train,
            execution=Sweep(folder=folder / "unfinished"),
            decide_by=decide_by,
        )
        verdict.save(folder / "verdict.json")
        delete_kept(folder / "unfinished")
        report(verdict.table())
        report_beside(verdict, folder, command, report)
        parts.append(_numbers(network, split.test, verdict, whole=len(test) == len(split.test)))
    summary = {
        "study": study.name,
        "title": study.title,
        "seed": study.seed,
        "folds": study.dataset.folds,
        "passed": all(part["passed"] for part in parts),
        "outcome": worst_outcome(part["outcome"] for part in parts),
        "decide_by": decide_by,
        "parts": parts,
        "mean": {key: _mean(parts, key) for key in parts[0] if key not in ("passed", "outcome")},
        "provenance": collect(),
    }
    write_whole(out / "summary.json", json.dumps(summary, indent=2, allow_nan=False) + "\n")
    return summary


def _numbers(
    network: SpikingNetwork, test: Dataset, verdict: Verdict, whole: bool
) -> dict[str, Any]:
    """Return the numbers of one training for the summary."""
    numbers: dict[str, Any] = {"twin_accuracy": verdict.twin.accuracy}
    if not whole:
        # Brian2 saw only some samples; the twin's accuracy is still told for all.
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
    """Return the numbers of a rung of a network that is read by first spikes."""
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


def _mean(parts: list[dict[str, Any]], key: str) -> float | None:
    """Return the mean over the parts that have a number; None if none has."""
    values = [part[key] for part in parts if part[key] is not None]
    return float(np.mean(values)) if values else None
