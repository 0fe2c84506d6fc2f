"""What a verdict was judged by, kept for its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from brianbridge.datasets import Dataset
from brianbridge.ladder.tasks import Piece
from brianbridge.network import SpikingNetwork
from brianbridge.perturbations import Perturbation, perturbed
from brianbridge.perturbations.condition import Condition

__all__ = ["Evidence"]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Hold the pieces of a verification.

    Parameters
    ----------
    network : SpikingNetwork
        The network, as it was trained.
    data : Dataset
        The samples.
    twin : Piece
        What the twin did.
    rungs : mapping of str to Piece
        What Brian2 did, in the first run of each rung.
    changes : mapping of str to (tuple of Perturbation, int)
        The perturbations and the seed of that run.
    """

    network: SpikingNetwork
    data: Dataset
    twin: Piece
    rungs: Mapping[str, Piece]
    changes: Mapping[str, tuple[tuple[Perturbation, ...], int]]

    def condition(self, rung: str) -> Condition:
        """Return the condition of a rung, to simulate it once more."""
        return perturbed(Condition(self.network), *self.changes[rung])
