"""Identify a training run, so that no other run resumes its checkpoint."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from brianbridge.arrays import as_array
from brianbridge.datasets import Dataset
from brianbridge.rules.base import LearningRule
from brianbridge.training.options import TrainingOptions
from brianbridge.training.perturbed import Under
from brianbridge.twin.network import NetworkTwin

__all__ = ["fingerprint_of"]


def fingerprint_of(
    twin: NetworkTwin,
    data: Dataset,
    rule: LearningRule,
    seed: int,
    options: TrainingOptions,
    under: Under | None = None,
) -> str:
    """Return a digest of everything that determines the result of training.

    Parameters
    ----------
    twin : NetworkTwin
        The twin with its initial weights.
    data : Dataset
        The training samples.
    rule, seed, options, under
        The arguments of `brianbridge.train`.
    """
    description = json.dumps(
        [
            twin.network.to_dict(), str(twin.spike_function), rule.to_dict(), str(options), seed,
            data.sha256, data.split, len(data), data.classes, twin.dropout, str(twin.quantisation),
            *([str(twin.learn)] if twin.learn else []),
            *([] if under is None else [repr(under)]),
        ],
        sort_keys=True,
    )  # fmt: skip
    digest = hashlib.sha256(description.encode())
    frozen = [
        (f"projections.{p.name}.{part}", getattr(twin.projection(p.name), part))
        for p in twin.network.projections
        for part in ("weight", "bias")
        if p.frozen
    ]
    for name, values in [*twin.named_parameters(), *frozen]:
        if values is not None:
            digest.update(name.encode() + as_array(values, name).tobytes())
    for projection in twin.network.projections:
        for name, array in projection.connection.arrays().items():
            digest.update(f"{projection.name}.{name}".encode() + np.asarray(array).tobytes())
    return digest.hexdigest()
