"""Carry out a study: train, write back, verify, and write everything into one folder.

```
OUT/checkpoint.pt   written after every epoch; the same command resumes from it
OUT/unfinished      finished tasks of an interrupted verification, from which it resumes
OUT/network.h5      the trained network, with its training curve and provenance
OUT/spikes.h5       every spike of the first rung
OUT/verdict.json    what held in Brian2
OUT/report.html     the verdict as a page with figures
OUT/summary.json    the main numbers; for a study with folds, those of all folds and their means
```
A study with folds writes all but the last into ``OUT/fold0``, ``OUT/fold1``, ...
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from brianbridge.datasets import Split
from brianbridge.io.atomic import writable_file, write_whole
from brianbridge.io.networks.file import load_network
from brianbridge.ladder.judgement import decided_by
from brianbridge.ladder.rungs import Rung, read_ladder
from brianbridge.ladder.verify import verify
from brianbridge.network import SpikingNetwork
from brianbridge.report import report_beside
from brianbridge.study.data import first_samples, load_split
from brianbridge.study.schema import Study
from brianbridge.study.summary import numbers_of, summary_of
from brianbridge.study.train import prepare, train_study
from brianbridge.sweep import Sweep, delete_kept
from brianbridge.training.history import OnEpoch
from brianbridge.training.processes import joined

__all__ = ["ladder_of", "run_study"]

Report = Callable[[str], None]


def ladder_of(study: Study) -> tuple[Rung, ...]:
    """Return the ladder that the study names."""
    return read_ladder(study.verification.ladder)


def run_study(
    study: Study,
    out: Path,
    report: Report = lambda line: None,
    *,
    spikes: bool = True,
    command: str = "",
    decide_by: str = "interval",
    execution: Sweep | None = None,
    on_epoch: OnEpoch | None = None,
) -> dict[str, Any]:
    """Carry out a study and return its summary; see the module's docstring for the files.

    Several processes (`brianbridge.train`) train together. The first of them verifies and writes
    the files, while the others wait for it; all return the summary.

    Parameters
    ----------
    study : Study
        The study.
    out : Path
        The output folder.
    report : callable
        Receives the progress, as lines of text and tables.
    spikes : bool
        Whether to write ``spikes.h5``.
    command : str
        The command line that was given, for ``report.html``.
    decide_by : {"interval", "estimate"}
        How tolerances are judged; see `brianbridge.verify`.
    execution : Sweep, optional
        Where the verification runs; finished tasks are kept in the output folder in any case.
    on_epoch : callable, optional
        Called with the training curve after each epoch; see `brianbridge.train`.

    Raises
    ------
    InputError
        Before any work, if something in the study does not fit.
    """
    decided_by(decide_by)
    folds: list[int | None] = list(range(study.dataset.folds)) if study.dataset.folds else [None]
    ladder = ladder_of(study)
    prepare(study, load_split(study, folds[0]).train)
    with joined(torch.device("cpu")) as processes:
        if processes.first:
            _check_writable(out, folds)
        report = report if processes.first else lambda line: None
        parts = []
        for fold in folds:
            folder, split = _folder(out, fold), load_split(study, fold)
            report(f"{study.title}: {split.train.split}; training on {len(split.train):,} samples")
            network = train_study(study, folder, split, fold, on_epoch)
            verified = partial(
                _verified, study, network, ladder, split, folder, report, spikes, command,
                decide_by, execution or Sweep(),
            )  # fmt: skip
            parts.append(processes.from_first(verified))
        summary = summary_of(study, parts, decide_by)
        if processes.first:
            text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
            write_whole(out / "summary.json", text)
    return summary


def _check_writable(out: Path, folds: list[int | None]) -> None:
    """Refuse an output folder in which files cannot be written."""
    for fold in folds:
        for name in ("network.h5", "verdict.json", "report.html", "spikes.h5"):
            writable_file(_folder(out, fold) / name)
    writable_file(out / "summary.json")


def _folder(out: Path, fold: int | None) -> Path:
    """Return the output folder of a fold; `out` itself if there are no folds."""
    return out if fold is None else out / f"fold{fold}"


def _verified(
    study: Study,
    network: SpikingNetwork,
    ladder: tuple[Rung, ...],
    split: Split,
    folder: Path,
    report: Report,
    spikes: bool,
    command: str,
    decide_by: str,
    execution: Sweep,
) -> dict[str, Any]:
    """Verify a trained network, write the files, and return the numbers for the summary."""
    test = first_samples(split.test, study.verification.samples)
    report(f"verifying {len(test):,} samples in Brian2, {len(ladder)} rungs")
    start = study.network.start
    verdict = verify(
        network,
        test,
        ladder,
        name=study.name,
        spikes=folder / "spikes.h5" if spikes else None,
        baseline=None if start is None else load_network(Path(start)),
        train=split.train,
        execution=replace(execution, folder=folder / "unfinished"),
        decide_by=decide_by,
    )
    verdict.save(folder / "verdict.json")
    delete_kept(folder / "unfinished")
    report(verdict.spike_table())
    report(verdict.table())
    report_beside(verdict, folder, command)
    return numbers_of(network, split.test, verdict, all_samples=len(test) == len(split.test))
