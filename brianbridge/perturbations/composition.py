"""Apply several perturbations together.

Perturbations compose in any order. Each one has a `Stage` at which it is applied, so that a set of
them has one meaning: weights are quantised before noise is added, and a neuron model is replaced
before its parameters vary. The random numbers of a perturbation depend only on the seed and on its
own name, never on the other perturbations. A neuron that is dead on a rung with one perturbation is
therefore dead on a rung with three, and attribution compares like with like.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable

import numpy as np

from brianbridge.errors import InputError
from brianbridge.perturbations.base import Perturbation
from brianbridge.perturbations.condition import Condition

__all__ = ["perturbed"]


def perturbed(
    condition: Condition, perturbations: Iterable[Perturbation], seed: int = 0
) -> Condition:
    """Apply perturbations, stage by stage.

    Parameters
    ----------
    condition : Condition
        Condition to change.
    perturbations : iterable of Perturbation
        Perturbations in any order, at most one of each name.
    seed : int
        Seed of their random numbers, 0 or more.

    Raises
    ------
    InputError
        If two perturbations have the same name, or one does not fit the network.
    """
    ordered = sorted(perturbations, key=lambda p: (p.stage, p.name))
    for one, other in itertools.pairwise(ordered):
        if one.name == other.name:
            raise InputError(f"perturbation '{one.name}' is there twice; leave one out")
    for one in ordered:
        condition = one.apply(condition, _generator(one.name, seed))
    return condition


def _generator(name: str, seed: int) -> np.random.Generator:
    """Return the random numbers of a perturbation."""
    if seed < 0:
        raise InputError(f"perturbation '{name}': seed = {seed}; give 0 or more")
    return np.random.default_rng((seed, zlib.crc32(name.encode())))
