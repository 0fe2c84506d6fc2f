"""One trial of a sweep: a study with some options changed, in a folder of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from brianbridge.datasets.sets.array_sets import is_path
from brianbridge.errors import InputError
from brianbridge.io.lock import only_writer
from brianbridge.ladder.tasks import Shards
from brianbridge.study.data import load_split
from brianbridge.study.run import ladder_of, run_study
from brianbridge.study.schema import Study
from brianbridge.study.train import prepare
from brianbridge.sweep import Sweep
from brianbridge.sweep.fingerprint import digest_of, fingerprint
from brianbridge.training.history import OnEpoch

__all__ = [
    "MARK",
    "Trial",
    "TrialJob",
    "check_folder",
    "key_of",
    "row_of",
    "run_trial",
    "summary_in",
    "trials_of",
]

#: A file in the folder of a sweep, by which workers know that they see the same folder.
MARK = ".brianbridge.sweep"
#: Where a study names files. Their content counts and not their place, which may change.
_PLACES = {
    "name": True,
    "title": True,
    "dataset": {"name", "folder"},
    "network": {"model", "start"},
    "verification": {"ladder"},
}


@dataclass(frozen=True)
class Trial:
    """Hold one trial.

    Parameters
    ----------
    options : mapping of str
        What is changed, by the keys of the study file.
    study : Study
        The changed study, with the seed of the trial.
    key : str
        A text that is the same only for the same study, data, initial weights and code.
    """

    options: Mapping[str, Any]
    study: Study = field(repr=False)
    key: str

    @property
    def folder(self) -> str:
        """Where its files are, in the folder of the sweep."""
        return f"trials/{self.key[:16]}"


@dataclass(frozen=True)
class TrialJob:
    """The job of a process for a trial.

    Parameters
    ----------
    trial : Trial
        The trial.
    out : Path
        Folder of the sweep.
    decide_by : {"interval", "estimate"}
        How tolerances are judged; see `brianbridge.verify`.
    threads : int, optional
        Threads of a simulation; one for each core if None.
    """

    trial: Trial
    out: Path
    decide_by: str = "interval"
    threads: int | None = None


def trials_of(
    read: Callable[[Mapping[str, Any]], Study],
    options: Iterable[Mapping[str, Any]],
    seeds: int,
) -> Iterator[Trial]:
    """Yield the trials of some options, each with several seeds, after checking that all fits.

    Parameters
    ----------
    read : callable
        Returns the study with changed options.
    options : iterable of mapping
        The options of the trials.
    seeds : int
        Number of seeds: that of the study, and those after it.

    Raises
    ------
    InputError
        If a study cannot be carried out. The message names the options.
    """
    for changes in options:
        try:
            study = read(changes)
            for seed in range(study.seed, study.seed + seeds):
                one = _everywhere_the_same(study.model_copy(update={"seed": seed}))
                yield Trial(changes, one, key_of(one))
        except InputError as error:
            shown = ", ".join(f"{key}={value}" for key, value in changes.items())
            raise InputError(f"trial with {shown}: {error}" if shown else str(error)) from None


def key_of(study: Study) -> str:
    """Return the key of a study's trial, after checking that the study can be carried out."""
    ladder = ladder_of(study)
    split = load_split(study, 0 if study.dataset.folds else None)
    network, rule = prepare(study, split.train)
    described = [
        study.model_dump_json(exclude=_PLACES),  # type: ignore[arg-type]
        repr(ladder),
        repr(rule.to_dict()),
        digest_of(split.train),
        fingerprint(Shards(network, split.test, seed=study.seed)),
    ]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()


def run_trial(job: TrialJob, on_epoch: OnEpoch | None = None) -> dict[str, Any]:
    """Carry out a trial, or go on where another process left it; return its summary.

    Parameters
    ----------
    job : TrialJob
        The trial.
    on_epoch : callable, optional
        Called with the training curve after each epoch; see `brianbridge.train`.

    Raises
    ------
    InputError
        If this process does not see the folder of the sweep, has other data, or if the training or
        the verification fails.
    """
    trial, folder = job.trial, job.out / job.trial.folder
    check_folder(job.out)
    with only_writer(folder, wait=True):
        found = summary_in(folder, job.decide_by)
        if found is None:
            if key_of(trial.study) != trial.key:
                raise InputError(
                    f"a worker has other samples of '{trial.study.dataset.name}', or other files "
                    "of the study, than the process that sent the trial; give both the same files"
                )
            found = run_study(
                trial.study, folder, spikes=False, decide_by=job.decide_by,
                execution=Sweep(threads=job.threads), on_epoch=on_epoch,
            )  # fmt: skip
    return found


def check_folder(out: Path) -> None:
    """Refuse to work in a process that does not see the folder of the sweep."""
    if not (out / MARK).is_file():
        raise InputError(
            f"a worker does not see the folder '{out}' of the sweep; give --out on a disk that all "
            "workers share, with the same path"
        )


def summary_in(folder: Path, decide_by: str) -> dict[str, Any] | None:
    """Return the summary of a finished trial; None if it is not finished, or judged otherwise."""
    try:
        found: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if found["decide_by"] == decide_by else None


def row_of(trial: Trial, found: Mapping[str, Any] | InputError) -> dict[str, Any]:
    """Return the row of a trial in the table, from its summary or from the error that it raised."""
    row = {**trial.options, "seed": trial.study.seed}
    if isinstance(found, InputError):
        return {**row, "outcome": "failed", "folder": trial.folder, "reason": str(found)}
    mean = found["mean"]
    rungs = {
        name: mean[f"{name}_accuracy"]
        for name in (rung.name for rung in ladder_of(trial.study))
        if mean.get(f"{name}_accuracy") is not None
    }
    worst = min(rungs, key=lambda name: rungs[name])
    first = next(iter(rungs))
    return {
        **row,
        "outcome": found["outcome"],
        "twin_accuracy": mean["twin_accuracy"],
        **{f"{name}_accuracy": value for name, value in rungs.items()},
        "worst_accuracy": rungs[worst],
        "worst_rung": worst,
        "spikes_per_sample": mean[f"{first}_spikes_per_sample"],
        "synops_per_sample": mean[f"{first}_synops_per_sample"],
        "samples": mean["samples"],
        "folder": trial.folder,
    }


def _everywhere_the_same(study: Study) -> Study:
    """Return a study that trains in one thread, and names its files by absolute paths."""
    dataset, network, verification = study.dataset, study.network, study.verification
    name = _absolute(dataset.name) if is_path(dataset.name) else dataset.name
    model = _of_toml(network.model)
    return study.model_copy(
        update={
            "training": replace(study.training, deterministic=True),
            "dataset": dataset.model_copy(
                update={"name": name, "folder": _absolute(dataset.folder)}
            ),
            "network": network.model_copy(
                update={"model": model, "start": _absolute(network.start)}
            ),
            "verification": verification.model_copy(
                update={"ladder": _of_toml(verification.ladder)}
            ),
        }
    )


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).resolve())


def _of_toml(name: str | None) -> str | None:
    """Return the absolute path of a TOML file; a name that comes with the package stays."""
    return _absolute(name) if name is not None and name.endswith(".toml") else name
