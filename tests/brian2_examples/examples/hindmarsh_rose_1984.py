"""Three differential equations give bursts; a chemical synapse couples the neurons."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, ms, seed
from example import Example

CONSTANTS = {"a": 1, "b": 3, "c": 1, "d": 5, "s": 4, "r": 0.001, "x_r": -1.6, "tau_s": 5 * ms}


def build() -> Example:
    """Return 10 neurons, most of which burst, in a ring."""
    seed(1984)
    cells = NeuronGroup(
        10,
        """dx/dt = (y - a*x**3 + b*x**2 + I - z + g)/ms : 1
           dy/dt = (c - d*x**2 - y)/ms : 1
           dz/dt = r*(s*(x - x_r) - z)/ms : 1
           dg/dt = -g/tau_s : 1
           I : 1 (constant)""",
        threshold="x > 1", refractory="x > 1", method="rk4", namespace=CONSTANTS, name="cells",
    )  # fmt: skip
    cells.I, cells.x, cells.y, cells.z = (
        "1.5 + 0.2*i",
        "x_r + 0.5*rand()",
        "c - d*x_r**2",
        "2*rand()",
    )
    ring = Synapses(cells, cells, "w : 1", on_pre="g += w", delay=2 * ms, name="ring")
    ring.connect("j == (i + 1) % N_pre")
    ring.w = 0.2
    return Example(
        name="hindmarsh_rose_1984",
        paper="Hindmarsh & Rose (1984), A model of neuronal bursting using three coupled first "
        "order differential equations",
        mechanism="bursts of a smooth model; no reset, refractory as long as x is large",
        network=Network(cells, ring),
        read={"potential": "x"},
        traces=("x", "z"),
        loss=lambda run: run.traces["cells"]["x"].square().mean(),
    )
