"""Which networks OTTT refuses, and the decay of a trace."""

import dataclasses

import numpy as np
import pytest
from brian2 import ms, mV

import brianbridge as bb
from brianbridge.encoding import Current
from brianbridge.errors import InputError
from brianbridge.network import Dense, Recurrent, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.neurons.model import NeuronModel
from brianbridge.rules import OTTT
from brianbridge.rules.online.trace_decay import trace_decay
from brianbridge.twin.network import to_torch

LIF = neuron_model("lif")


def network(neuron=LIF, *more, readout="potential", **changes):
    layers = [Dense(4, neuron), *more, Dense(3, LIF)]
    net = SpikingNetwork.sequential((5,), layers, encoding=Current(5), readout=readout)
    if changes:
        last = dataclasses.replace(net.projections[-1], **changes)
        net = dataclasses.replace(net, projections=(*net.projections[:-1], last))
    return net


@pytest.mark.parametrize(
    ("neuron", "decay"),
    [
        (LIF, np.exp(-1 / 10)),
        (neuron_model("lif", tau=2 * ms), np.exp(-1 / 2)),
        (neuron_model("if"), 1.0),
        (neuron_model("lif_rest", tau=20 * ms), np.exp(-1 / 20)),
        (neuron_model("multi_threshold_lif", tau=4 * ms), np.exp(-1 / 4)),
        # In volts, with Euler steps: the decay is that of the step, not of the exact solution.
        (
            NeuronModel(
                "dv/dt = (-65*mV - v + drive)/(10*ms) : volt\ndrive : volt",
                emit="int(v > -50*mV)", reset="v -= 15*mV*emit", drive="drive",
                initial={"v": -65 * mV}, method="euler",
            ),
            0.9,
        ),
        # Adaptation that depends on spikes alone leaves the potential linear.
        (
            NeuronModel(
                "dv/dt = (drive - v - w)/(5*ms) : 1\ndw/dt = -w/(50*ms) : 1\ndrive : 1",
                emit="int(v >= 1)", reset="v -= emit\nw += 0.1*emit", receive="v", drive="drive",
            ),
            np.exp(-1 / 5),
        ),
    ],
    ids=["lif", "shorter", "if", "rest", "graded", "volts", "adaptation"],
)  # fmt: skip
def test_the_trace_decays_as_the_potential(neuron, decay):
    net = network(neuron)
    assert trace_decay(net, "hidden") == pytest.approx(decay, rel=1e-12)
    OTTT().check(net)


@pytest.mark.parametrize(
    ("neuron", "reason"),
    [
        ("lif_zero", "reset that subtracts"),
        ("if_zero", "reset that subtracts"),
        ("lif_refractory", "refractory"),
        ("izhikevich", "neuron model 'izhikevich' of population 'hidden'"),
        ("adex", "neuron model 'adex' of population 'hidden'"),
    ],
)
def test_other_neurons_are_refused_by_name(neuron, reason):
    with pytest.raises(InputError, match=reason) as raised:
        OTTT().check(network(neuron_model(neuron)))
    assert f"'{neuron}'" in str(raised.value)


def test_synaptic_currents_are_refused():
    net = SpikingNetwork.sequential(
        (5,), [Dense(4, LIF), Dense(3, neuron_model("cuba_lif"))], encoding=Current(5)
    )
    with pytest.raises(InputError, match="adds to 'g', which reaches the potential 'v' only in"):
        OTTT().check(net)


def test_time_constants_that_differ_are_refused():
    differ = neuron_model("lif", tau=[5, 6, 7, 8] * ms)
    with pytest.raises(InputError, match="neurons of population 'hidden' differ"):
        OTTT().check(network(differ))
    OTTT().check(network(neuron_model("lif", theta=[1, 2, 3, 4])))  # thresholds may


def test_loops_delays_orders_and_readouts_are_refused():
    with pytest.raises(InputError, match="feedback"):
        OTTT().check(network(LIF, Recurrent()))
    with pytest.raises(InputError, match="projection 'hidden_to_output' has a delay"):
        OTTT().check(network(delay=2e-3))
    with pytest.raises(InputError, match="Brian2's own order"):
        OTTT().check(dataclasses.replace(network(), schedule="default"))
    single = neuron_model("single_spike_if")
    fast = SpikingNetwork.sequential(
        (5,), [Dense(4, single), Dense(3, single)], encoding=bb.encodings.Latency(5),
        readout="first_spike",
    )  # fmt: skip
    with pytest.raises(InputError, match="readout = 'first_spike'"):
        OTTT().check(fast)
    unbiased = SpikingNetwork.sequential(
        (5,), [Dense(4, single, bias=False), Dense(3, single, bias=False)],
        encoding=bb.encodings.Latency(5), readout="first_spike",
    )  # fmt: skip
    twin = to_torch(unbiased, batch_norm="potential")
    with pytest.raises(InputError, match="normalise potentials"):
        OTTT().prepare(twin)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"updates": "often"}, "updates = 'often'"),
        ({"mse": 1.5}, "mse = 1.5; give 0 to 1"),
        ({"mse": float("nan")}, "mse = nan"),
        ({"gain": 0.0}, "gain = 0.0"),
        ({"derivative": "sigmoyd"}, "sigmoid"),
        ({"width": -1.0}, "width = -1.0"),
    ],
)
def test_options_out_of_range_are_refused(options, reason):
    with pytest.raises(InputError, match=reason):
        OTTT(**options)


def test_learned_neuron_parameters_are_refused():
    twin = to_torch(network(), learn={"hidden": ["tau"]})
    with pytest.raises(InputError, match="has no gradient of 'tau' of 'hidden'"):
        OTTT().check_learn(twin.learn)
