"""Try the remedies of a rung: change the network, and run the rung again with the changed one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from brianbridge.datasets import Dataset
from brianbridge.errors import InputError
from brianbridge.ladder.execution import TaskRunner
from brianbridge.ladder.outcomes import RemedyOutcome
from brianbridge.ladder.plan import RungPlan
from brianbridge.ladder.remedy import Remedy, in_order, label_of
from brianbridge.ladder.tasks import Task
from brianbridge.measures.accuracy_change import DiscordantPairs
from brianbridge.measures.confidence_intervals import score_interval
from brianbridge.network import SpikingNetwork

__all__ = ["Remedied", "try_remedies"]


@dataclass(frozen=True, eq=False)
class Remedied:
    """Hold a network that a remedy changed, and its outcome.

    Parameters
    ----------
    network : SpikingNetwork
        The changed network, without perturbations.
    outcome : RemedyOutcome
        What was done, and the results of the rung with the changed network.
    """

    network: SpikingNetwork
    outcome: RemedyOutcome


def try_remedies(plan: RungPlan, runner: TaskRunner, train: Dataset) -> dict[str, Remedied]:
    """Try each remedy of a rung.

    Parameters
    ----------
    plan : RungPlan
        The rung. Remedies see the device of its first run.
    runner : TaskRunner
        Runner of the network on the test samples. If it keeps finished results, it keeps changed
        networks too, and an interrupted training goes on.
    train : Dataset
        The training samples.

    Returns
    -------
    dict of str to Remedied
        By the name of the outcome, such as ``calibrated``.

    Raises
    ------
    InputError
        If a remedy fails, or the changed network cannot be simulated.
    """
    remedies = in_order(plan.rung.remedies)
    options = {remedy.name: asdict(remedy) for remedy in remedies}
    condition = Task(plan.perturbations, plan.seeds[0], 0).key
    changed: dict[str, SpikingNetwork] = {}
    found: dict[str, Remedied] = {}
    for remedy in remedies:
        name = remedy.outcome.replace("_", "-")
        start = remedy.starts_from
        network = runner.shards.network if start is None else changed[start]
        make = partial(_apply, remedy, network, train, plan)
        key = json.dumps([remedy.name, options, condition])
        try:
            changed[remedy.name] = runner.changed_network(key, train, make)
            numbers = _run_again(plan, runner, changed[remedy.name])
        except InputError as error:
            raise InputError(f"network {name}: {error}") from None
        found[remedy.outcome] = Remedied(
            changed[remedy.name],
            RemedyOutcome(
                remedy=remedy.name,
                label=label_of(remedy),
                options=remedy.options(train),
                facts=remedy.facts(changed[remedy.name]),
                # The number of the rung, because its name may not be a valid file name.
                file=f"rung{plan.number}-{name}.h5",
                **numbers,
            ),
        )
    return found


def _apply(
    remedy: Remedy, network: SpikingNetwork, train: Dataset, plan: RungPlan, file: Path | None
) -> SpikingNetwork:
    return remedy.apply(network, train, plan.perturbations, plan.seeds[0], file)


def _run_again(plan: RungPlan, runner: TaskRunner, changed: SpikingNetwork) -> dict[str, Any]:
    """Run a rung with the changed network, and compare it with the original's twin."""
    again, shards = runner.beside(changed), runner.shards
    tasks = [Task(plan.perturbations, plan.seeds[0], shard) for shard in range(len(shards))]
    again.run(tasks)
    result, twin = again.result(tasks), runner.twin()
    labels = shards.data.y
    before, after = twin.prediction == labels, result.prediction == labels
    spikes = sum(int(activity.events.sum()) for activity in result.activity.values())
    return {
        "accuracy": float(after.mean()),
        "accuracy_change_ci95": score_interval(*DiscordantPairs.of(before, after)),
        "agreement": float(np.mean(result.prediction == twin.prediction)),
        "spikes_per_sample": spikes / len(shards.data),
    }
