"""Coincidence detectors with delay lines find the direction of a sound."""

from __future__ import annotations

from brian2 import Network, NeuronGroup, Synapses, TimedArray, ms, second, seed
from example import Example
from numpy.random import default_rng

TAU, LONGEST = 1 * ms, 2 * ms


def build() -> Example:
    """Return two ears that hear a moving source, and 40 neurons with delays from both ears."""
    seed(1948)
    noise = default_rng(1948).standard_normal(10000)
    sound = TimedArray(10 * noise, dt=0.1 * ms)
    ears = NeuronGroup(
        2,
        """dx/dt = (sound(t - lag) - x)/tau_ear + 0.2*xi*(2/tau_ear)**.5 : 1 (unless refractory)
           lag = side*0.5*longest*sin(theta) + 0.5*longest : second
           side : 1 (constant)
           dtheta/dt = omega : 1""",
        threshold="x > 1", reset="x = 0", refractory=2.5 * ms, method="euler", name="ears",
        namespace={"sound": sound, "tau_ear": TAU, "longest": LONGEST, "omega": 5 / second},
    )  # fmt: skip
    ears.side = [-1, 1]
    cells = NeuronGroup(
        40, "dv/dt = -v/tau + 0.1*xi*(2/tau)**.5 : 1", threshold="v > 1", reset="v = 0",
        method="euler", namespace={"tau": TAU}, name="cells",
    )  # fmt: skip
    lines = Synapses(ears, cells, "w : 1", on_pre="v += w", name="lines")
    lines.connect()
    lines.w = 0.55
    lines.delay["i == 0"] = "2*ms*j/N_post"
    lines.delay["i == 1"] = "2*ms*(1 - j/N_post)"
    return Example(
        name="jeffress_1948",
        paper="Jeffress (1948), A place theory of sound localization",
        mechanism="delay lines of both ears meet at coincidence detectors",
        network=Network(ears, cells, lines),
        traces=("v", "x"),
        change=0.2,
    )
