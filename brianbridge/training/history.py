"""The training curve, the best weights so far, and the result of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

__all__ = ["History", "OnEpoch", "TrainingResult"]

#: Called with the training curve after each epoch.
OnEpoch = Callable[[Mapping[str, Sequence[float]]], None]


@dataclass(frozen=True)
class TrainingResult:
    """Hold the result of training. The twin itself has the best weights.

    Parameters
    ----------
    curve : dict of str to list of float
        One value per epoch of ``train_loss``, ``train_accuracy``, ``validation_loss``,
        ``validation_accuracy``, and of the quantities that the rule reports.
    best_epoch : int
        The epoch whose weights were kept, counted from 1.
    rule : dict
        Name and options of the learning rule.
    """

    curve: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = 0
    rule: dict[str, Any] = field(default_factory=dict)


@dataclass
class History:
    """Hold the training curve and the best weights so far.

    Parameters
    ----------
    best : dict of str to Tensor
        Weights of the best epoch; the initial weights at first.
    curve : dict of str to list of float
        One value per epoch of each quantity.
    best_epoch : int
        Epoch of the best weights, counted from 1; 0 at first.
    best_score : float
        Score of the best weights.
    improved_epoch : int
        Last epoch whose score was above all earlier ones.
    """

    best: dict[str, Tensor]
    curve: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = 0
    best_score: float = -1.0
    improved_epoch: int = 0

    def add(self, name: str, value: float) -> None:
        """Add the value of an epoch to the curve."""
        self.curve.setdefault(name, []).append(value)

    def add_part(self, part: str, losses: float, hits: int, samples: int) -> None:
        """Add mean loss and accuracy of ``"train"`` or ``"validation"`` samples to the curve."""
        self.add(f"{part}_loss", losses / samples)
        self.add(f"{part}_accuracy", hits / samples)

    def finish(self, epoch: int, score: float, weights: dict[str, Tensor]) -> None:
        """Keep the weights of an epoch if its score is the best so far.

        If scores are equal, the later epoch is kept, as its weights have settled further.
        """
        if score > self.best_score:
            self.improved_epoch = epoch
        if score >= self.best_score:
            self.best_score, self.best_epoch, self.best = score, epoch, weights

    def state(self) -> dict[str, Any]:
        """Return the fields for a checkpoint."""
        return {**vars(self), "best_score": float(self.best_score)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the fields from a checkpoint."""
        for name in vars(self):
            setattr(self, name, state[name])
