"""Add numbers up in an order that does not depend on how they are shared out.

Sums of floating-point numbers depend on how they are grouped. Here the groups are those of a binary
tree: the first 2^k of n numbers, with the largest k for which others are left, and the others. A
part of 2^k numbers that begins at a multiple of 2^k is a branch of this tree, whoever added it up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["TreeSum", "tree_sum"]


class TreeSum:
    """Add things up as they come, without keeping all of them.

    Examples
    --------
    >>> total = TreeSum()
    >>> for part in "abcdefg":
    ...     total.add(f"({part})")
    >>> total.result
    '(a)(b)(c)(d)(e)(f)(g)'
    """

    def __init__(self) -> None:
        self._branches: list[tuple[int, Any]] = []

    def add(self, part: Any) -> None:
        """Add the next part."""
        size = 1
        while self._branches and self._branches[-1][0] == size:
            part = self._branches.pop()[1] + part
            size *= 2
        self._branches.append((size, part))

    @property
    def result(self) -> Any:
        """The sum of all parts; None if there are none."""
        total = None
        for _, branch in reversed(self._branches):
            total = branch if total is None else branch + total
        return total


def tree_sum(parts: Iterable[Any]) -> Any:
    """Return the sum of some parts; None if there are none.

    Examples
    --------
    >>> numbers = [0.1 * n for n in range(11)]
    >>> groups = [tree_sum(numbers[n : n + 4]) for n in range(0, 11, 4)]
    >>> tree_sum(groups) == tree_sum(numbers)
    True
    """
    total = TreeSum()
    for part in parts:
        total.add(part)
    return total.result
