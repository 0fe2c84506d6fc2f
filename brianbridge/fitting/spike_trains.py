"""Run a neuron with many sets of parameters at once in Brian2, and record its spikes."""

from __future__ import annotations

import numpy as np

from brianbridge.fitting.ranges import Ranges
from brianbridge.fitting.traces import SetsInOneGroup
from brianbridge.neurons.model import NeuronModel

__all__ = ["SpikeTrains"]


class SpikeTrains:
    """Run groups in which each sweep is repeated for each set of parameters.

    Parameters
    ----------
    model : NeuronModel
        A population with one neuron for each sweep.
    sweeps : int
        Number of sweeps.
    ranges : Ranges
        The parameters that differ between sets.
    dt : float
        Length of a step, in seconds.
    """

    def __init__(self, model: NeuronModel, sweeps: int, ranges: Ranges, dt: float) -> None:
        self._model, self._sweeps, self._ranges, self._dt = model, sweeps, ranges, dt

    def __call__(self, values: np.ndarray, steps: int) -> list[list[np.ndarray]]:
        """Return the spike times (s) of each sweep, for each set of values (sets, parameters)."""
        from brian2 import Network, SpikeMonitor, second

        sets = len(values)
        run = SetsInOneGroup(self._model, self._sweeps, self._ranges, sets, self._dt)
        run.set(values)
        monitor = SpikeMonitor(run.group)
        with np.errstate(all="ignore"):
            Network(run.group, monitor).run(steps * self._dt * second, namespace={})
        order = np.argsort(monitor.i[:], kind="stable")
        neurons, times = np.asarray(monitor.i[:])[order], monitor.t_[:][order]
        ends = np.searchsorted(neurons, np.arange(1, sets * self._sweeps))
        each = np.split(times, ends)
        return [each[k * self._sweeps : (k + 1) * self._sweeps] for k in range(sets)]
