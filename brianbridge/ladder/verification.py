"""The state of one verification: the rungs that are left, and the outcomes of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from brianbridge.datasets import Dataset
from brianbridge.errors import InputError
from brianbridge.ladder.evidence import Evidence
from brianbridge.ladder.execution import TaskRunner
from brianbridge.ladder.judgement import DecideBy
from brianbridge.ladder.measure import measure_rung
from brianbridge.ladder.outcomes import RungOutcome
from brianbridge.ladder.plan import RungPlan, check_any_left, why_left_out
from brianbridge.ladder.remedy_trial import try_remedies
from brianbridge.ladder.results import RunResult
from brianbridge.ladder.spike_file import NotSimulated, SpikesOf, file_of_rung, write_spikes
from brianbridge.ladder.tasks import Task
from brianbridge.measures.attribution import costs
from brianbridge.measures.spike_counts import SpikeCounts
from brianbridge.network import SpikingNetwork

__all__ = ["Verification"]


@dataclass(eq=False)
class Verification:
    """Run the planned rungs of a ladder, and judge each rung as soon as its tasks are done.

    Parameters
    ----------
    name : str
        Name of the network.
    runner : TaskRunner
        Runs the tasks.
    plans : list of RungPlan
        Rungs to run; those that cannot be simulated are removed.
    skipped : dict of str to str
        Rungs that were left out, and why.
    twin : RunResult
        Results of the twin.
    inputs : mapping of str to SpikeCounts
        Spike counts of the input.
    decide_by : {"interval", "estimate"}
        Whether tolerances are judged by 95 % intervals or by estimates.
    train : Dataset, optional
        Training samples for remedies.
    on_rung : callable
        Called with each outcome.
    """

    name: str
    runner: TaskRunner
    plans: list[RungPlan]
    skipped: dict[str, str]
    twin: RunResult
    inputs: Mapping[str, SpikeCounts]
    decide_by: DecideBy
    train: Dataset | None
    on_rung: Callable[[RungOutcome], None]
    #: Outcomes of finished rungs, in the order of the ladder.
    outcomes: dict[str, RungOutcome] = field(default_factory=dict, init=False)
    #: Networks that remedies changed, by file name.
    remedied: dict[str, SpikingNetwork] = field(default_factory=dict, init=False)
    _kept_if_changed: dict[str, Path] = field(default_factory=dict, init=False)

    def write_spikes(self, path: Path, of: SpikesOf, compress: bool) -> None:
        """Write the spikes of rungs that can be simulated; `run` removes those it need not keep.

        Parameters
        ----------
        path : Path
            The file of the first rung; those of other rungs are beside it.
        of : {"first", "changed", "all"}
            The rungs.
        compress : bool
            Whether to compress the files.

        Raises
        ------
        InputError
            If a file cannot be written, or a rung that is not optional fails.
        """
        written: dict[str, Path] = {}
        for number, plan in enumerate(list(self.plans), start=1):
            file = file_of_rung(path, number, plan.rung.name) if written else path
            try:
                write_spikes(plan, self.runner, file, compress)
            except NotSimulated as error:
                self._leave_out(plan, error)
                continue
            written[plan.rung.name] = file
            if of == "first":
                return
        self._kept_if_changed = written if of == "changed" else {}

    def run(self) -> None:
        """Run all rungs.

        Raises
        ------
        InputError
            If a rung that is not optional fails.
        """
        tasks = [task for plan in self.plans for task in plan.tasks]
        self.runner.run(tasks, self._judge_finished, self._leave_out_task)
        self._judge_finished()
        for rung, file in self._kept_if_changed.items():
            if rung in self.outcomes and not self.outcomes[rung].spike_mismatches:
                file.unlink()

    def evidence(self) -> Evidence:
        """Return the results of the first run of each rung."""
        shards = self.runner.shards
        return Evidence(
            shards.network,
            shards.data,
            self.twin,
            {plan.rung.name: self.runner.result(plan.first_run) for plan in self.plans},
            {plan.rung.name: (plan.perturbations, plan.seeds[0]) for plan in self.plans},
        )

    def _judge_finished(self) -> None:
        """Judge, in the order of the ladder, the rungs whose tasks are all done."""
        for plan in list(self.plans):
            if plan.rung.name in self.outcomes:
                continue
            if not self.runner.has(plan.tasks):
                return
            try:
                outcome = self._with_remedies(plan, self._judged(plan))
            except InputError as error:
                self._leave_out(plan, error)
                continue
            self.outcomes[plan.rung.name] = outcome
            self.on_rung(outcome)

    def _judged(self, plan: RungPlan) -> RungOutcome:
        """Judge a rung whose tasks are all done."""
        labels = self.runner.shards.data.y
        whole, *others = plan.subsets
        runs = [self.runner.result(tasks) for tasks in plan.runs(whole)]
        outcome = measure_rung(
            plan.rung, plan.condition, self.twin, runs, labels, self.inputs, self.decide_by
        )
        return replace(outcome, attribution=self._attribution(plan)) if others else outcome

    def _attribution(self, plan: RungPlan) -> dict[str, dict[str, dict[str, float]]]:
        """Return the loss of accuracy and agreement that each perturbation causes."""
        labels, twin = self.runner.shards.data.y, self.twin.prediction
        accuracy, agreement = {}, {}
        for subset in plan.subsets:
            runs = np.stack([self.runner.result(tasks).prediction for tasks in plan.runs(subset)])
            accuracy[subset] = float((twin == labels).mean() - (runs == labels).mean())
            agreement[subset] = float((runs != twin).mean())
        return {
            what: {name: asdict(cost) for name, cost in costs(loss).items()}
            for what, loss in (("accuracy", accuracy), ("agreement", agreement))
        }

    def _with_remedies(self, plan: RungPlan, outcome: RungOutcome) -> RungOutcome:
        """Try the remedies of a rung, and return its outcome with theirs."""
        if self.train is None or not plan.rung.remedy:
            return outcome
        tried = try_remedies(plan, self.runner, self.train)
        self.remedied |= {found.outcome.file: found.network for found in tried.values()}
        return replace(outcome, remedies={name: found.outcome for name, found in tried.items()})

    def _leave_out_task(self, task: Task, error: InputError) -> None:
        """Leave out the rungs that need a failed task."""
        for plan in list(self.plans):
            if any(task.key == one.key for one in plan.tasks):
                self._leave_out(plan, error)

    def _leave_out(self, plan: RungPlan, error: InputError) -> None:
        """Leave out a rung that failed; raise the error if the rung is not optional."""
        if not plan.rung.optional:
            raise InputError(f"rung '{plan.rung.name}': {error}") from None
        self.skipped[plan.rung.name] = why_left_out(error)
        self.plans.remove(plan)
        check_any_left(self.plans, self.skipped, self.name)
