"""The time of a threshold crossing within a step, against Brian2 with a finer step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brian2 import Network, SpikeMonitor, StateMonitor, ms

from brianbridge.neurons.crossing import crossing_finder
from brianbridge.neurons.library import neuron_model

DT = 1e-3


@pytest.mark.parametrize("name", ["lif", "cuba_lif", "lif_refractory", "ternary_lif"])
def test_a_fine_simulation_fires_when_the_coarse_one_crossed(name):
    neurons, fine = 20, 500
    drives = np.linspace(150, 400, neurons)

    def run(dt: float) -> tuple[Any, Any]:
        group = neuron_model(name).group(neurons, dt=dt * ms)
        group.variables["drive"].set_value(drives)
        states = [k for k in ("v", "g") if k in group.variables]
        group.variables[states[-1]].set_value(0.5)
        # A StateMonitor records at the start of the step.
        spikes, start = SpikeMonitor(group), StateMonitor(group, states, record=dt == 1.0)
        Network(group, spikes, start).run(8 * ms)
        return spikes, start

    def first_spikes(monitor: Any) -> tuple[np.ndarray, np.ndarray]:
        node, which = np.unique(np.asarray(monitor.i), return_index=True)
        return node, np.asarray(monitor.t)[which]

    spikes, states = run(1.0)
    node, times = first_spikes(spikes)
    finder = crossing_finder(neuron_model(name), neurons, DT)
    steps = np.rint(times / DT).astype(int)
    start = {
        k: np.asarray(getattr(states, k))[node, steps] for k in ("v", "g") if k in finder.variables
    }
    found = times + finder({**start, "drive": drives[node]}, node)
    same, stamps = first_spikes(run(1.0 / fine)[0])
    stamps = stamps[np.isin(same, node)]
    assert len(node) > neurons / 2
    assert (stamps - 1e-9 <= found).all()
    assert (found <= stamps + DT / fine + 1e-9).all()
