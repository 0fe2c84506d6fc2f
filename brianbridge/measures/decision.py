"""Decisions of networks with readout ``first_spike``: when they decide, and after how many spikes.

A sample is decided in the step of the earliest output spike, and undecided if no output neuron
fires. As everywhere, a spike in step k has the time at which the step starts, ``k*dt``. Input
spikes fall on the start of the twin's step, so that neurons without a leak keep their spike times
however fine Brian2's step is. The outcome of step k is known when the step ends, one `dt` later.

Decisions of consecutive samples add, as comparisons do, so that a run can be read chunk by chunk.
The sums are exact, because they are whole numbers of samples, spikes and steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.recording import Recording

__all__ = ["Decision", "first_spike_steps"]


@dataclass(frozen=True)
class Decision:
    """Hold when one run decided and how many spikes that took, summed over samples.

    Parameters
    ----------
    dt : float
        Step of this run, in seconds.
    samples, undecided : int
        Number of samples, and of those without an output spike.
    steps : int
        Sum of the steps of decisions, over the decided samples.
    spikes : mapping of str to int
        Number of spikes up to and including the step of the decision, by population that fires. A
        spike counts once, whatever its value. An undecided sample counts with all its spikes.
    input_spikes, all_input_spikes : int or None
        Number of input spikes up to the decision, and of all input spikes; None for a constant
        current.
    ties : int
        Number of samples in which several output neurons fired first, in steps of this run.
    right : int
        Number of samples whose label is among the output neurons that fired first; if none fired,
        whose prediction (by the potential at the end) is the label. The code of Kheradpisheh &
        Masquelier (2020) evaluates S4NN in this way.
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
        """Sum the decisions of a recording.

        Parameters
        ----------
        recording : Recording
            Recording of the twin or of Brian2, with any step.
        output : str
            Name of the population that decides.
        labels : numpy.ndarray of int, shape (samples,)
            True classes.
        input_spikes : numpy.ndarray of int, shape (samples, twin's steps), optional
            Number of input spikes in each step, from
            `brianbridge.measures.spike_counts.input_spikes_by_step`.

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
        first = first_spike_steps(recording, output)
        step = first.min(axis=1)
        decided = step < recording.steps
        earliest = first == step[:, None]
        at_label = np.arange(first.shape[1]) == labels[:, None]
        right = np.where(decided, (earliest & at_label).any(axis=1), recording.prediction == labels)
        return cls(
            dt=recording.dt,
            samples=recording.samples,
            undecided=int(np.sum(~decided)),
            steps=int(step[decided].sum()),
            spikes={
                name: int(np.sum(events.step <= step[events.sample]))
                for name, events in recording.all_events.items()
            },
            input_spikes=_input_spikes_until(step, recording.steps, input_spikes),
            all_input_spikes=None if input_spikes is None else int(input_spikes.sum()),
            ties=int(np.sum(decided & (earliest.sum(axis=1) > 1))),
            right=int(right.sum()),
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
        """Mean start of the step of the decision, in seconds; None if nothing was decided."""
        decided = self.samples - self.undecided
        return self.steps * self.dt / decided if decided else None

    def to_dict(self) -> dict[str, Any]:
        """Return means over samples, for JSON; the time in seconds, over the decided samples."""
        return {
            "decision_time": self.decision_time,
            "undecided": self.undecided,
            "spikes_until_decision": {n: s / self.samples for n, s in self.spikes.items()},
            "input_spikes_until_decision": _mean(self.input_spikes, self.samples),
            "input_spikes_per_sample": _mean(self.all_input_spikes, self.samples),
            "ties": self.ties / self.samples,
            "accuracy_ties_right": self.right / self.samples,
        }


def first_spike_steps(recording: Recording, population: str) -> np.ndarray:
    """Return the step of each neuron's first spike; the number of steps if it never fires.

    Returns
    -------
    numpy.ndarray of int64, shape (samples, neurons)
    """
    neurons = int(np.prod(recording.shapes[population]))
    first = recording.events(population).first_steps(recording.samples, neurons, recording.steps)
    return first.astype(np.int64)


def _input_spikes_until(
    step: np.ndarray, steps: int, input_spikes: np.ndarray | None
) -> int | None:
    """Return the number of input spikes up to and including the step `step` of each sample."""
    if input_spikes is None:
        return None
    coarse = steps // input_spikes.shape[1]
    seen = np.arange(input_spikes.shape[1]) <= step[:, None] // coarse
    return int(input_spikes[seen].sum())


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _mean(total: int | None, samples: int) -> float | None:
    return None if total is None else total / samples
