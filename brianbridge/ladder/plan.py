"""Plan what has to run for each rung of a ladder, before any work starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from brianbridge.datasets import Dataset
from brianbridge.errors import InputError
from brianbridge.ladder.remedy import check_remedies
from brianbridge.ladder.rungs import Rung
from brianbridge.ladder.tasks import Task
from brianbridge.measures.attribution import subsets
from brianbridge.network import SpikingNetwork
from brianbridge.perturbations import Perturbation, perturbed
from brianbridge.perturbations.condition import Condition

__all__ = ["RungPlan", "check_any_left", "plan_ladder", "why_left_out"]


@dataclass(frozen=True, eq=False)
class RungPlan:
    """The runs that a rung needs.

    Parameters
    ----------
    rung : Rung
        The rung.
    number : int
        Its position in the ladder, from 1.
    condition : Condition
        Condition of the first run.
    perturbations : tuple of Perturbation
        The perturbations of the rung.
    seeds : tuple of int
        Seed of each run.
    shards : int
        Number of shards of the samples.
    """

    rung: Rung
    number: int
    condition: Condition
    perturbations: tuple[Perturbation, ...]
    seeds: tuple[int, ...]
    shards: int

    @property
    def subsets(self) -> list[frozenset[str]]:
        """Sets of perturbations that run: all of them and, for attribution, each subset."""
        whole = frozenset(p.name for p in self.perturbations)
        if not self.rung.attribute or len(whole) < 2:
            return [whole]
        return [whole, *(s for s in subsets(whole) if s != whole)]

    def runs(self, subset: frozenset[str]) -> list[list[Task]]:
        """Return the tasks of each run under a subset of the perturbations."""
        chosen = tuple(p for p in self.perturbations if p.name in subset)
        seeds = self.seeds if any(p.random for p in chosen) else self.seeds[:1]
        return [[Task(chosen, seed, shard) for shard in range(self.shards)] for seed in seeds]

    @property
    def tasks(self) -> list[Task]:
        """All tasks, with those for attribution last."""
        return [task for subset in self.subsets for run in self.runs(subset) for task in run]

    @property
    def first_run(self) -> list[Task]:
        """The tasks of the first run, under all perturbations."""
        return self.runs(self.subsets[0])[0]


def plan_ladder(
    network: SpikingNetwork,
    rungs: Sequence[Rung],
    seed: int,
    train: Dataset | None,
    shards: int,
) -> tuple[list[RungPlan], dict[str, str]]:
    """Plan all rungs that apply to a network.

    Parameters
    ----------
    network : SpikingNetwork
        The trained network.
    rungs : sequence of Rung
        The ladder.
    seed : int
        Seed of the first run of each rung; the next runs add 1, 2, ...
    train : Dataset, optional
        Training samples for remedies.
    shards : int
        Number of shards of the samples.

    Returns
    -------
    plans : list of RungPlan
        A plan for each rung that applies.
    skipped : dict of str to str
        Why other rungs were left out, by name.

    Raises
    ------
    InputError
        If a rung does not apply and is not optional.
    """
    plans, skipped = [], {}
    for number, rung in enumerate(rungs, 1):
        try:
            plans.append(_plan(network, rung, number, seed, train, shards))
        except InputError as error:
            if not rung.optional:
                raise InputError(f"rung '{rung.name}': {error}") from None
            skipped[rung.name] = why_left_out(error)
    return plans, skipped


def why_left_out(error: InputError) -> str:
    """Return why a rung was left out; the remedy of some errors, to leave it out, was taken."""
    return str(error).removesuffix("; leave it out")


def check_any_left(plans: Sequence[RungPlan], skipped: Mapping[str, str], name: str) -> None:
    """Check that a rung is left to run.

    Raises
    ------
    InputError
        If all rungs were left out.
    """
    if not plans:
        reasons = "; ".join(f"'{rung}': {why}" for rung, why in skipped.items())
        raise InputError(f"no rung of the ladder applies to network '{name}' ({reasons})")


def _plan(
    network: SpikingNetwork, rung: Rung, number: int, seed: int, train: Dataset | None, shards: int
) -> RungPlan:
    """Plan a rung, and check that everything about it applies to the network."""
    chosen = rung.perturbations
    seeds = tuple(seed + run for run in range(rung.runs))
    condition = perturbed(Condition(network), chosen, seed)
    plan = RungPlan(rung, number, condition, chosen, seeds, shards)
    for subset in plan.subsets[1:]:  # the first is the whole set, which was applied above
        perturbed(Condition(network), [p for p in chosen if p.name in subset], seed)
    if condition.timing == "uniform" and condition.divisor == 1:
        raise InputError(
            "perturbation 'input_timing': a step of the twin is a single step of Brian2, so input "
            "spikes cannot move within it; add finer_dt"
        )
    check_remedies(rung.remedies, network, train, chosen, seed)
    return plan
