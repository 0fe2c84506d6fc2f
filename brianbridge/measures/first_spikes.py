"""Compare the first spikes of neurons in the twin and in Brian2: their times and their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.measures.decision import first_spike_steps
from brianbridge.recording import Recording

__all__ = ["FirstSpikeComparison", "order_changed"]


@dataclass(frozen=True)
class FirstSpikeComparison:
    """Hold the differences between the first spikes of a twin and those of Brian2.

    Parameters
    ----------
    coarse : int
        Number of Brian2's steps in one step of the twin.
    order_mismatches : int
        Number of samples in which one output neuron fired before another in the twin, but not in
        Brian2. Spikes in the same step of the twin may come in any order.
    rank_mismatches : int
        Number of samples in which the ranks of the output neurons differ on the twin's grid, ties
        included: those of `order_mismatches`, and those in which a pair is tied in only one run.
    both, one_only : int
        Number of (sample, neuron) pairs, of all populations, that fired in both runs and in only
        one of them.
    difference, max_difference : int
        Sum and maximum, over `both`, of the absolute difference between the times of first spikes,
        in steps of Brian2.

    Notes
    -----
    An output neuron that never fires ranks after all that fire, and is tied with the others that
    never fire.
    """

    coarse: int
    order_mismatches: int
    rank_mismatches: int
    both: int
    one_only: int
    difference: int
    max_difference: int

    @classmethod
    def of(cls, twin: Recording, brian2: Recording, output: str) -> FirstSpikeComparison:
        """Compare two recordings of the same samples; the population `output` decides."""
        coarse = brian2.steps // twin.steps
        ours, theirs = first_spike_steps(twin, output), first_spike_steps(brian2, output)
        on_grid = theirs // coarse
        differences, one_only = [], 0
        for name in twin.shapes:
            before, after = first_spike_steps(twin, name), first_spike_steps(brian2, name)
            fired_before, fired_after = before < twin.steps, after < brian2.steps
            one_only += int(np.sum(fired_before != fired_after))
            differences.append(np.abs(after - before * coarse)[fired_before & fired_after])
        difference = np.concatenate(differences)
        return cls(
            coarse,
            int(np.sum(order_changed(ours, theirs))),
            int(np.sum(order_changed(ours, on_grid) | order_changed(on_grid, ours))),
            len(difference),
            one_only,
            int(difference.sum()),
            int(difference.max(initial=0)),
        )

    def __add__(self, other: FirstSpikeComparison) -> FirstSpikeComparison:
        """Return the comparison over the samples of both."""
        return FirstSpikeComparison(
            self.coarse,
            self.order_mismatches + other.order_mismatches,
            self.rank_mismatches + other.rank_mismatches,
            self.both + other.both,
            self.one_only + other.one_only,
            self.difference + other.difference,
            max(self.max_difference, other.max_difference),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers for JSON; differences in steps of the twin."""
        steps = self.both * self.coarse
        return {
            "order_mismatches": self.order_mismatches,
            "rank_mismatches": self.rank_mismatches,
            "fired_in_both": self.both,
            "fired_in_one_only": self.one_only,
            "mean_time_difference": self.difference / steps if steps else None,
            "max_time_difference": self.max_difference / self.coarse if steps else None,
        }


def order_changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return in which samples a neuron that fired before another one no longer fires before it.

    Parameters
    ----------
    before, after : numpy.ndarray, shape (samples, neurons)
        Times of first spikes in two runs, each in any unit.

    Returns
    -------
    numpy.ndarray of bool, shape (samples,)

    Examples
    --------
    >>> before = np.array([[1, 2, 2]])
    >>> order_changed(before, np.array([[10, 29, 21]]))
    array([False])
    >>> order_changed(before, np.array([[10, 10, 30]]))
    array([ True])
    """
    # Sorted by time before, and within a tie by time after, only neighbours need a comparison.
    order = np.lexsort((after, before), axis=1)
    earlier = np.diff(np.take_along_axis(before, order, axis=1), axis=1) > 0
    kept = np.diff(np.take_along_axis(after, order, axis=1), axis=1) > 0
    return np.asarray((earlier & ~kept).any(axis=1))
