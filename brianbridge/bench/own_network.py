"""A random network as a Brian2 user would write it, for ``brianbridge bench own``.

Leaky neurons with two variables are driven by a constant current each. Four fifths excite, the
others inhibit, through synapses with one delay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import Network, NeuronGroup, SpikeMonitor, Synapses, ms, second

from brianbridge.recording import Events

__all__ = ["DT", "OwnNetwork", "random_network"]

#: Brian2's default step, in seconds.
DT = 1e-4
_EQUATIONS = """
dv/dt = (b + g - v)/(20*ms) : 1
dg/dt = -g/(5*ms) : 1
b : 1
"""


@dataclass(frozen=True)
class OwnNetwork:
    """Hold the Brian2 objects of a network, stored at time 0.

    Parameters
    ----------
    brian2 : brian2.Network
        The network.
    monitor : brian2.SpikeMonitor
        Its spikes.
    """

    brian2: Any
    monitor: Any

    def run(self, seconds: float) -> None:
        """Run plain Brian2 from where it is."""
        self.brian2.run(seconds * second, namespace={})

    def events(self) -> Events:
        """Return the spikes of plain Brian2, sorted."""
        step = np.rint(np.asarray(self.monitor.t_[:]) / DT).astype(np.int32)
        node = np.array(self.monitor.i[:])
        none = np.zeros(len(step), np.int32)
        return Events(none, node, step, np.ones(len(step), np.int8), DT).sorted()


def random_network(neurons: int, synapses: int, seed: int) -> OwnNetwork:
    """Build a random network in Brian2.

    Parameters
    ----------
    neurons : int
        Number of neurons.
    synapses : int
        Number of synapses from each neuron.
    seed : int
        Seed of connections and initial values.

    Examples
    --------
    >>> random_network(50, 10, seed=1).monitor.source.N
    50
    """
    draw = np.random.default_rng(seed)
    cells = NeuronGroup(
        neurons, _EQUATIONS, threshold="v > 1", reset="v = 0", refractory=2 * ms, method="exact",
        dt=DT * second, name="cells",
    )  # fmt: skip
    cells.v, cells.b = draw.random(neurons), 0.9 + 0.2 * draw.random(neurons)
    wires = Synapses(
        cells, cells, "w : 1", on_pre="g_post += w", delay=1.5 * ms, dt=DT * second, name="wires"
    )
    source = np.repeat(np.arange(neurons, dtype=np.int32), synapses)
    wires.connect(i=source, j=draw.integers(0, neurons, len(source), dtype=np.int32))
    wires.w = np.where(source < 0.8 * neurons, 0.02, -0.08)
    monitor = SpikeMonitor(cells, name="monitor")
    return OwnNetwork(Network(cells, wires, monitor), monitor)
