"""Which of several perturbations costs what.

Of a set of perturbations every subset is a condition of its own, with the same random numbers for
each (`brianbridge.perturbations`), so that a chip with its mismatch and without differ in
nothing else. What one costs *alone* is the loss with it and nothing else, what it costs *last* is
what would be won back without it, and its *share* is Shapley's (1953): the mean, over all orders
in which they could have been added, of what it cost when it came. Shares add up to the whole loss.
Where perturbations help or hide each other, alone and last differ; the share is between them.
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
    """Hold what one perturbation costs, in points of whatever was lost.

    Parameters
    ----------
    alone : float
        With it and nothing else.
    last : float
        With all, minus with all others.
    share : float
        Shapley's.
    """

    alone: float
    last: float
    share: float


def subsets(names: Subset) -> Iterator[Subset]:
    """Return all subsets, the empty one first and the whole one last.

    Examples
    --------
    >>> [sorted(s) for s in subsets(frozenset("ab"))]
    [[], ['a'], ['b'], ['a', 'b']]
    """
    ordered = sorted(names)
    for size in range(len(ordered) + 1):
        yield from map(frozenset, itertools.combinations(ordered, size))


def costs(loss: Mapping[Subset, float]) -> dict[str, Cost]:
    """Tell what each perturbation costs.

    Parameters
    ----------
    loss : mapping of frozenset of str to float
        What is lost under every subset of the perturbations; also under none.

    Examples
    --------
    Two that each cost 1, and 4 together:

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
