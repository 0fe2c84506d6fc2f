"""Lists of synapses: pairs of neurons with an element of the weight, or with the weight itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from brianbridge.errors import InputError

__all__ = ["Pairs", "SynapseTable"]


class SynapseTable(NamedTuple):
    """List synapses and their weights as flat arrays, ordered by source and then by target."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray


class Pairs(NamedTuple):
    """List pairs of connected neurons as flat arrays of whole numbers, in any order.

    Parameters
    ----------
    source, target : numpy.ndarray of int, shape (synapses,)
        Flat indices of the neurons. A pair may occur several times.
    element : numpy.ndarray of int, shape (synapses,)
        The element of the flattened weight that each synapse has. Several synapses may share one.
    """

    source: np.ndarray
    target: np.ndarray
    element: np.ndarray

    @property
    def order(self) -> np.ndarray:
        """The order of the synapses by source and then by target, shape (synapses,)."""
        return np.lexsort((self.target, self.source))

    def with_weights(self, weight: np.ndarray) -> SynapseTable:
        """Return the synapses in order, each with its weight as float64.

        Examples
        --------
        >>> pairs = Pairs(np.array([1, 0]), np.array([0, 0]), np.array([0, 0]))
        >>> pairs.with_weights(np.array([0.5])).source
        array([0, 1])
        """
        values = weight.ravel()[self.element].astype(np.float64)
        source, target = self.source, self.target
        # Most kinds list their synapses in order; checking this is faster than sorting.
        later = source[1:] == source[:-1]
        if (source[1:] >= source[:-1]).all() and (target[1:] >= target[:-1])[later].all():
            return SynapseTable(source, target, values)
        order = self.order
        return SynapseTable(source[order], target[order], values[order])

    def check(self, sources: int, targets: int, weights: int, what: str) -> None:
        """Refuse neurons, or elements of the weight, that do not exist.

        Raises
        ------
        InputError
            If an array is not flat, not of whole numbers, or out of range.
        """
        for name, values, size in zip(self._fields, self, (sources, targets, weights), strict=True):
            flat = isinstance(values, np.ndarray) and values.ndim == 1
            whole = flat and (values.dtype.kind in "iu" or not values.size)
            if not whole or len(values) != len(self.source):
                raise InputError(
                    f"{what}: '{name}' in its pairs must be a flat array with one whole number for "
                    "each synapse"
                )
            if values.size and not (values.min() >= 0 and values.max() < size):
                bad = values[(values < 0) | (values >= size)][0]
                end, of = f"{name} neuron", "population's neurons"
                if name == "element":
                    end, of = "element of the weight", "weight's elements"
                raise InputError(
                    f"{what}: {end} {bad} is not between 0 and {size - 1}, the numbers of the {of}"
                )
