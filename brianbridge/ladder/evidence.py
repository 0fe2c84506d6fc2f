"""The results that a verdict was judged from, kept for its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from brianbridge.datasets import Dataset
from brianbridge.ladder.results import RunResult
from brianbridge.network import SpikingNetwork
from brianbridge.perturbations import Perturbation, perturbed
from brianbridge.perturbations.condition import Condition

__all__ = ["Evidence"]


@dataclass(frozen=True, eq=False, repr=False)
class Evidence:
    """Hold the results of a verification.

    Parameters
    ----------
    network : SpikingNetwork
        The trained network.
    data : Dataset
        The samples.
    twin : RunResult
        Results of the twin.
    rungs : mapping of str to RunResult
        Results of Brian2 in the first run of each rung.
    changes : mapping of str to (tuple of Perturbation, int)
        Perturbations and seed of that run.
    """

    network: SpikingNetwork
    data: Dataset
    twin: RunResult
    rungs: Mapping[str, RunResult]
    changes: Mapping[str, tuple[tuple[Perturbation, ...], int]]

    def condition(self, rung: str) -> Condition:
        """Return the condition of a rung, to simulate it again."""
        return perturbed(Condition(self.network), *self.changes[rung])
