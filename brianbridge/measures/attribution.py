"""Attribute a loss to several perturbations.

Each subset of the perturbations is simulated as a condition of its own, with the same random
numbers (`brianbridge.perturbations`), so that a chip with mismatch and one without differ in
nothing else. The cost of a perturbation *alone* is the loss with it and no other. Its cost *last*
is what would be won back without it. Its *share* is the Shapley value (1953): the mean, over all
orders in which perturbations can be added, of the loss when it is added. Shares add up to the whole
loss. If perturbations reinforce or hide each other, alone and last differ; the share is a
compromise.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import comb

__all__ = ["Cost", "costs", "subsets"]

Subset = frozenset[str]


@dataclass(frozen=True)
class Cost:
    """Hold the cost of one perturbation, in the unit of the loss.

    Parameters
    ----------
    alone : float
        Loss with this perturbation alone, minus the loss without any.
    last : float
        Loss with all perturbations, minus the loss with all others.
    share : float
        Shapley value.
    """

    alone: float
    last: float
    share: float


def subsets(names: Subset) -> Iterator[Subset]:
    """Yield all subsets, the empty one first and the whole set last.

    Examples
    --------
    >>> [sorted(s) for s in subsets(frozenset("ab"))]
    [[], ['a'], ['b'], ['a', 'b']]
    """
    ordered = sorted(names)
    for size in range(len(ordered) + 1):
        yield from map(frozenset, itertools.combinations(ordered, size))


def costs(loss: Mapping[Subset, float]) -> dict[str, Cost]:
    """Return the cost of each perturbation, by name.

    Parameters
    ----------
    loss : mapping of frozenset of str to float
        Loss under every subset of the perturbations, including the empty one.

    Examples
    --------
    Two perturbations that cost 1 each, and 4 together:

    >>> a, b = frozenset("a"), frozenset("b")
    >>> costs({frozenset(): 0.0, a: 1.0, b: 1.0, a | b: 4.0})["a"]
    Cost(alone=1.0, last=3.0, share=2.0)
    """
    whole = max(loss, key=len)
    others = len(whole) - 1
    found = {}
    for name in sorted(whole):
        one = frozenset([name])
        share = sum(
            (loss[rest | one] - loss[rest]) / (comb(others, len(rest)) * len(whole))
            for rest in subsets(whole - one)
        )
        alone = loss[one] - loss[frozenset()]
        found[name] = Cost(alone, loss[whole] - loss[whole - one], share)
    return found
