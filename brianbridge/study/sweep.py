"""Carry out a study many times, with other options and seeds, on processes or a cluster.

```
OUT/trials.csv      a row for each trial; trials.parquet is the same table, if pyarrow is installed
OUT/trials.svg      accuracy against each option
OUT/trials/KEY      the folder of a trial, with the files of `brianbridge.study.run`
```
The key of a trial stands for its study, data and code. A finished trial is therefore found again
and not run twice, and one that was interrupted goes on from its checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brianbridge.errors import InputError
from brianbridge.io.atomic import write_whole
from brianbridge.io.lock import only_writer
from brianbridge.ladder.judgement import decided_by
from brianbridge.progress import Progress
from brianbridge.study.schema import Study
from brianbridge.study.trial import (
    MARK,
    Trial,
    TrialJob,
    check_folder,
    row_of,
    run_trial,
    summary_in,
    trials_of,
)
from brianbridge.study.trial_table import TrialTable
from brianbridge.sweep import Jobs

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["StudySweep"]


@dataclass(frozen=True, kw_only=True)
class StudySweep:
    """Carry out trials of a study.

    Parameters
    ----------
    read : callable
        Returns the study with changed options, which are given by their keys in the study file.
    over : tuple of str
        The keys that are varied.
    out : Path
        The output folder. Workers on other machines must see it at the same path.
    seeds : int
        Number of seeds for each combination of options: that of the study, and those after it.
    client : distributed.Client, optional
        Client of a cluster (`brianbridge.sweep.connected`) on which the trials run; they run in
        this process, one after the other, if None.
    decide_by : {"interval", "estimate"}
        How tolerances are judged; see `brianbridge.verify`.
    progress : Progress
        How progress is shown.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    read: Callable[[Mapping[str, Any]], Study]
    over: tuple[str, ...]
    out: Path
    seeds: int = 1
    client: Client | None = None
    decide_by: str = "interval"
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        decided_by(self.decide_by)
        if self.seeds < 1:
            raise InputError(f"seeds = {self.seeds}; give at least 1")

    def run(self, options: Iterable[Mapping[str, Any]]) -> TrialTable:
        """Carry out a trial for each combination of options and each seed, and write the table.

        Trials that are finished in the output folder are not run again. One that fails is a row
        with the reason, and does not stop the others.

        Raises
        ------
        InputError
            Before any work, if a trial does not fit, or the folder cannot be written.
        """
        self.progress.say("checking the trials")
        trials = list(trials_of(self.read, options, self.seeds))
        with self.opened() as jobs:
            found = {t.key: summary_in(self.out / t.folder, self.decide_by) for t in trials}
            rows = {t.key: row_of(t, one) for t in trials if (one := found[t.key]) is not None}
            left = [self.job(trial) for trial in trials if trial.key not in rows]
            table = self._in_order(trials, rows)
            with self.progress.count("sweep", len(left), "trials") as step:
                for job, summary in jobs.run(run_trial, left):
                    rows[job.trial.key] = row_of(job.trial, summary)
                    table = self._in_order(trials, rows)
                    step()
        table.draw(self.out)
        return table

    @contextmanager
    def opened(self) -> Iterator[Jobs]:
        """Keep other sweeps from the folder, and yield the workers, which all see it."""
        with only_writer(self.out):
            write_whole(self.out / MARK, "")
            jobs = Jobs(self.client)
            jobs.everywhere(check_folder, self.out.resolve())
            yield jobs

    def job(self, trial: Trial) -> TrialJob:
        """Return the job of a process for a trial; a worker has one thread."""
        threads = None if self.client is None else 1
        return TrialJob(trial, self.out.resolve(), self.decide_by, threads)

    def written(self, rows: Sequence[Mapping[str, Any]]) -> TrialTable:
        """Write the table of some rows, and return it."""
        table = TrialTable(self.over, rows)
        if rows:
            table.write(self.out)
        return table

    def _in_order(self, trials: Sequence[Trial], rows: Mapping[str, Any]) -> TrialTable:
        """Write the rows that are known, in the order of the trials, and return the table."""
        return self.written([rows[t.key] for t in trials if t.key in rows])
