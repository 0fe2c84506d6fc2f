"""Summarise each sample: its number of spikes, and whether its prediction is silent or tied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.event_loops import spikes_of_each
from brianbridge.measures.confidence_intervals import proportion_interval
from brianbridge.recording import Recording

__all__ = [
    "SampleSummary",
    "count_silent_and_tied",
    "share_of_largest_class",
    "why_no_better_than_chance",
    "why_uninformative",
]


@dataclass(frozen=True, eq=False)
class SampleSummary:
    """Hold a summary of each sample; summaries of consecutive samples add.

    Parameters
    ----------
    spikes : numpy.ndarray of int64, shape (samples,)
        Number of spikes of all populations, whatever their value.
    silent : numpy.ndarray of bool, shape (samples,), optional
        Whether no output neuron fired; None if output neurons have no threshold.
    tied : numpy.ndarray of bool, shape (samples,)
        Whether several outputs are the largest, so that the first of them was predicted.
    """

    spikes: np.ndarray
    silent: np.ndarray | None
    tied: np.ndarray

    @classmethod
    def of(cls, recording: Recording, output: str) -> SampleSummary:
        """Summarise a recording whose output population is `output`.

        Examples
        --------
        >>> from brianbridge.recording import Events
        >>> raster = np.zeros((5, 2, 3)); raster[2, 0, 1:] = 1
        >>> events = {"output": Events.from_raster(raster, dt=1e-3)}
        >>> counts = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
        >>> run = Recording(1e-3, 5, 2, {"output": (3,)}, events, counts)
        >>> found = SampleSummary.of(run, "output")
        >>> found.spikes, found.silent, found.tied
        (array([2, 0]), array([False,  True]), array([ True,  True]))
        """
        spikes = np.zeros(recording.samples, np.int64)
        silent = None
        for name, events in recording.all_events.items():
            number = spikes_of_each(events.sample, recording.samples)
            spikes += number
            if name == output:
                silent = number == 0
        largest = recording.output.max(axis=1, keepdims=True)
        return cls(spikes, silent, (recording.output == largest).sum(axis=1) > 1)

    def __add__(self, other: SampleSummary) -> SampleSummary:
        """Return the summary of the samples of both, those of `other` last."""
        silent = None
        if self.silent is not None and other.silent is not None:
            silent = np.concatenate([self.silent, other.silent])
        return SampleSummary(
            np.concatenate([self.spikes, other.spikes]),
            silent,
            np.concatenate([self.tied, other.tied]),
        )


def count_silent_and_tied(
    runs: Sequence[SampleSummary], predictions: np.ndarray, labels: np.ndarray
) -> dict[str, Any]:
    """Count samples whose prediction is uninformative.

    Parameters
    ----------
    runs : sequence of SampleSummary
        Runs of one condition, over the same samples.
    predictions : numpy.ndarray of int, shape (runs, samples)
        Predicted classes.
    labels : numpy.ndarray of int, shape (samples,)
        True classes.

    Returns
    -------
    dict
        ``silent``: number of samples without an output spike, averaged over the runs; None if the
        output does not fire. ``ties``: number of the other samples in which no class is ahead, also
        averaged. ``only_class``: the class that is predicted for every sample although the labels
        have several classes, or None.
    """
    silent = [np.zeros_like(run.tied) if run.silent is None else run.silent for run in runs]
    ties = [run.tied & ~still for run, still in zip(runs, silent, strict=True)]
    one = len(np.unique(predictions)) == 1 and len(np.unique(labels)) > 1
    return {
        "silent": None if runs[0].silent is None else float(np.sum(silent)) / len(runs),
        "ties": float(np.sum(ties)) / len(runs),
        "only_class": int(predictions.flat[0]) if one else None,
    }


def why_uninformative(found: Mapping[str, Any], samples: int) -> str:
    """Return why the accuracy of a run is uninformative; an empty text if it may be informative.

    Parameters
    ----------
    found : mapping
        ``silent``, ``ties`` and ``only_class``, from `count_silent_and_tied`.
    samples : int
        Number of samples.

    Examples
    --------
    >>> why_uninformative({"silent": 30.0, "ties": 0.0, "only_class": 0}, 30)
    'every sample is taken for class 0; no output neuron fires in any sample'
    """
    silent, ties, one = found.get("silent"), found.get("ties", 0.0), found.get("only_class")
    why = [] if one is None else [f"every sample is taken for class {one}"]
    if samples and silent == samples:
        why.append("no output neuron fires in any sample")
    elif samples and (silent or 0.0) + ties == samples:
        why.append("no class is ahead of the others in any sample")
    return "; ".join(why)


def share_of_largest_class(labels: np.ndarray) -> float | None:
    """Return the share of the most frequent label; None if there are not several labels.

    Examples
    --------
    >>> share_of_largest_class(np.array([2, 0, 2, 1])), share_of_largest_class(np.array([1, 1]))
    (0.5, None)
    """
    _, numbers = np.unique(labels, return_counts=True)
    return float(numbers.max() / len(labels)) if len(numbers) > 1 else None


def why_no_better_than_chance(accuracy: float, chance: float | None, samples: int) -> str:
    """Return how an accuracy compares with chance; an empty text if it is clearly above.

    Parameters
    ----------
    accuracy : float
        Share of samples that are classified correctly.
    chance : float, optional
        Share that is right if every sample is taken for the most frequent class.
    samples : int
        Number of samples.

    Examples
    --------
    >>> why_no_better_than_chance(0.98, 0.1, 360)
    ''
    >>> why_no_better_than_chance(0.08, 0.1, 360).split(";")[0]
    'right on 8.00 % of the samples, no better than chance (10.00 %)'
    """
    if chance is None or not samples:
        return ""
    least, _ = proportion_interval(accuracy * samples, samples)
    if least > chance:
        return ""
    better, remedy = "not clearly better", "train the network, or give more samples"
    if accuracy <= chance:
        better, remedy = "no better", "train the network, and give bb.write_back(twin)"
    return (
        f"right on {100 * accuracy:.2f} % of the samples, {better} than chance "
        f"({100 * chance:.2f} %); {remedy}"
    )
