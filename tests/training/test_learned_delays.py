"""Delays of synapses that training learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PoissonInput,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    ms,
)

import brianbridge as bb
from brianbridge.connections import AllToAll, Population, Projection, Sparse
from brianbridge.simulation.backend import Backend
from brianbridge.training.natural_units import natural_units
from brianbridge.twin.together import run_together

LIF = bb.neuron_model("lif", theta=0.5)


def two_layers(longest=12 * ms, *, feedback=False, seed=0):
    """Return a network of 3, 5 and 2 neurons whose synapses learn their delays."""
    rng = np.random.default_rng(seed)
    projections = [
        Projection("input", "a", rng.normal(0.5, 0.3, (5, 3)), delay=2 * ms),
        Projection("a", "b", rng.normal(0.5, 0.3, (2, 5)), connection=AllToAll()),
    ]
    if feedback:
        projections.append(Projection("b", "a", rng.normal(0.2, 0.3, (5, 2)), feedback=True))
    populations = (Population("a", (5,), LIF), Population("b", (2,), LIF))
    net = bb.SpikingNetwork((3,), bb.Bernoulli(30), populations, tuple(projections))
    return net.learn_delays(longest)


def between_steps(net, seed=1):
    """Return a twin in training whose delays lie between steps."""
    twin = bb.to_torch(net, dtype=torch.float64).train()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in twin.named_parameters():
            if name.endswith("delay"):
                p += 4e-3 * torch.rand(p.shape, generator=generator, dtype=p.dtype)
    return twin


X = np.random.default_rng(3).random((4, 3)) * 0.5


@pytest.mark.parametrize("together", [False, True])
def test_gradients_are_those_of_finite_differences(together):
    """The potential of neurons that do not fire is a smooth function of delays and weights."""
    net = two_layers()
    net = replace(net, populations=(net.populations[1],), readout="potential", projections=(
        replace(net.projections[0], target="b", weight=np.linspace(0.1, 0.4, 6),
                connection=Sparse([0, 0, 1, 1, 2, 2], [0, 1] * 3, np.full(6, 2e-3))),
    ))  # fmt: skip
    twin = between_steps(net)
    raster = twin.encode(X)[1]

    def loss():
        run = twin.run(raster=raster)
        if together:
            state = run_together(twin, None, raster, len(X), [])[1]
            torch.testing.assert_close(state["b"]["v"], run.output, rtol=1e-12, atol=0)
            return state["b"]["v"].pow(2).sum()
        return run.output.pow(2).sum()

    loss().backward()
    for name, parameter in twin.named_parameters():
        flat, found = parameter.data.view(-1), parameter.grad.flatten()
        assert found.abs().min() > 0, name
        for k in range(len(flat)):
            before, small = flat[k].item(), 1e-7
            values = []
            for side in (-1, 1):
                flat[k] = before + side * small
                values.append(loss().item())
            flat[k] = before
            assert found[k].item() == pytest.approx((values[1] - values[0]) / (2 * small), rel=1e-5)


def test_both_ways_through_time_have_the_same_gradients():
    twin = between_steps(two_layers())
    raster = twin.encode(X)[1]
    found = []
    for run in (lambda: twin.run(raster=raster).spikes, lambda: run_together(
        twin, None, raster, len(X), [])[0]):  # fmt: skip
        twin.zero_grad()
        spikes = run()
        spikes["b"].sum().backward()
        found.append((spikes["b"].detach(), [p.grad.clone() for p in twin.parameters()]))
    torch.testing.assert_close(found[0], found[1])
    assert found[0][0].any()
    assert all(gradient.abs().sum() > 0 for gradient in found[0][1])


@pytest.mark.parametrize("feedback", [False, True])
def test_learned_delays_are_on_the_grid_and_the_same_everywhere(feedback, tmp_path):
    twin = between_steps(two_layers(feedback=feedback))
    net = bb.write_back(twin)
    delays = net.projections[0].connection.delays
    assert len(np.unique(delays)) > 1
    np.testing.assert_allclose(delays / 1e-3, np.rint(delays / 1e-3), rtol=1e-12)
    bb.save_network(net, tmp_path / "net.h5")
    again = bb.load_network(tmp_path / "net.h5")
    assert again.projections[0].longest_delay == 0.012
    np.testing.assert_array_equal(again.projections[0].connection.delays, delays)
    spikes = [
        twin.eval().record(X).spikes["b"],
        bb.to_torch(net).record(X).spikes["b"],
        *(
            bb.simulate(net, X, backend=Backend(path=p)).spikes["b"]
            for p in ("batched", "reference")
        ),
    ]
    assert spikes[0].any()
    for others in spikes[1:]:
        np.testing.assert_array_equal(spikes[0], others)


def test_coincidences_are_found_by_delays_alone():
    """Three input neurons fire one after another, in one order or the other; weights are fixed."""
    neuron = bb.neuron_model("lif", tau=4 * ms, theta=1.3)
    rng = np.random.default_rng(5)
    weight = np.full((2, 3), 0.5)
    projection = Projection("input", "b", weight, delay=4 * ms)
    net = bb.SpikingNetwork(
        (40, 3), bb.Frames(steps=40), (Population("b", (2,), neuron),), (projection,)
    ).learn_delays(16 * ms)
    x = np.zeros((120, 40, 3))
    y = rng.integers(0, 2, 120)
    for sample, label, start in zip(x, y, rng.integers(0, 10, 120), strict=True):
        for k, neuron_number in enumerate((0, 1, 2) if label else (2, 1, 0)):
            sample[start + 5 * k, neuron_number] = 1
    twin = bb.to_torch(net)
    weights = twin.projection("input_to_b").weight
    weights.requires_grad_(False)
    before = (twin(x).argmax(1).numpy() == y).mean()
    bb.train(
        twin, bb.from_arrays("order", x, y), rule="surrogate_gradient", epochs=60, batch_size=30,
        learning_rate=0.01, validation_fraction=0.0,
    )  # fmt: skip
    trained = bb.write_back(twin)
    output = bb.simulate(trained, x).output
    assert before < 0.7
    assert (output.argmax(1) == y).mean() > 0.95
    np.testing.assert_array_equal(trained.projections[0].weight, weight.ravel())


def test_a_step_keeps_delays_in_their_range():
    twin = between_steps(two_layers(longest=5 * ms))
    optimizer = torch.optim.SGD(twin.parameters(), lr=1.0)
    twin(X).sum().backward()
    for p in twin.parameters():
        p.grad = torch.sign(p.grad + 1e-30)
    with natural_units(twin):
        optimizer.step()
    twin.keep_bounds()
    delay = twin.projection("a_to_b").delay
    assert delay.min() >= 0
    assert delay.max() <= 5e-3


@pytest.mark.parametrize("moved", [50.0, -50.0, float("nan")])
def test_delays_that_left_their_range_are_not_written_back(refused, moved):
    twin = bb.to_torch(two_layers())
    name, delay = next((n, p) for n, p in twin.named_parameters() if n.endswith("delay"))
    with torch.no_grad():
        delay[0] += moved
    with refused(name.split(".")[1], "1 of", "not between 0 and 12 ms", "twin.keep_bounds()"):
        bb.write_back(twin)
    if moved == moved:
        twin.keep_bounds()
        bb.write_back(twin)


def test_what_cannot_learn_delays_is_told(refused):
    net = two_layers()
    with refused("there is no projection 'a_to_c'", "a_to_b"):
        net.learn_delays(9 * ms, "a_to_c")
    with refused("has a delay of 2 ms", "give at least that"):
        net.learn_delays(1 * ms)
    current = replace(net, encoding=bb.Current(30), projections=tuple(
        replace(p, longest_delay=None, connection=AllToAll(), weight=p.weight.reshape(s))
        for p, s in zip(net.projections, ((5, 3), (2, 5)), strict=True)
    ))  # fmt: skip
    assert [p.longest_delay for p in current.learn_delays(3 * ms).projections] == [None, 0.003]
    with refused("'input_to_a' carries a current"):
        current.learn_delays(3 * ms, "input_to_a")
    with refused("its synapses have no delays of their own", "learn_delays"):
        replace(net.projections[0], connection=AllToAll(), weight=np.ones((5, 3)))


def users_network(**options):
    """Return a user's network in which three inputs drive two neurons."""
    source = SpikeGeneratorGroup(3, [0, 1, 2, 0, 2], [1, 2, 3, 12, 13] * ms, name="source")
    cells = NeuronGroup(
        2, "dv/dt = -v/(10*ms) : 1", threshold="v > 0.5", reset="v = 0", method="exact",
        name="cells",
    )  # fmt: skip
    wires = Synapses(source, cells, "w : 1", on_pre="v += w", name="wires", **options)
    wires.connect()
    wires.w = 0.4
    if not options:
        wires.delay = "(i + 1)*ms"
    return Network(source, cells, wires), cells, wires


def test_learned_delays_are_set_in_the_users_own_synapses():
    mine, cells, wires = users_network()
    net = bb.from_brian2(mine, steps=30 * ms).learn_delays(8 * ms)
    twin = between_steps(net)
    trained = bb.write_back(twin, into=mine)
    delays = trained.projections[0].connection.delays
    assert len(np.unique(delays)) > 3
    np.testing.assert_allclose(np.asarray(wires.delay) * 1e3, delays * 1e3, rtol=1e-12)
    monitor = SpikeMonitor(cells)
    Network(*mine.objects, monitor).run(30 * ms)
    events = twin.eval().record(None).spikes["cells"][:, 0]
    times, neurons = np.nonzero(events)
    assert len(times) > 1
    found = sorted(zip(np.rint(np.asarray(monitor.t) / 1e-4), monitor.i, strict=True))
    assert found == sorted(zip(times, neurons, strict=True))


def test_synapses_with_one_delay_for_all_cannot_hold_learned_ones(refused):
    mine, _, wires = users_network(delay=2 * ms)
    twin = between_steps(bb.from_brian2(mine, steps=30 * ms).learn_delays(8 * ms))
    with refused("synapses 'wires'", "without 'delay='", "wires.pre.delay"):
        bb.write_back(twin, into=mine)
    assert np.all(np.asarray(wires.w) == 0.4)


def test_a_longest_delay_between_two_steps_is_never_exceeded():
    twin = between_steps(two_layers(longest=5.6 * ms))
    with torch.no_grad():
        twin.projection("a_to_b").delay.fill_(1.0)
    twin.keep_bounds()
    assert bb.write_back(twin).projections[1].connection.delays.max() == pytest.approx(5e-3)


def test_noise_and_frozen_synapses_keep_their_delays(refused):
    mine, cells, _ = users_network()
    noise = PoissonInput(cells, "v", N=10, rate=10 * Hz, weight=0.01)
    mine = Network(*mine.objects, noise)
    net = bb.from_brian2(mine, steps=30 * ms)
    learning = {p.name: p.longest_delay for p in net.learn_delays(8 * ms).projections}
    assert sorted(map(bool, learning.values())) == [False, True]
    (other,) = [name for name, longest in learning.items() if longest is None]
    with refused("(PoissonInput) has no delay", "leave it out of learn_delays"):
        bb.write_back(bb.to_torch(net.learn_delays(8 * ms, other)), into=mine)


def test_one_pathway_cannot_hold_two_learned_delays(refused):
    source = SpikeGeneratorGroup(2, [0, 1], [1, 2] * ms, name="source")
    cells = NeuronGroup(2, "v : 1\nu : 1", threshold="v > 1", reset="v = 0", name="cells")
    wires = Synapses(source, cells, "w : 1\nz : 1", on_pre="v += w\nu += z", name="wires")
    wires.connect()
    wires.delay = "(i + 1)*ms"
    mine = Network(source, cells, wires)
    net = bb.from_brian2(mine, steps=10 * ms).learn_delays(5 * ms)
    assert [p.longest_delay for p in net.projections] == [0.005, 0.005]
    twin = bb.to_torch(net)
    bb.write_back(twin, into=mine)
    with torch.no_grad():
        twin.projection(net.projections[0].name).delay += 1e-3
    with refused("have learned different delays", "let only one of the lines"):
        bb.write_back(twin, into=mine)


def test_synapses_with_a_model_are_left_out(refused):
    source = SpikeGeneratorGroup(2, [0, 1], [1, 2] * ms, name="source")
    cells = NeuronGroup(2, "v : 1", threshold="v > 1", reset="v = 0", name="cells")
    wires = Synapses(source, cells, "w : 1", on_pre="v_post += w*(2 - v_post)", name="wires")
    wires.connect()
    net = bb.from_brian2(Network(source, cells, wires), steps=10 * ms)
    with refused("has synapses with a model"):
        net.learn_delays(5 * ms)
