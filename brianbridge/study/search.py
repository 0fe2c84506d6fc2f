"""Let optuna choose the options of a sweep, and stop trials that fall behind.

Optuna keeps what it knows in ``OUT/optuna.log``, which workers write to: after each epoch of the
first seed they report its accuracy, and ask whether to go on. Needs the extra ``optuna``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.study.over import Over, Range
from brianbridge.study.sweep import StudySweep
from brianbridge.study.trial import TrialJob, row_of, run_trial, trials_of
from brianbridge.study.trial_table import TrialTable
from brianbridge.sweep import Jobs

__all__ = ["OptunaSearch", "SearchJob", "run_search_job"]

#: What optuna makes as large as possible, and where it keeps the rows of a trial.
_OBJECTIVE, _ROWS = "worst_accuracy", "rows"


class _PrunedError(Exception):
    """Stop a training that falls behind."""


@dataclass(frozen=True)
class SearchJob:
    """The job of a process for a combination of options.

    Parameters
    ----------
    jobs : tuple of TrialJob
        Its trials, one for each seed.
    out : Path
        Folder of the sweep.
    name : str
        Name of the search in optuna's file.
    trial_id : int
        Optuna's number of the combination.
    """

    jobs: tuple[TrialJob, ...]
    out: Path
    name: str
    trial_id: int


def run_search_job(job: SearchJob) -> list[dict[str, Any]] | int:
    """Carry out the trials of a combination.

    Returns
    -------
    list of dict or int
        Their summaries; the number of epochs if optuna stopped the first one.
    """
    report = _Report(job)
    try:
        return [run_trial(one, None if n else report) for n, one in enumerate(job.jobs)]
    except _PrunedError:
        return report.epochs


class _Report:
    """Report each epoch to optuna, and end the training if it says so."""

    def __init__(self, job: SearchJob) -> None:
        self._job = job
        self.epochs = 0

    def __call__(self, curve: Mapping[str, Sequence[float]]) -> None:
        key = "validation_accuracy" if "validation_accuracy" in curve else "train_accuracy"
        self.epochs = len(curve[key])
        self._trial.report(curve[key][-1], self.epochs)
        if self._trial.should_prune():
            raise _PrunedError

    @cached_property
    def _trial(self) -> Any:
        import optuna

        return optuna.Trial(_opened(self._job.out, self._job.name), self._job.trial_id)


@dataclass(frozen=True)
class OptunaSearch:
    """Carry out combinations that optuna chooses, for the best accuracy on the worst rung.

    Parameters
    ----------
    sweep : StudySweep
        The sweep; each combination is carried out with all its seeds.
    over : Over
        The values or ranges of the options.
    number : int
        Number of combinations, those of earlier runs in the folder included.

    Raises
    ------
    InputError
        If optuna is not installed.
    """

    sweep: StudySweep
    over: Over
    number: int

    def __post_init__(self) -> None:
        try:
            import optuna
        except ImportError:
            raise InputError(
                'a search needs optuna, which is not installed; pip install "brianbridge[optuna]"'
            ) from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)

    def run(self) -> TrialTable:
        """Carry out the combinations, write the table and return it.

        Raises
        ------
        InputError
            Before any work, if the study cannot be carried out, or the folder cannot be written.
        """
        sweep = self.sweep
        base = next(trials_of(sweep.read, [{}], 1))
        name = hashlib.sha256(repr((sorted(self.over.items()), sweep.seeds, base.key)).encode())
        with sweep.opened() as jobs:
            known = _opened(sweep.out, name.hexdigest()[:16], base.study.seed)
            self._carry_out(jobs, known)
            table = self._table(known)
        table.draw(sweep.out)
        return table

    def _carry_out(self, jobs: Jobs, known: Any) -> None:
        left = sum(not t.state.is_finished() for t in known.trials)
        left += max(0, self.number - len(known.trials))
        with self.sweep.progress.count("sweep", left, "combinations") as step:
            for job, found in jobs.run(run_search_job, self._jobs(known), as_needed=True):
                self._tell(known, job, found)
                self._table(known)
                step()

    def _jobs(self, known: Any) -> Iterator[SearchJob]:
        """Yield combinations that an earlier run left unfinished, and then new ones."""
        import optuna

        unfinished = [t for t in known.trials if not t.state.is_finished()]
        for one in unfinished:
            yield self._job(known, optuna.Trial(known, one._trial_id))
        while len(known.trials) < self.number:
            yield self._job(known, known.ask())

    def _job(self, known: Any, chosen: Any) -> SearchJob:
        """Return the job of a combination."""
        import optuna

        options = {key: _suggested(chosen, key, values) for key, values in self.over.items()}
        try:
            trials = list(trials_of(self.sweep.read, [options], self.sweep.seeds))
        except InputError:
            known.tell(chosen.number, state=optuna.trial.TrialState.FAIL)
            raise
        jobs = tuple(self.sweep.job(trial) for trial in trials)
        return SearchJob(jobs, self.sweep.out.resolve(), known.study_name, chosen._trial_id)

    def _tell(self, known: Any, job: SearchJob, found: Any) -> None:
        """Tell optuna how a combination ended, and let it keep the rows."""
        import optuna

        state, value = optuna.trial.TrialState.COMPLETE, None
        trials = [one.trial for one in job.jobs]
        if isinstance(found, list):
            rows = [row_of(trial, one) for trial, one in zip(trials, found, strict=True)]
            value = float(np.mean([row[_OBJECTIVE] for row in rows]))
        elif isinstance(found, InputError):
            rows, state = [row_of(trials[0], found)], optuna.trial.TrialState.FAIL
        else:
            why = f"optuna stopped it after {found} epochs"
            rows = [{**row_of(trials[0], InputError(why)), "outcome": "pruned"}]
            state = optuna.trial.TrialState.PRUNED
        chosen = optuna.Trial(known, job.trial_id)
        chosen.set_user_attr(_ROWS, rows)
        known.tell(chosen.number, value, state=state)

    def _table(self, known: Any) -> TrialTable:
        """Write the rows of all combinations that ended, and return the table."""
        rows = [row for trial in known.trials for row in trial.user_attrs.get(_ROWS, [])]
        return self.sweep.written(rows)


def _opened(out: Path, name: str, seed: int = 0) -> Any:
    """Return the search that optuna keeps in a folder; a new one if there is none."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    storage = optuna.storages.JournalStorage(JournalFileBackend(str(out / "optuna.log")))
    known = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(),
    )  # fmt: skip
    # Not the same random numbers again when an interrupted search goes on.
    known.sampler = optuna.samplers.TPESampler(seed=(seed + len(known.trials)) % 2**32)
    return known


def _suggested(chosen: Any, key: str, values: tuple[Any, ...] | Range) -> Any:
    """Return optuna's choice of an option."""
    if not isinstance(values, Range):
        return chosen.suggest_categorical(key, list(values))
    suggest = chosen.suggest_int if values.whole else chosen.suggest_float
    return suggest(key, values.low, values.high, log=values.log)
