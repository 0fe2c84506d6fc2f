"""When a network with readout ``first_spike`` decides, what it takes, and whether Brian2 agrees.

A sample is decided in the step of the earliest output spike, and undecided where no output neuron
fires. As everywhere, a spike in step k is stamped with the start of the step, ``k*dt``: input
spikes fall on the start of the twin's step, so that neurons without leak keep their times
however fine Brian2's step is. The outcome of step k is known when it ends, one `dt` later.

As comparisons do, the numbers of consecutive samples add, so that a run is seen chunk by chunk.
They add exactly, for they are whole numbers of samples, spikes and steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.recording import Recording

__all__ = ["Decision", "FirstSpikes", "order_lost"]


@dataclass(frozen=True)
class Decision:
    """Hold sums over samples of when one run decided, and of the spikes until then.

    Parameters
    ----------
    dt : float
        Length of a step of this run, in seconds.
    samples, undecided : int
        How many were presented, and how many of them had no output spike.
    steps : int
        Sum of the steps of decisions, over the samples that were decided.
    spikes : mapping of str to int
        Spikes up to and including the step of the decision, by population that fires; a spike of
        whatever value counts once. An undecided sample counts with all of its spikes.
    input_spikes, all_input_spikes : int or None
        The same of the input, and all of its spikes; None for a constant current.
    ties : int
        Samples in which several output neurons were the earliest, in steps of this run.
    right : int
        Samples whose label is among the earliest output neurons; where none fired, whose
        prediction (by the potential at the end) is the label. So S4NN is evaluated in the code
        of Kheradpisheh & Masquelier (2020).
    """

    dt: float
    samples: int
    undecided: int
    steps: int
    spikes: Mapping[str, int]
    input_spikes: int | None
    all_input_spikes: int | None
    ties: int
    right: int

    @classmethod
    def of(
        cls,
        recording: Recording,
        output: str,
        labels: np.ndarray,
        input_spikes: np.ndarray | None = None,
    ) -> Decision:
        """Add up the decisions of a recording.

        Parameters
        ----------
        recording : Recording
            Of the twin or of Brian2, at any step.
        output : str
            The population that decides.
        labels : numpy.ndarray of int, shape (samples,)
            The classes.
        input_spikes : numpy.ndarray of int, shape (samples, twin's steps), optional
            Input spikes in each step; see `brianbridge.measures.activity.input_spikes_by_step`.

        Examples
        --------
        >>> from brianbridge.recording import Events
        >>> raster = np.zeros((5, 1, 3)); raster[2, 0, 1:] = raster[4, 0, 0] = 1
        >>> events = {"output": Events.from_raster(raster, dt=1e-3)}
        >>> run = Recording(1e-3, 5, 1, {"output": (3,)}, events, np.array([[1.1, 3.5, 3.2]]))
        >>> found = Decision.of(run, "output", labels=np.array([2]))
        >>> found.decision_time, found.spikes, found.ties, found.right
        (0.002, {'output': 2}, 1, 1)
        """
        first = _first_steps(recording, output)
        step = first.min(axis=1)
        decided = step < recording.steps
        earliest = first == step[:, None]
        of_label = np.arange(first.shape[1]) == labels[:, None]
        right = np.where(decided, (earliest & of_label).any(axis=1), recording.prediction == labels)
        until = None
        if input_spikes is not None:
            coarse = recording.steps // input_spikes.shape[1]
            seen = np.arange(input_spikes.shape[1]) <= step[:, None] // coarse
            until = int(input_spikes[seen].sum())
        return cls(
            recording.dt,
            recording.samples,
            int(np.sum(~decided)),
            int(step[decided].sum()),
            {
                name: int(np.sum(events.step <= step[events.sample]))
                for name, events in recording.all_events.items()
            },
            until,
            None if input_spikes is None else int(input_spikes.sum()),
            int(np.sum(decided & (earliest.sum(axis=1) > 1))),
            int(right.sum()),
        )

    def __add__(self, other: Decision) -> Decision:
        """Return the decisions over the samples of both."""
        return Decision(
            self.dt,
            self.samples + other.samples,
            self.undecided + other.undecided,
            self.steps + other.steps,
            {name: spikes + other.spikes[name] for name, spikes in self.spikes.items()},
            _sum(self.input_spikes, other.input_spikes),
            _sum(self.all_input_spikes, other.all_input_spikes),
            self.ties + other.ties,
            self.right + other.right,
        )

    @property
    def decision_time(self) -> float | None:
        """Mean time of decisions in seconds, start of the step; None where nothing was decided."""
        decided = self.samples - self.undecided
        return self.steps * self.dt / decided if decided else None

    def to_dict(self) -> dict[str, Any]:
        """Return means over samples, for JSON; time in seconds, over the decided samples."""
        return {
            "decision_time": self.decision_time,
            "undecided": self.undecided,
            "spikes_until_decision": {n: s / self.samples for n, s in self.spikes.items()},
            "input_spikes_until_decision": _mean(self.input_spikes, self.samples),
            "input_spikes_per_sample": _mean(self.all_input_spikes, self.samples),
            "ties": self.ties / self.samples,
            "accuracy_ties_right": self.right / self.samples,
        }


@dataclass(frozen=True)
class FirstSpikes:
    """Hold how the first spikes of Brian2 differ from those of a twin.

    Parameters
    ----------
    coarse : int
        Brian2's steps in one of the twin's.
    order_mismatches : int
        Samples with two output neurons of which one fired first in the twin, in an earlier step,
        and not so in Brian2, in steps of Brian2. What the twin had in one step may come out in
        any order.
    rank_mismatches : int
        Samples in which output neurons rank differently by the twin's steps, ties included:
        those of `order_mismatches`, and those in which a pair is tied in one of the runs only.
    both, one_only : int
        (sample, neuron) pairs, of all populations, that fired in both runs and in just one.
    difference, max_difference : int
        Sum over `both`, and the largest, of the absolute difference of the times of first spikes,
        in steps of Brian2.

    Notes
    -----
    Among output neurons, one that never fired comes after all that did, and is tied with the
    others that never did.
    """

    coarse: int
    order_mismatches: int
    rank_mismatches: int
    both: int
    one_only: int
    difference: int
    max_difference: int

    @classmethod
    def of(cls, twin: Recording, brian2: Recording, output: str) -> FirstSpikes:
        """Compare two recordings of the same samples, whose population `output` decides."""
        coarse = brian2.steps // twin.steps
        first, found = _first_steps(twin, output), _first_steps(brian2, output)
        on_grid = found // coarse
        differences, one_only = [], 0
        for name in twin.shapes:
            before, after = _first_steps(twin, name), _first_steps(brian2, name)
            fired, fires = before < twin.steps, after < brian2.steps
            one_only += int(np.sum(fired != fires))
            differences.append(np.abs(after - before * coarse)[fired & fires])
        difference = np.concatenate(differences)
        return cls(
            coarse,
            int(np.sum(order_lost(first, found))),
            int(np.sum(order_lost(first, on_grid) | order_lost(on_grid, first))),
            len(difference),
            one_only,
            int(difference.sum()),
            int(difference.max(initial=0)),
        )

    def __add__(self, other: FirstSpikes) -> FirstSpikes:
        """Return the comparison over the samples of both."""
        return FirstSpikes(
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


def order_lost(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Tell in which samples a neuron that was earlier than another is so no longer.

    Parameters
    ----------
    before, after : numpy.ndarray, shape (samples, neurons)
        Times of first spikes in two runs, each in a unit of its own.

    Returns
    -------
    numpy.ndarray of bool, shape (samples,)

    Examples
    --------
    >>> before = np.array([[1, 2, 2]])
    >>> order_lost(before, np.array([[10, 29, 21]])), order_lost(before, np.array([[10, 10, 30]]))
    (array([False]), array([ True]))
    """
    # By time before, and within a tie by time after: it is enough to look at neighbours then.
    order = np.lexsort((after, before), axis=1)
    earlier = np.diff(np.take_along_axis(before, order, axis=1), axis=1) > 0
    kept = np.diff(np.take_along_axis(after, order, axis=1), axis=1) > 0
    return np.asarray((earlier & ~kept).any(axis=1))


def _first_steps(recording: Recording, name: str) -> np.ndarray:
    """Return the step of each neuron's first spike, `steps` where there is none, as int64."""
    neurons = int(np.prod(recording.shapes[name]))
    first = recording.events(name).first_steps(recording.samples, neurons, recording.steps)
    return first.astype(np.int64)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _mean(total: int | None, samples: int) -> float | None:
    return None if total is None else total / samples
