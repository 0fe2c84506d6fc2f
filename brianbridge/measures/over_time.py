"""Accuracy over time: what a network would predict if its presentation ended earlier.

The readout of the network reads each piece of a run as if nothing followed. Spikes are known in
every step; the state variables that a readout reads (`Readout.reads`) must have been recorded.
Times are steps of the twin, whatever the step of the run. Runs with different steps can therefore
be compared after the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from brianbridge.measures.confidence_intervals import Interval, mean_interval, proportion_interval
from brianbridge.network import READOUTS, SpikingNetwork
from brianbridge.network.readouts import OutputRun, read_output
from brianbridge.recording import NotRecordedError, Recording

__all__ = ["EarlyHits", "accuracy_over_time", "earlier_ends", "early_predictions", "recorded_for"]

#: Largest number of times; longer presentations are evaluated at as many equal distances.
_MOST = 100


def earlier_ends(steps: int) -> np.ndarray:
    """Return after how many steps a presentation may end: all, or 100 of them at equal distances.

    Examples
    --------
    >>> earlier_ends(3), earlier_ends(1000)[[0, 1, -1]]
    (array([1, 2, 3]), array([  10,   20, 1000]))
    """
    number = min(steps, _MOST)
    return -(-np.arange(1, number + 1) * steps // number)


def recorded_for(network: SpikingNetwork) -> tuple[str, ...]:
    """Return the variables of the output that a run must record for `early_predictions`."""
    output = network.output
    return tuple(f"{output.name}.{v}" for v in READOUTS[network.readout].reads(output.neuron))


def early_predictions(recording: Recording, network: SpikingNetwork) -> np.ndarray:
    """Return the predictions if the presentation had ended after each of `earlier_ends`.

    As long as all outputs are the same, the first class is predicted, as in a tie at the end.

    Parameters
    ----------
    recording : Recording
        A run at the step of the twin or a finer one, with the variables of `recorded_for`.
    network : SpikingNetwork
        The network that ran.

    Returns
    -------
    numpy.ndarray of int, shape (ends, samples)

    Raises
    ------
    NotRecordedError
        If the readout reads a variable that was not recorded.

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> from brianbridge.recording import Events
    >>> net = SpikingNetwork.sequential((4,), [Dense(2, neuron_model("if"))], encoding=Current(3))
    >>> raster = np.zeros((3, 1, 2)); raster[0, 0, 1] = raster[1:, 0, 0] = 1
    >>> events = {"output": Events.from_raster(raster, dt=1e-3)}
    >>> run = Recording(1e-3, 3, 1, {"output": (2,)}, events, np.array([[2.0, 1.0]]))
    >>> early_predictions(run, net)[:, 0]
    array([1, 0, 0])
    """
    ends = earlier_ends(network.steps)
    output = _Output(recording, network, ends)
    found = np.empty((len(ends), recording.samples), np.int64)
    for number, end in enumerate(ends[:-1]):
        run = _EndedRun(output, number, int(end))
        found[number] = np.asarray(read_output(network.readout, run)).argmax(axis=1)
    # Graded spikes that are summed in another order could break a tie at the end.
    found[-1] = recording.prediction
    return found


class _Output:
    """The recording of the last population of a run."""

    def __init__(self, recording: Recording, network: SpikingNetwork, ends: np.ndarray) -> None:
        self.recording, self.population, self.ends = recording, network.output, ends
        self.coarse = recording.steps // network.steps

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of samples and of neurons."""
        return self.recording.samples, self.population.size

    @cached_property
    def counts(self) -> np.ndarray:
        """Summed spike values until each end, ``(ends, samples, neurons)``."""
        events = self.recording.events(self.population.name)
        samples, neurons = self.sizes
        end = np.searchsorted(self.ends * self.coarse, events.step, side="right")
        cell = (end * samples + events.sample) * neurons + events.node
        values = np.bincount(cell, events.value, minlength=len(self.ends) * samples * neurons)
        return values.reshape(-1, samples, neurons).astype(float, copy=False).cumsum(axis=0)

    @cached_property
    def first_steps(self) -> np.ndarray:
        """First spikes in the twin's steps, ``(samples, neurons)``."""
        events = self.recording.events(self.population.name)
        return events.first_steps(*self.sizes, self.recording.steps) / self.coarse

    @cached_property
    def raster(self) -> np.ndarray:
        """Spike values in each of the twin's steps, ``(steps, samples, neurons)``."""
        return self.recording.raster(self.population.name, self.coarse)

    def state(self, variable: str, end: int) -> np.ndarray:
        """Return a state variable after a step of the twin, ``(samples, neurons)``."""
        traces = self.recording.traces.get(self.population.name, {})
        if variable not in traces:
            raise NotRecordedError(f"'{variable}' of '{self.population.name}' was not recorded")
        return traces[variable][end * self.coarse - 1].reshape(self.sizes)


class _EndedRun(OutputRun):
    """Give a readout the last population of a run, as if the run had ended after a step."""

    def __init__(self, output: _Output, number: int, end: int) -> None:
        self.neuron, self.grid = output.population.neuron, 1 / output.coarse
        self.samples, self.neurons = output.sizes
        self.steps = end
        self._output, self._number = output, number

    @property
    def _fired(self) -> _Output:
        if self._output.population.name not in self._output.recording.all_events:
            raise self.silent()
        return self._output

    def counts(self) -> np.ndarray:
        """Return the summed spike values."""
        return np.asarray(self._fired.counts[self._number])

    def first_steps(self) -> np.ndarray:
        """Return the first spikes in the twin's steps."""
        return np.minimum(self._fired.first_steps, self.steps)

    def raster(self) -> np.ndarray:
        """Return the spike values in each of the twin's steps."""
        return self._fired.raster[: self.steps]

    def state(self, variable: str) -> np.ndarray:
        """Return a state variable at the end, float64."""
        return self._output.state(variable, self.steps)


@dataclass(frozen=True, eq=False)
class EarlyHits:
    """Hold whether each sample is right if its presentation ends earlier; consecutive ones add.

    Parameters
    ----------
    dt : float
        Step of the twin, in seconds.
    steps : int
        Number of steps of the whole presentation; the others are those of `earlier_ends`.
    bits : numpy.ndarray of uint8, shape (samples, bytes)
        One bit for each end.
    """

    dt: float
    steps: int
    bits: np.ndarray

    @classmethod
    def of(
        cls, recording: Recording, network: SpikingNetwork, labels: np.ndarray
    ) -> EarlyHits | None:
        """Compare `early_predictions` with labels; None if not all that they need was recorded."""
        try:
            right = early_predictions(recording, network) == labels
        except NotRecordedError:
            return None
        return cls(network.dt, network.steps, np.packbits(right.T, axis=1))

    def __add__(self, other: EarlyHits) -> EarlyHits:
        """Return the samples of both, those of `other` last."""
        return EarlyHits(self.dt, self.steps, np.concatenate([self.bits, other.bits]))

    @property
    def right(self) -> np.ndarray:
        """Whether each sample is right, bool, ``(samples, ends)``."""
        number = len(earlier_ends(self.steps))
        return np.unpackbits(self.bits, axis=1, count=number).astype(bool)


def accuracy_over_time(runs: Sequence[EarlyHits]) -> dict[str, list[float]]:
    """Return the accuracy if presentations end earlier, with 95 % intervals.

    Parameters
    ----------
    runs : sequence of EarlyHits
        Runs of one condition, over the same samples.

    Returns
    -------
    dict of str to list of float
        ``time_ms``: the end of the presentation, ``accuracy``: the mean over the runs, ``low`` and
        ``high``: Wilson's interval of a run with that accuracy. For several runs it also covers
        `mean_interval` over runs and samples.

    Examples
    --------
    >>> hits = EarlyHits(1e-3, 2, np.packbits([[0, 1], [1, 1]], axis=1))
    >>> accuracy_over_time([hits])["accuracy"]
    [0.5, 1.0]
    """
    first = runs[0]
    right = np.stack([run.right for run in runs])
    accuracy = right.mean(axis=(0, 1)).tolist()
    intervals = [_interval(right[:, :, end]) for end in range(right.shape[2])]
    return {
        "time_ms": (earlier_ends(first.steps) * (first.dt * 1e3)).tolist(),
        "accuracy": accuracy,
        "low": [low for low, _ in intervals],
        "high": [high for _, high in intervals],
    }


def _interval(right: np.ndarray) -> Interval:
    """Return the interval of the share of samples that are right, ``(runs, samples)``."""
    runs, samples = right.shape
    low, high = proportion_interval(float(right.sum()) / runs, samples)
    found = mean_interval(right.astype(float)) if runs > 1 else None
    if found is None:
        return low, high
    return max(min(low, found[0]), 0.0), min(max(high, found[1]), 1.0)
