"""Readout by first spikes: the earlier a neuron's first spike, the larger its output."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from brianbridge.network.readouts.base import OutputRun, Readout

__all__ = ["AT_SPIKE", "FirstSpike", "first_spike_output", "first_spike_times"]

#: The state variable in which a neuron's reset keeps the potential at which it fired. The readout
#: breaks ties by it, where the neuron model has it.
AT_SPIKE = "v_at_spike"


class FirstSpike(Readout):
    """Read the first spikes, with ties broken by the potential; see `first_spike_output`."""

    name: ClassVar[str] = "first_spike"
    needs_potential: ClassVar[bool] = True
    first_spike_decides: ClassVar[bool] = True

    def output(self, run: OutputRun) -> Any:
        """Return the outcome of `first_spike_output`."""
        keeps = AT_SPIKE in run.neuron.settable_variables
        at_spike = run.state(AT_SPIKE) if keeps else 0.0
        return first_spike_output(run.first_steps(), at_spike, run.potential(), run.steps, run.grid)


def first_spike_output(
    first: Any, at_spike: Any, at_end: Any, steps: int, grid: float = 1.0
) -> Any:
    """Return outputs that are larger the earlier the first spike.

    The whole multiples of `grid` tell the time, ``steps - first``; the fraction between them,
    ``(1 + x/(1 + |x|))/2`` of a potential ``x``, orders neurons that fired in the same step by
    the potential that they fired at, and neurons that never fired by that at the end.

    Parameters
    ----------
    first : array, shape (samples, neurons)
        When each neuron fired first, in steps of the twin; `steps` if it never did.
    at_spike : array, shape (samples, neurons)
        The potential at which it fired; not used where it did not.
    at_end : array, shape (samples, neurons)
        The potential at the end; used where it never fired.
    steps : int
        Steps of a presentation.
    grid : float
        Smallest difference between two times: 1, or less in a run of finer steps.

    Returns
    -------
    array, shape (samples, neurons)
        Above 0 for neurons that fired, and below 0 for those that never did.

    Examples
    --------
    >>> first, none = np.array([2.0, 1, 1, 5, 5]), np.zeros(5)
    >>> output = first_spike_output(first, np.array([9.0, 1.2, 1.5, 0, 0]), none - 1, steps=5)
    >>> int(output.argmax())                # of the two that fired in step 1, the higher one
    2
    """
    fired = first < steps
    return fired * (steps - first + grid * _between(at_spike)) + ~fired * (_between(at_end) - 1)


def first_spike_times(output: Any, steps: int, grid: float = 1.0) -> Any:
    """Return the times of first spikes that an output tells, `steps` where there was none.

    Parameters
    ----------
    output : array
        The outcome of `first_spike_output`.
    steps, grid
        As there.

    Examples
    --------
    >>> output = first_spike_output(np.array([0.5, 3.0]), 1.0, 0.0, steps=3, grid=0.25)
    >>> first_spike_times(output, steps=3, grid=0.25)
    array([0.5, 3. ])
    """
    return steps - np.floor(np.maximum(output, 0) / grid) * grid


def _between(potential: Any) -> Any:
    """Map a potential into (0, 1), the higher the larger."""
    return (1 + potential / (1 + abs(potential))) / 2
