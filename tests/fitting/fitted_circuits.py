"""Circuits that tests fit: a chain with conductances, a recurrent pair, depressing synapses."""

from __future__ import annotations

from typing import Any

from brian2 import (
    Hz,
    Mohm,
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeGeneratorGroup,
    StateMonitor,
    Synapses,
    TimedArray,
    ms,
    mV,
    nS,
    pA,
    pF,
)

TRUTH = {"wires.g_max": 3 * nS, "second.tau_s": 5 * ms, "second.C": 200 * pF}
RANGES = {
    "wires": {"g_max": (0.5 * nS, 20 * nS)},
    "second": {"tau_s": (1 * ms, 20 * ms), "C": (50 * pF, 800 * pF)},
}


def chain(**changes: Any) -> Network:
    """Return spikes that make a neuron fire, which opens conductances of a second one."""
    stimulus = SpikeGeneratorGroup(1, [0, 0, 0], [2, 7, 12] * ms, name="stimulus")
    first = NeuronGroup(
        1, "dv/dt = (-70*mV - v + R*s)/(10*ms) : volt\nds/dt = -s/(5*ms) : amp",
        threshold="v > -55*mV", reset="v = -70*mV", method="euler", name="first",
        namespace={"R": 100 * Mohm},
    )  # fmt: skip
    values = {"C": 200 * pF, "tau_s": 5 * ms, **changes}
    second = NeuronGroup(
        1, "dv/dt = (10*nS*(-70*mV - v) - g*v)/C : volt\ndg/dt = -g/tau_s : siemens",
        method="euler", name="second", namespace=values,
    )  # fmt: skip
    first.v = second.v = -70 * mV
    drive = Synapses(stimulus, first, "w : amp", on_pre="s += w", name="drive")
    wires = Synapses(first, second, "g_max : siemens", on_pre="g += g_max", name="wires")
    for one in (drive, wires):
        one.connect()
    drive.w, wires.g_max = 500 * pA, 3 * nS
    return Network(stimulus, first, second, drive, wires)


def recorded(network: Network, group: str, duration: Any) -> Any:
    """Return the potential of a group of a new network, (neurons, times)."""
    monitor = StateMonitor(network[group], "v", record=True)
    network.add(monitor)
    network.run(duration)
    return monitor.v[:].copy()  # Brian2 frees its memory with the monitor


def pair(drive: float = 1.6, weight: float = 0.3) -> Network:
    """Return two neurons that excite and inhibit each other."""
    equations = "dv/dt = (I - v)/tau : 1\nI : 1 (constant)"
    one, other = (
        NeuronGroup(
            1, equations, threshold="v > 1", reset="v = 0", method="exact", name=name,
            namespace={"tau": tau},
        )
        for name, tau in (("one", 10 * ms), ("other", 20 * ms))
    )  # fmt: skip
    one.I, other.I = drive, 0.9
    there = Synapses(one, other, "w : 1", on_pre="v += w", delay=1 * ms, name="there")
    back = Synapses(other, one, "w : 1", on_pre="v -= w", delay=1 * ms, name="back")
    for synapses in (there, back):
        synapses.connect()
        synapses.w = weight
    return Network(one, other, there, back)


def noisy() -> Network:
    """Return depressing synapses from a Poisson group to neurons with noise and a timed input."""
    source = PoissonGroup(5, 200 * Hz, name="source")
    cells = NeuronGroup(
        2, """dv/dt = (b*wave(t) + g - v)/tau + 0.3*xi*tau**-0.5 : 1
              dg/dt = -g/(3*ms) : 1
              b : 1 (constant)""",
        threshold="v > 1", reset="v = 0", method="euler", name="cells",
        namespace={"tau": 10 * ms, "wave": TimedArray([0.5, 1.5, 0], dt=7 * ms)},
    )  # fmt: skip
    cells.b = 1
    wires = Synapses(
        source, cells, "dx/dt = (1 - x)/tau_rec : 1 (event-driven)\nw : 1",
        on_pre="g_post += w*x\nx -= U*x", method="exact", name="wires",
        namespace={"U": 0.3, "tau_rec": 20 * ms},
    )  # fmt: skip
    wires.connect()
    wires.w, wires.x = 0.5, 1
    return Network(source, cells, wires)
