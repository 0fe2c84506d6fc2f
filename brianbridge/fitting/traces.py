"""Run a neuron with many sets of parameters at once in Brian2, and record its variables."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from brianbridge.fitting.ranges import Ranges
from brianbridge.neurons.initial_values import parse_initial
from brianbridge.neurons.model import NeuronModel
from brianbridge.neurons.quantities import si_array

__all__ = ["SetsInOneGroup", "Traces"]


class SetsInOneGroup:
    """Hold one group in which each sweep is repeated for each set of parameters.

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
    dt : float
        Length of a step, in seconds.
    """

    def __init__(
        self, model: NeuronModel, sweeps: int, ranges: Ranges, sets: int, dt: float
    ) -> None:
        from brian2 import second

        self._model, self._ranges, self._sweeps = model, ranges, sweeps
        # One value for each sweep here, and one for each neuron of the group in `set`.
        middle = ranges.values(np.full((1, len(ranges.names)), 0.5))
        population = model.with_parameters(**self._quantities(middle))
        self.group = population.group(
            sets * sweeps, samples=sets, dt=dt * second, name="brianbridge_fit*"
        )
        self._expressions = {
            name: value
            for name, value in model._initial_as_given.items()  # type: ignore[attr-defined]
            if isinstance(value, str)
        }

    def set(self, values: np.ndarray) -> None:
        """Set parameters (sets, parameters), and the initial state that follows from them."""
        given = self._quantities(values)
        for name, value in given.items():
            self.group.variables[name].set_value(si_array(value))
        parameters = {**self._model.parameters, **given}
        for name, text in self._expressions.items():
            start = parse_initial(text, parameters, name)
            self.group.variables[name].set_value(si_array(start))

    def _quantities(self, values: np.ndarray) -> dict[str, Any]:
        """Return one value of each parameter for each neuron."""
        from brian2 import Quantity

        each = np.repeat(values, self._sweeps, axis=0).T
        named = zip(self._ranges.names, each, self._ranges.dims, strict=True)
        return {name: Quantity(one, dim=dim) for name, one, dim in named}


class Traces:
    """Record variables of neurons with many sets of parameters.

    Parameters
    ----------
    model, sweeps, ranges, sets, dt
        See `SetsInOneGroup`.
    variables : collection of str
        What to record.
    steps, every : int
        Number of steps, and of steps between recorded values.
    when : str
        The slot of Brian2's schedule in which they are recorded.
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
        when: str = "start",
    ) -> None:
        from brian2 import Network, StateMonitor, second

        self._shape, self._duration = (sets, sweeps), steps * dt * second
        self._variables = tuple(variables)
        self._sets = SetsInOneGroup(model, sweeps, ranges, sets, dt)
        # Before the group's regular code, which may set what is recorded.
        self._monitor = StateMonitor(
            self._sets.group, self._variables, record=True, dt=every * dt * second, when=when,
            order=-1,
        )  # fmt: skip
        self._network = Network(self._sets.group, self._monitor)
        self._network.store("start")

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        """Return each variable, shape (sets, sweeps, times), for values (sets, parameters)."""
        self._network.restore("start")
        self._sets.set(values)
        with np.errstate(all="ignore"):
            self._network.run(self._duration, namespace={})
        shape = (*self._shape, -1)
        # Copies, because the next run takes back the monitor's memory.
        return [np.array(getattr(self._monitor, f"{n}_")).reshape(shape) for n in self._variables]
