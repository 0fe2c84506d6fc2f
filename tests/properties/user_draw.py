"""Draw constructs of a grammar, evenly, and count them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import TypeVar
from zlib import crc32

import numpy as np

__all__ = ["Draw"]

T = TypeVar("T")


class Draw:
    """Draw one network: values from a generator, constructs from decks of cards.

    Parameters
    ----------
    number : int
        Number of the network, which decides everything.
    without : collection of str
        Constructs that are not drawn, by ``"family: name"``.

    Attributes
    ----------
    rng : numpy.random.Generator
        Draws values.
    structure : numpy.random.Generator
        Draws all else, which is thus the same for networks of another size.
    features : Counter
        How often each construct was drawn, by ``"family: name"``.
    """

    def __init__(self, number: int, without: Collection[str] = ()) -> None:
        self.number, self.without = number, without
        self.rng = np.random.default_rng(number)
        self.structure = np.random.default_rng((number, 1))
        self.features: Counter[str] = Counter()
        self._dealt: Counter[str] = Counter()

    def deal(
        self,
        family: str,
        options: Mapping[str, T],
        hand: int = 3,
        allowed: Collection[str] | None = None,
    ) -> T:
        """Return an option; networks of successive numbers draw all of a family equally often.

        Parameters
        ----------
        family : str
            Name of the family.
        options : mapping
            The constructs, by name.
        hand : int
            How many a network usually draws.
        allowed : collection of str, optional
            The names that may be drawn; all if not given.
        """
        names = list(options)
        kept = {name for name in names if f"{family}: {name}" not in self.without}
        kept &= kept if allowed is None else set(allowed)
        assert kept, f"no {family} is allowed"
        while True:
            deck, card = divmod(self.number * hand + self._dealt[family], len(names))
            order = np.random.default_rng((crc32(family.encode()), deck)).permutation(len(names))
            self._dealt[family] += 1
            name = names[order[card]]
            if name in kept:
                self.features[f"{family}: {name}"] += 1
                return options[name]

    def one_in(self, times: float) -> bool:
        """Return True once in so many times."""
        return bool(self.structure.random() < 1 / times)
