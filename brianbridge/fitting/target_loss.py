"""The mean squared difference from recordings of a circuit, as a share of their variance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["TargetLoss"]


@dataclass(frozen=True)
class TargetLoss:
    """Compare traces with recordings.

    Parameters
    ----------
    targets : dict of str to numpy.ndarray, shape (neurons, times)
        What was recorded, in SI units.
    weights : dict of str to numpy.ndarray, shape (neurons, times)
        Weights of squared differences. The loss of a constant at the mean is 1.
    every : int
        Steps between recorded values.
    """

    targets: Mapping[str, np.ndarray]
    weights: Mapping[str, np.ndarray]
    every: int

    def __call__(self, traces: Mapping[str, Tensor], spikes: Any) -> Tensor:
        """Return the loss of one set of traces; spikes do not matter."""
        parts = [
            (torch.as_tensor(self.weights[name])
             * (traces[name][:, :: self.every] - torch.as_tensor(target)) ** 2).sum()
            for name, target in self.targets.items()
        ]  # fmt: skip
        return torch.stack(parts).sum()
