"""What a fit to spike trains is given, checked and cut into pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.fitting.driven import driven
from brianbridge.fitting.forced import forced
from brianbridge.fitting.problem import check_fires, checked_input, drive_of
from brianbridge.fitting.ranges import Ranges, checked_ranges
from brianbridge.fitting.spike_distances import LOSSES
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import checked_step, seconds, si_array

__all__ = ["LIKELIHOOD", "SpikeProblem"]

#: The metric that is no distance of spike trains.
LIKELIHOOD = "likelihood"

#: A sweep is cut into pieces of this length, each after a run-up, in seconds.
_PIECE, _RUN_UP = 0.5, 0.3


@dataclass(frozen=True)
class SpikeProblem:
    """Hold a neuron, its input and the spikes that it is fitted to.

    Parameters
    ----------
    model : NeuronModel
        The neuron, as it was given.
    population : NeuronModel
        One such neuron for each sweep, driven by the input of the sweep.
    ranges : Ranges
        The parameters to learn.
    dt : float
        Length of a step, in seconds.
    steps : int
        Steps of a sweep.
    trains : tuple of numpy.ndarray
        Spike times of each sweep, in seconds: whole steps.
    precision : float
        The distance up to which spikes belong together, in seconds.
    metric : str
        What is lowered: a name of `brianbridge.fitting.spike_distances.LOSSES`, or `LIKELIHOOD`.
    pieces : NeuronModel
        A neuron for each piece of a sweep, which fires when the recording does.
    fires, counts : numpy.ndarray, shape (pieces, steps)
        Where a piece has spikes, and what belongs to it; the rest is its run-up.
    drive : str
        The parameter that the input sets.
    """

    model: NeuronModel
    population: NeuronModel
    ranges: Ranges
    dt: float
    steps: int
    trains: tuple[np.ndarray, ...]
    precision: float
    metric: str
    pieces: NeuronModel
    fires: np.ndarray
    counts: np.ndarray
    drive: str

    @property
    def sweeps(self) -> int:
        """The number of sweeps."""
        return len(self.trains)

    def distance(self, trains: Sequence[np.ndarray], metric: str = "") -> float:
        """Return the mean loss of the spike times of all sweeps, by this metric or another one."""
        loss = LOSSES[metric or self.metric]
        each = [
            loss(train, recorded, self.precision, self.steps * self.dt)
            for train, recorded in zip(trains, self.trains, strict=True)
        ]
        return float(np.mean(each))

    @classmethod
    def checked(
        cls, model: NeuronModel, *, input: Any, target: Any, dt: Any, learn: Any, drive: str,
        precision: Any, metric: str,
    ) -> SpikeProblem:  # fmt: skip
        """Return a problem as `brianbridge.fit` is given it; see there.

        Raises
        ------
        InputError
            If anything does not fit together.
        """
        known = (*LOSSES, LIKELIHOOD)
        if metric not in known:
            raise InputError(f"there is no metric {metric!r}. {did_you_mean(metric, known)}")
        step = checked_step(dt, "dt")
        ranges = checked_ranges(model, learn)
        within = seconds(precision, "precision")
        if input is None:
            raise InputError("a fit to spike trains needs the input over time; give input")
        check_fires(model)
        values, _ = checked_input(input, step, None)
        trains = _trains(target, values.shape, step)
        if metric == LIKELIHOOD:
            _check_refractory(model, trains)
        name = drive or drive_of(model)
        population = driven(model, name, values, step)
        cut, fires, counts = _cut(values, trains, step)
        pieces = forced(driven(model, name, cut, step), fires, step)
        return cls(
            model, population, ranges, step, values.shape[1], trains, within, metric, pieces,
            fires, counts, name,
        )  # fmt: skip


def _trains(target: Any, shape: tuple[int, int], dt: float) -> tuple[np.ndarray, ...]:
    """Return the spike times of each sweep, rounded to steps."""
    from brian2 import second
    from brian2.units.fundamentalunits import get_dimensions

    sweeps, steps = shape
    if len(target) != sweeps:
        raise InputError(
            f"there are {sweeps} sweeps of input and {len(target)} spike trains; give the spike "
            "times of each sweep, as in target=[times]"
        )
    found = []
    for number, times in enumerate(target):
        try:
            unit = get_dimensions(times) if np.size(times) else second.dim
        except TypeError:
            unit = None
        if unit is not second.dim:
            raise InputError(
                f"spike train {number} is no array of times; multiply it by second, or give traces "
                "by variable, as in {'v': traces}"
            )
        places = np.rint(np.sort(si_array(times).ravel()) / dt)
        if places.size and not (places[0] >= 0 and places[-1] < steps):
            raise InputError(
                f"spike train {number} has a spike at {places[np.argmax(abs(places))] * dt:g} s, "
                f"but its input lasts from 0 to {steps * dt:g} s; leave it out, or cut the sweeps"
            )
        if (np.diff(places) == 0).any():
            raise InputError(
                f"spike train {number} has two spikes in one step; choose a smaller dt"
            )
        found.append(places * dt)
    if not any(len(one) for one in found):
        raise InputError("the spike trains have no spikes; give a recording with some")
    return tuple(found)


def _check_refractory(model: NeuronModel, trains: Sequence[np.ndarray]) -> None:
    """Refuse spikes that a neuron cannot fire, whose likelihood is 0 for any parameters."""
    if model.refractory is None or isinstance(model.refractory, str):
        return
    period = float(si_array(model.refractory))
    for number, train in enumerate(trains):
        shortest = np.diff(train).min(initial=np.inf)
        if shortest < period - 1e-9:
            raise InputError(
                f"spike train {number} has spikes {shortest * 1e3:g} ms apart, but "
                f"{model.label} is refractory for {period * 1e3:g} ms; make that shorter"
            )


def _cut(
    values: Any, trains: Sequence[np.ndarray], dt: float
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Cut sweeps into pieces with a run-up; return input, spikes and what belongs to a piece."""
    from brian2 import Quantity
    from brian2.units.fundamentalunits import get_dimensions

    steps = values.shape[1]
    number = max(1, round(steps * dt / _PIECE))
    length = -(-steps // number)
    whole = min(steps, length + round(_RUN_UP / dt))
    inputs, fires, counts = [], [], []
    for sweep, train in zip(si_array(values), trains, strict=True):
        spikes = np.zeros(steps, bool)
        spikes[np.rint(train / dt).astype(int)] = True
        for first in range(0, steps, length):
            last = min(first + length, steps)
            start = max(0, min(last, steps) - whole)
            inputs.append(sweep[start : start + whole])
            fires.append(spikes[start : start + whole])
            place = np.arange(start, start + whole)
            counts.append((place >= first) & (place < last))
    cut = Quantity(np.array(inputs), dim=get_dimensions(values))
    return cut, np.array(fires), np.array(counts)
