"""Run a neuron with many sets of parameters at once in Brian2, and record its variables."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from brianbridge.fitting.ranges import Ranges
from brianbridge.neurons.initial_values import parse_initial
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array

__all__ = ["Traces"]


class Traces:
    """Run one group in which each sweep is repeated for each set of parameters.

    Parameters
    ----------
    model : NeuronModel
        A population with one neuron for each sweep.
    sweeps : int
        Number of sweeps.
    ranges : Ranges
        The parameters that differ between sets.
    sets : int
        Number of sets.
    variables : collection of str
        What to record.
    dt : float
        Length of a step, in seconds.
    steps, every : int
        Number of steps, and of steps between recorded values.
    """

    def __init__(
        self,
        model: NeuronModel,
        sweeps: int,
        ranges: Ranges,
        sets: int,
        variables: Collection[str],
        dt: float,
        steps: int,
        every: int,
    ) -> None:
        from brian2 import Network, StateMonitor, second

        self._model, self._ranges, self._shape = model, ranges, (sets, sweeps)
        self._variables, self._duration = tuple(variables), steps * dt * second
        # One value for each sweep here, and one for each neuron of the group below.
        middle = ranges.values(np.full((1, len(ranges.names)), 0.5))
        population = model.with_parameters(**self._quantities(middle))
        self._group = population.group(
            sets * sweeps, samples=sets, dt=dt * second, name="brianbridge_fit*"
        )
        # Before the group's regular code, which may set what is recorded.
        self._monitor = StateMonitor(
            self._group, self._variables, record=True, dt=every * dt * second, order=-1
        )
        self._network = Network(self._group, self._monitor)
        self._network.store("start")
        self._expressions = {
            name: value
            for name, value in model._initial_as_given.items()  # type: ignore[attr-defined]
            if isinstance(value, str)
        }

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        """Return each variable, shape (sets, sweeps, times), for values (sets, parameters)."""
        self._network.restore("start")
        given = self._quantities(values)
        for name, value in given.items():
            self._group.variables[name].set_value(si_array(value))
        parameters = {**self._model.parameters, **given}
        for name, text in self._expressions.items():
            start = parse_initial(text, parameters, name)
            self._group.variables[name].set_value(si_array(start))
        with np.errstate(all="ignore"):
            self._network.run(self._duration, namespace={})
        shape = (*self._shape, -1)
        return [getattr(self._monitor, f"{n}_").reshape(shape) for n in self._variables]

    def _quantities(self, values: np.ndarray) -> dict[str, Any]:
        """Return one value of each parameter for each neuron."""
        from brian2 import Quantity

        each = np.repeat(values, self._shape[1], axis=0).T
        named = zip(self._ranges.names, each, self._ranges.dims, strict=True)
        return {name: Quantity(one, dim=dim) for name, one, dim in named}
