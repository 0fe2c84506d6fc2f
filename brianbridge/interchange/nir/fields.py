"""The fields of one node of a NIR graph, checked as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.interchange.rating import unsupported
from brianbridge.readable import printable

__all__ = ["Fields"]

#: Largest stride, padding, dilation or size of a window.
_LARGEST = 100_000


@dataclass(frozen=True)
class Fields:
    """Give access to the fields of a node.

    Parameters
    ----------
    name, kind : str
        Name of the node, and its type in NIR.
    raw : mapping
        Its fields.
    """

    name: str
    kind: str
    raw: Mapping[str, Any]

    @property
    def what(self) -> str:
        """The node, for messages."""
        return f"node '{self.name}' ({self.kind})"

    def refuse(self, reason: str, remedy: str) -> InputError:
        """Return the error that refuses this node."""
        return unsupported(self.name, self.kind, reason, remedy)

    def numbers(
        self, key: str, dimensions: tuple[int, ...] = (), infinite: bool = False
    ) -> np.ndarray:
        """Return an array of numbers; `dimensions` are those that it may have.

        Raises
        ------
        InputError
            If there is none, or it holds anything else.
        """
        if self.raw.get(key) is None:
            raise self.refuse(f"it has no '{key}'", "save the graph again with a current 'nir'")
        array = np.asarray(self.raw[key])
        good = array.dtype.kind in "iufb" and array.size > 0 and not np.isnan(array).any()
        if not good or not (infinite or np.isfinite(array).all()):
            raise self.refuse(f"its '{key}' is not finite numbers", "correct the node")
        if dimensions and array.ndim not in dimensions:
            raise self.refuse(
                f"its '{key}' has the shape {array.shape}",
                f"give it {' or '.join(map(str, dimensions))} dimensions",
            )
        return array if array.dtype.kind == "f" else array.astype(np.float64)

    def optional(self, key: str, otherwise: float) -> np.ndarray:
        """Return an array of finite numbers, or one number if there is none."""
        return np.float64(otherwise) if self.raw.get(key) is None else self.numbers(key)  # type: ignore[return-value]

    def sizes(self, key: str, number: int, least: int = 1) -> tuple[int, ...]:
        """Return whole numbers, one for each of the `number` axes; a single one counts for all."""
        array = self.numbers(key).ravel()
        whole = (array == np.rint(array)) & (array >= least) & (array <= _LARGEST)
        if array.size not in (1, number) or not whole.all():
            raise self.refuse(
                f"its '{key}' is {printable(str(array.tolist()))}",
                f"give one or {number} whole numbers from {least} to {_LARGEST}",
            )
        values = tuple(int(value) for value in array)
        return values * number if len(values) == 1 else values

    def shape(self, key: str) -> tuple[int, ...] | None:
        """Return a shape, or None if there is none."""
        found = self.raw.get(key)
        if isinstance(found, Mapping):  # of a graph in memory
            found = next(iter(found.values()), None)
        if found is None or np.asarray(found).dtype == object:
            return None
        array = np.asarray(found)
        good = array.dtype.kind in "iu" and array.ndim == 1 and 0 < array.size <= 8
        if not good or (array < 1).any() or np.prod(array.astype(float)) > 2**31:
            raise self.refuse(
                f"its '{key}' is {printable(str(array.tolist()))}",
                "give the shape of one sample, in whole numbers of at least 1",
            )
        return tuple(int(size) for size in array)
