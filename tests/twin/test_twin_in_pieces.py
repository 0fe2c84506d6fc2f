"""A presentation in pieces has the spikes, potentials and gradients of the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

import brianbridge as bb
from brianbridge.encoding import EncodedInput
from brianbridge.network import Population, Projection, Recurrent, Sparse
from brianbridge.twin import TwinState

LIF = bb.neuron_model("lif")
STEPS, INPUTS = 24, 4
#: Steps at which a presentation is cut.
CUTS = [(1,), (7, 8), (3, 6, 20), tuple(range(1, STEPS))]
NOISY = bb.NeuronModel(
    "dv/dt = (I - v)/(10*ms) + drive + 5*xi*Hz**0.5 : 1\ndI/dt = -I/(5*ms) : 1\ndrive : Hz",
    name="noisy",
    emit="int(v > 1)", reset="v = 0", method="euler", refractory="3*ms", receive="I", drive="drive",
)  # fmt: skip
RNG = np.random.default_rng(0)


def stack(
    *layers: object, encoding: object = None, delay: float = 0.0, **options: object
) -> bb.SpikingNetwork:
    encoding = encoding or bb.Bernoulli(STEPS, gain=0.6)
    net = bb.SpikingNetwork.sequential((INPUTS,), layers, encoding=encoding, seed=2, **options)
    excited = [p if p.feedback else replace(p, weight=2 * abs(p.weight)) for p in net.projections]
    return replace(net, projections=tuple(replace(p, delay=delay) for p in excited))


def listed(learned: bool = False) -> bb.SpikingNetwork:
    """Return a network whose synapses have a delay each."""
    source, target = np.nonzero(RNG.random((INPUTS, 5)) < 0.8)
    wires = Sparse(source, target, delays=RNG.integers(0, 6, len(source)) * 1e-3)
    longest = 8e-3 if learned else None
    back = Sparse(target, source, delays=RNG.integers(0, 6, len(source)) * 1e-3)
    weight = RNG.normal(2, 1, len(source))
    populations = (Population("cells", (5,), LIF), Population("output", (INPUTS,), LIF))
    projections = (
        Projection("input", "cells", weight, None, wires, longest_delay=longest),
        Projection("cells", "output", weight, None, back),
    )
    return bb.SpikingNetwork((INPUTS,), bb.Bernoulli(STEPS, gain=0.6), populations, projections)


def looped() -> bb.SpikingNetwork:
    net = listed()
    cells, output = net.projections
    back = replace(cells, source="output", target="cells", feedback=True)
    return replace(net, projections=(cells, output, back))


def brian2_order(net: bb.SpikingNetwork) -> bb.SpikingNetwork:
    projections = tuple(replace(p, feedback=False) for p in net.projections)
    return replace(net, projections=projections, schedule="default")


NETWORKS = {
    "in turn": stack(bb.Dense(6, LIF), bb.Dense(3, LIF)),
    "current": stack(bb.Dense(6, LIF), bb.Dense(3, LIF), encoding=bb.Current(STEPS)),
    "delays": stack(bb.Dense(6, LIF), bb.Dense(3, LIF), delay=4e-3),
    "Brian2's order": brian2_order(stack(bb.Dense(6, LIF), bb.Dense(3, LIF), delay=2e-3)),
    "loop": stack(bb.Dense(6, LIF), Recurrent(), bb.Dense(3, LIF), delay=3e-3),
    "loop in Brian2's order": brian2_order(
        stack(bb.Dense(6, LIF), Recurrent(), bb.Dense(3, LIF), delay=3e-3)
    ),
    "refractory and noisy": stack(bb.Dense(6, NOISY), bb.Dense(3, NOISY)),
    "noisy loop": stack(bb.Dense(6, NOISY), Recurrent(), bb.Dense(3, NOISY)),
    "delay of each synapse": listed(),
    "learned delays": listed(learned=True),
    "delays in a loop": looped(),
    "graded": stack(bb.Dense(6, bb.neuron_model("multi_threshold_lif")), bb.Dense(3, LIF)),
    "potential": stack(bb.Dense(6, LIF), bb.Dense(3, LIF), readout="potential"),
}


def pieces(
    twin: bb.NetworkTwin, current: Tensor | None, raster: Tensor | None, cuts: tuple[int, ...]
) -> tuple[dict[str, Tensor], list[Tensor], TwinState]:
    """Return spikes, the outputs of all pieces, and the state at the end."""
    state, parts = TwinState(), []
    for low, high in zip((0, *cuts), (*cuts, STEPS), strict=True):
        if raster is None:
            twin.network = replace(twin.network, encoding=bb.Current(high - low))
        part = None if raster is None else raster[low:high]
        parts.append(twin.run(current, part, record=["v"], state=state))
        state = parts[-1].state
    spikes = {name: torch.cat([one.spikes[name] for one in parts]) for name in parts[0].spikes}
    traces = {name: torch.cat([one.traces[name]["v"] for one in parts]) for name in parts[0].traces}
    return spikes, traces, [one.output for one in parts], state


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("cuts", CUTS, ids=len)
@pytest.mark.parametrize("name", NETWORKS)
def test_pieces_are_the_whole(name, cuts, training):
    net = NETWORKS[name]
    twin = bb.to_torch(net, dtype=torch.float64).train(training)
    inputs = twin.encode(np.random.default_rng(1).random((3, INPUTS)))
    torch.manual_seed(3)
    whole = twin.run(*inputs, record=["v"], state=TwinState())
    assert all(spikes.any() for spikes in whole.spikes.values())
    whole.output.sum().backward()
    learned = [values for values in twin.parameters() if values.grad is not None]
    wanted = [values.grad.clone() for values in learned]
    torch.manual_seed(3)
    twin.zero_grad()
    spikes, traces, outputs, state = pieces(twin, *inputs, cuts)
    for population, values in whole.spikes.items():
        assert torch.equal(spikes[population], values)
    for population, values in traces.items():
        torch.testing.assert_close(values, whole.traces[population]["v"])
    output = outputs[-1] if net.readout == "potential" else sum(outputs)
    torch.testing.assert_close(output, whole.output)
    assert state.step == whole.state.step == STEPS
    output.sum().backward()
    for values, gradient in zip(learned, wanted, strict=True):
        torch.testing.assert_close(values.grad, gradient)


@pytest.mark.parametrize("name", ["in turn", "current", "noisy loop"])
def test_a_call_with_a_state_returns_output_and_state(name):
    twin = bb.to_torch(NETWORKS[name], dtype=torch.float64).eval()
    x = np.random.default_rng(1).random((3, INPUTS))
    index = np.array([5, 0, 9])
    output, state = twin(x, index=index, state=TwinState())
    assert torch.equal(output, twin(x, index=index))
    assert repr(state) == "TwinState(step=24)"
    further, later = twin(x, state=state)
    assert later.step == 2 * STEPS
    assert not torch.equal(further, output)
    short, _ = (
        twin(EncodedInput(raster=np.ones((2, 3, INPUTS))), state=state)
        if (name != "current")
        else (output, None)
    )
    assert short.shape == output.shape
    with pytest.raises(bb.InputError, match="index differs from that of the pieces before"):
        twin(x, index=[1, 2, 3], state=state)


def test_a_detached_state_ends_the_graph():
    twin = bb.to_torch(NETWORKS["delays"])
    raster = twin.encode(np.ones((2, INPUTS)))[1]
    state = twin.run(None, raster, state=TwinState()).state
    assert state.values["output"]["v"].requires_grad
    state = state.detach()
    tensors = [*state.emitted.values(), *(v for one in state.values.values() for v in one.values())]
    assert not any(values.requires_grad for values in tensors)
    twin.run(None, raster, state=state).output.sum().backward()


def test_only_spikes_on_their_way_are_kept():
    for name, longest in (("in turn", 0), ("delays", 4), ("loop", 4), ("learned delays", 9)):
        twin = bb.to_torch(NETWORKS[name])
        state = twin.run(*twin.encode(np.ones((2, INPUTS))), state=TwinState()).state
        assert {len(spikes) for spikes in state.emitted.values()} == {longest}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_norm": True}, r"batch_norm normalises .* twin.eval\(\), or leave out state"),
        ({"dropout": 0.5}, r"dropout silences neurons .* twin.eval\(\), or leave out state"),
    ],
)
def test_what_needs_the_whole_is_refused_in_training(options, message):
    twin = bb.to_torch(NETWORKS["in turn"], **options)
    x = np.ones((2, INPUTS))
    with pytest.raises(bb.InputError, match=message):
        twin(x, state=TwinState())
    assert twin.eval()(x, state=TwinState())[1].step == STEPS


def test_a_state_that_does_not_fit_is_refused():
    twin = bb.to_torch(NETWORKS["in turn"])
    _, state = twin(np.ones((2, INPUTS)), state=TwinState())
    with pytest.raises(bb.InputError, match=r"in shape \(2, 6\), but this batch has 3 samples"):
        twin.run(None, torch.ones(STEPS, 3, INPUTS), state=state)
    with pytest.raises(bb.InputError, match="give a state that this twin returned"):
        bb.to_torch(NETWORKS["delay of each synapse"])(np.ones((2, INPUTS)), state=state)
    first = bb.SpikingNetwork.sequential(
        (4,), [bb.Dense(3, bb.neuron_model("single_spike_if"))], encoding=bb.Latency(5),
        readout="first_spike",
    )  # fmt: skip
    with pytest.raises(bb.InputError, match="'first_spike' needs a whole presentation"):
        bb.to_torch(first)(np.ones((2, 4)), state=TwinState())


def test_a_piece_of_other_samples_or_another_state_is_refused():
    twin = bb.to_torch(stack(bb.Dense(3, LIF)))
    _, state = twin(EncodedInput(raster=torch.zeros(4, 5, INPUTS)), state=TwinState())
    with pytest.raises(bb.InputError, match="of 5 samples, but this piece has 3; give as many"):
        twin(EncodedInput(raster=torch.zeros(4, 3, INPUTS)), state=state)
    with pytest.raises(bb.InputError, match=r"state is a int; give bb.twin.TwinState\(\)"):
        twin(torch.rand(5, INPUTS), state=3)


@pytest.mark.parametrize("kind", [torch.as_tensor, np.asarray])
def test_encoded_input_is_finite(kind):
    network = stack(bb.Dense(3, LIF))
    raster = np.zeros((STEPS, 2, INPUTS), np.float32)
    raster[1, 0, 3] = np.nan
    with pytest.raises(bb.InputError, match=r"encoded input's value at \[1, 0, 3\] is not finite"):
        bb.to_torch(network)(EncodedInput(raster=kind(raster)))
    with pytest.raises(bb.InputError, match="the samples are not an array of numbers"):
        bb.to_torch(network)(torch.rand(2, INPUTS).to_sparse())
