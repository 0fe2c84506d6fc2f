"""Against Brian2 as a user would write it by hand: no model, no builder, Brian2's own methods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    exp,
    ms,
    mV,
    nA,
    pF,
)
from small_networks import assert_close, simulate, twin_recording, two_layers

from brianbridge.encoding import Bernoulli
from brianbridge.neurons.library import neuron_model

STEPS, DT = 40, 1 * ms
TAU = 10 * ms


@dataclass
class ByHand:
    """Hold a neuron written out in numbers, and what a per-step bias of 1 is as a current."""

    equations: str
    threshold: str
    reset: str
    receive: str
    method: str
    bias_to_drive: Any
    scale: float
    weight_unit: str = "1"
    refractory: Any = False
    start: dict[str, Any] = field(default_factory=dict)
    graded: str = ""


#: A constant current moves a leaky membrane by this much, per unit, in one step.
LEAKY_GAIN = TAU * (1 - exp(-DT / TAU))

NEURONS = {
    "if": ByHand("dv/dt = I : 1\nI : Hz", "v >= 1", "v -= 1", "v", "euler", 1 / DT, 1.0),
    "lif_zero": ByHand(
        "dv/dt = -v/(100*ms) + I : 1\nI : Hz", "v > 1", "v = 0", "v", "exact",
        1 / (100 * ms * (1 - exp(-DT / (100 * ms)))), 1.0,
    ),
    "cuba_lif": ByHand(
        "dv/dt = (g - v)/(10*ms) + I : 1\ndg/dt = -g/(5*ms) : 1\nI : Hz",
        "v >= 1", "v -= 1", "g", "exact", 1 / LEAKY_GAIN, 4.0,
    ),
    "lif_refractory": ByHand(
        "dv/dt = -v/(10*ms) + I : 1 (unless refractory)\nI : Hz",
        "v > 1", "v = 0", "v", "exact", 1 / LEAKY_GAIN, 1.0, refractory=3 * ms,
    ),
    "single_spike_if": ByHand(
        "dv/dt = I : 1\nI : Hz\nhas_fired : boolean",
        "v > 1 and not has_fired", "has_fired = True", "v", "euler", 1 / DT, 1.0,
    ),
    "ternary_lif": ByHand(
        "dv/dt = -v/(10*ms) + I : 1\nI : Hz\ns : 1", "abs(v) >= 1", "s = sign(v); v -= s", "v",
        "exact", 1 / LEAKY_GAIN, 1.0, graded="s",
    ),
    "multi_threshold_lif": ByHand(
        "dv/dt = -v/(10*ms) + I : 1\nI : Hz\ns : 1",
        "v >= 1", "s = clip(floor(v), 1, 4); v -= s", "v", "exact", 1 / LEAKY_GAIN, 1.5, graded="s",
    ),
    "adex": ByHand(
        "dv/dt = (30*nS*(-70.6*mV - v) + 30*nS*2*mV*exp((v + 50.4*mV)/(2*mV)) - w + I)"
        "/(281*pF) : volt\n"
        "dw/dt = (4*nS*(v + 70.6*mV) - w)/(144*ms) : amp\nI : amp",
        "v > -40*mV", "v = -70.6*mV; w += 0.0805*nA", "v", "euler",
        281 * pF / DT, 0.02, "volt", start={"v": -70.6 * mV, "w": 0 * nA},
    ),
    "izhikevich": ByHand(
        "dv/dt = (0.04/ms/mV)*v**2 + (5/ms)*v + 140*mV/ms - u + I : volt\n"
        "du/dt = (0.02/ms)*((0.2/ms)*v - u) : volt/second\nI : volt/second",
        "v >= 30*mV", "v = -65*mV; u += 8*mV/ms", "v", "euler", 1 / DT, 0.015, "volt",
        start={"v": -65 * mV, "u": -13 * mV / ms},
    ),
}  # fmt: skip


def run_by_hand(hand: ByHand, network: Any, raster: np.ndarray) -> dict[str, dict[str, Any]]:
    """Run one sample, layer after layer within each step; return spikes and traces."""
    step, node = np.nonzero(raster)
    source: Any = SpikeGeneratorGroup(raster.shape[1], node, step * DT, dt=DT)
    objects, monitors, order = [source], {}, 1
    sign = ""
    for name, projection in zip(("hidden", "output"), network.projections, strict=True):
        group = NeuronGroup(
            len(projection.weight), hand.equations, threshold=hand.threshold, reset=hand.reset,
            refractory=hand.refractory, method=hand.method, dt=DT,
        )  # fmt: skip
        for variable, value in hand.start.items():
            setattr(group, variable, value)
        group.I_ = projection.bias * float(hand.bias_to_drive)
        synapses = Synapses(
            source,
            group,
            f"weight : {hand.weight_unit}",
            on_pre=f"{hand.receive}_post += weight{sign}",
            dt=DT,
        )
        synapses.connect()
        synapses.weight_ = projection.weight[synapses.j, synapses.i]
        synapses.pre.when, synapses.pre.order = "thresholds", order
        group.thresholder["spike"].order = order + 1
        group.resetter["spike"].when, group.resetter["spike"].order = "thresholds", order + 2
        order += 3
        traced = list(group.equations.diff_eq_names)
        values = [hand.graded] if hand.graded else []
        spikes = SpikeMonitor(group, variables=values, when="after_resets")
        states = StateMonitor(group, traced, record=True, when="end", dt=DT)
        monitors[name] = spikes, states
        objects += [group, synapses, spikes, states]
        source, sign = group, f"*{hand.graded}_pre" if hand.graded else ""
    Network(*objects).run(STEPS * DT)
    # Copies, because Brian2 frees the memory with the monitors.
    return {
        name: {
            "step": np.rint(np.asarray(spikes.t / DT)).astype(int),
            "node": np.array(spikes.i),
            "value": np.array(getattr(spikes, hand.graded)) if hand.graded else 1.0,
            **{v: np.array(getattr(states, v)) for v in states.record_variables},
        }
        for name, (spikes, states) in monitors.items()
    }


@pytest.mark.parametrize("model", NEURONS)
def test_every_state_variable_and_spike_is_that_of_plain_brian2(model):
    hand = NEURONS[model]
    encoding = Bernoulli(STEPS, DT, gain=0.5)
    network = two_layers(neuron_model(model), encoding, scale=hand.scale)
    x = np.random.default_rng(4).uniform(0, 1, (1, 6))
    states = neuron_model(model).state_variables
    expected = run_by_hand(hand, network, encoding.encode(x, np.arange(1)).raster[:, 0])
    for recording in (
        simulate(network, x, record=("spikes", *states)),
        twin_recording(network, x, ("spikes", *states)),
    ):
        for name, size in (("hidden", 5), ("output", 4)):
            raster = np.zeros((STEPS, size))
            raster[expected[name]["step"], expected[name]["node"]] = expected[name]["value"]
            assert raster.any()
            np.testing.assert_array_equal(recording.spikes[name][:, 0], raster)
            assert set(recording.traces[name]) == set(states)
            for variable in states:
                trace = recording.traces[name][variable]
                assert trace.shape == (STEPS, 1, size)
                assert_close(trace[:, 0].T, expected[name][variable], rtol=1e-9)
