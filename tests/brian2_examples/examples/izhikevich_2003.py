"""A random network of quadratic neurons that receives noise from the thalamus."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, defaultclock, ms, seed
from example import Example


def build() -> Example:
    """Return 80 excitatory and 20 inhibitory neurons of random kinds."""
    seed(2003)
    defaultclock.dt = 0.5 * ms
    cells = NeuronGroup(
        100,
        """dv/dt = (0.04*v**2 + 5*v + 140 - u + I)/ms : 1
        du/dt = a*(b*v - u)/ms : 1
        I : 1
        noise : 1 (constant)
        a : 1 (constant)
        b : 1 (constant)
        c : 1 (constant)
        d : 1 (constant)""",
        threshold="v >= 30", reset="v = c; u += d", method="euler", name="cells",
    )  # fmt: skip
    excitatory, inhibitory = cells[:80], cells[80:]
    excitatory.a, excitatory.b, excitatory.noise = 0.02, 0.2, 5
    excitatory.c, excitatory.d = "-65 + 15*rand()**2", "8 - 6*rand()**2"
    inhibitory.a, inhibitory.b = "0.02 + 0.08*rand()", "0.25 - 0.05*rand()"
    inhibitory.c, inhibitory.d, inhibitory.noise = -65, 2, 2
    cells.v = -65
    cells.u = "b*v"
    # Each millisecond has new noise; spikes add to the current of the rest of it.
    cells.run_regularly("I = noise*randn()", dt=1 * ms)
    wires = Synapses(cells, cells, "w : 1", on_pre="I_post += w", name="wires")
    wires.connect(p=0.5)
    wires.w = "rand()*(5*int(i < 80) - 10*int(i >= 80))"
    return Example(
        name="izhikevich_2003",
        paper="Izhikevich (2003), Simple model of spiking neurons",
        mechanism="quadratic neurons of random kinds, new noise each millisecond",
        network=Network(cells, wires),
        traces=("v", "u"),
    )
