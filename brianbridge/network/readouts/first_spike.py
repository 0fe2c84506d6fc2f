"""Readout by first spikes: the earlier a neuron's first spike, the larger its output."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from brianbridge.network.readouts.base import OutputRun, Readout
from brianbridge.neurons.model import NeuronModel

__all__ = [
    "AT_SPIKE",
    "FirstSpike",
    "first_spike_output",
    "first_spike_times",
    "keeps_potential_at_spike",
]

#: The state variable in which a neuron's reset stores the potential at which it fired. The readout
#: breaks ties by it, if the neuron model has it.
AT_SPIKE = "v_at_spike"


class FirstSpike(Readout):
    """Read the first spikes, with ties broken by the potential; see `first_spike_output`."""

    name: ClassVar[str] = "first_spike"
    needs_potential: ClassVar[bool] = True
    first_spike_decides: ClassVar[bool] = True

    def output(self, run: OutputRun) -> Any:
        """Return the result of `first_spike_output`."""
        at_spike = run.state(AT_SPIKE) if keeps_potential_at_spike(run.neuron) else 0.0
        return first_spike_output(run.first_steps(), at_spike, run.potential(), run.steps, run.grid)

    @classmethod
    def reads(cls, neuron: NeuronModel) -> tuple[str, ...]:
        """Return the potential, and that at the spike if the neuron keeps it."""
        at_spike = (AT_SPIKE,) if keeps_potential_at_spike(neuron) else ()
        return (neuron.potential, *at_spike)


def keeps_potential_at_spike(neuron: NeuronModel) -> bool:
    """Return whether the neuron's reset stores the potential at which it fired."""
    return AT_SPIKE in neuron.settable_variables


def first_spike_output(
    first: Any, at_spike: Any, at_end: Any, steps: int, grid: float = 1.0
) -> Any:
    """Return outputs that are larger for earlier first spikes.

    The whole multiples of `grid` encode the time, ``steps - first``. The fraction between them,
    ``(1 + x/(1 + |x|))/2`` for a potential ``x``, breaks ties: neurons that fired in the same step
    are ordered by the potential at which they fired, neurons that never fired by their final one.

    Parameters
    ----------
    first : array, shape (samples, neurons)
        First spike of each neuron, in steps of the twin; `steps` if it never fired.
    at_spike : array, shape (samples, neurons)
        The potential at which it fired; ignored if it never fired.
    at_end : array, shape (samples, neurons)
        The potential at the end; used if it never fired.
    steps : int
        Number of steps of a presentation.
    grid : float
        Smallest difference between two times: 1, or less in a run at a finer step.

    Returns
    -------
    array, shape (samples, neurons)
        Above 0 for neurons that fired, and below 0 for those that never did.

    Examples
    --------
    >>> first, none = np.array([2.0, 1, 1, 5, 5]), np.zeros(5)
    >>> output = first_spike_output(first, np.array([9.0, 1.2, 1.5, 0, 0]), none - 1, steps=5)
    >>> int(output.argmax())                # the higher of the two that fired in step 1
    2
    """
    fired = first < steps
    return fired * (steps - first + grid * _between(at_spike)) + ~fired * (_between(at_end) - 1)


def first_spike_times(output: Any, steps: int, grid: float = 1.0) -> Any:
    """Return the times of first spikes from an output; `steps` if there was none.

    Parameters
    ----------
    output : array
        The result of `first_spike_output`.
    steps, grid
        As in `first_spike_output`.

    Examples
    --------
    >>> output = first_spike_output(np.array([0.5, 3.0]), 1.0, 0.0, steps=3, grid=0.25)
    >>> first_spike_times(output, steps=3, grid=0.25)
    array([0.5, 3. ])
    """
    return steps - np.floor(np.maximum(output, 0) / grid) * grid


def _between(potential: Any) -> Any:
    """Map a potential to (0, 1), in increasing order."""
    return (1 + potential / (1 + abs(potential))) / 2
