"""What a fit to rates or features is given, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.fitting.driven import driven
from brianbridge.fitting.measures import Measure
from brianbridge.fitting.problem import check_fires, checked_input, drive_of, whole_steps
from brianbridge.fitting.ranges import Ranges, checked_ranges
from brianbridge.fitting.spike_trains import SpikeTrains
from brianbridge.fitting.traces import Traces
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import checked_step, seconds

__all__ = ["MeasuredProblem"]

#: Numbers in the traces of one simulation.
_LARGEST = 3e7


@dataclass(frozen=True)
class MeasuredProblem:
    """Hold a neuron, its input and the numbers that it is fitted to.

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
    measure : Measure
        What is compared.
    """

    model: NeuronModel
    population: NeuronModel
    ranges: Ranges
    dt: float
    steps: int
    measure: Measure

    @property
    def sweeps(self) -> int:
        """The number of sweeps."""
        return len(self.measure.wanted)

    def loss(self, recorded: Any) -> float:
        """Return the loss of a neuron, from its spike times or traces; see `Measure.of`."""
        return self.measure.loss(self.measure.of(recorded, self.dt))

    def losses(self, z: np.ndarray) -> np.ndarray:
        """Return the loss of each set of coordinates (sets, parameters), by one simulation."""
        recorded = self._recorded(self.ranges.values(z))
        return np.array([self.loss(one) for one in recorded])

    def _recorded(self, values: np.ndarray) -> Iterator[Any]:
        """Return the spike times or the trace of each set of values (sets, parameters)."""
        sweeps, variable = self.sweeps, self.measure.variable
        if not variable:
            yield from SpikeTrains(self.population, sweeps, self.ranges, self.dt)(
                values, self.steps
            )
            return
        most = max(1, int(_LARGEST // (self.steps * sweeps)))
        for part in np.split(values, [*range(most, len(values), most)]):
            run = Traces(
                self.population, sweeps, self.ranges, len(part), (variable,), self.dt, self.steps, 1
            )
            yield from run(part)[0]

    @classmethod
    def checked(
        cls, model: NeuronModel, *, input: Any, measure: Callable[[int, float, float], Measure],
        dt: Any, learn: Any, drive: str, input_dt: Any, t_start: Any,
    ) -> MeasuredProblem:  # fmt: skip
        """Return a problem as `brianbridge.fit` is given it; see there.

        Parameters
        ----------
        measure : callable
            Takes the number of sweeps, ``t_start`` and their length, and returns what is compared.

        Raises
        ------
        InputError
            If anything does not fit together.
        """
        step = checked_step(dt, "dt")
        ranges = checked_ranges(model, learn)
        if input is None:
            raise InputError("a fit to rates or features needs the input over time; give input")
        values, each = checked_input(input, step, input_dt)
        steps = whole_steps(each, step, "input_dt") * values.shape[1]
        first, last = seconds(t_start, "t_start", zero=True), steps * step
        if first >= last:
            raise InputError(
                f"t_start = {first * 1e3:g} ms leaves nothing of sweeps of {last * 1e3:g} ms; make "
                "it shorter"
            )
        made = measure(len(values), first, last)
        if not made.variable:
            check_fires(model)
            if made.wanted.max() > 1 / step:
                raise InputError(
                    f"target has a rate of {made.wanted.max():g} Hz, more than a spike in each "
                    f"step of {step * 1e3:g} ms; correct it, or choose a smaller dt"
                )
        population = driven(model, drive or drive_of(model), values, each)
        return cls(model, population, ranges, step, steps, made)
