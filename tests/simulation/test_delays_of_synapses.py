"""Synapses with individual delays: in the twin, on both paths, and in a user's own network."""

import numpy as np
import pytest
import torch
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    defaultclock,
    ms,
)

import brianbridge as bb
from brianbridge.connections import Population, Projection, Sparse
from brianbridge.network.split import split_by_delay
from brianbridge.simulation.backend import Backend

LIF = bb.neuron_model("lif", theta=0.5)


def drawn(seed, *, feedback=False, encoding=None, neuron=LIF):
    """Return a network of 6, 9 and 4 neurons whose synapses have delays of 0 to 7 steps."""
    rng = np.random.default_rng(seed)

    def projection(source, target, ends, **options):
        number = 3 * ends[0]
        places = [rng.integers(0, end, number) for end in ends]
        delays = rng.integers(0, 8, number) * 1e-3
        weight = rng.normal(0.3, 0.5, number)
        return Projection(source, target, weight, connection=Sparse(*places, delays), **options)

    projections = [
        projection("input", "a", (6, 9)),
        projection("a", "b", (9, 4), delay=2 * ms),
        *([projection("b", "a", (4, 9), feedback=True)] if feedback else []),
    ]
    return bb.SpikingNetwork(
        (6,), encoding or bb.Bernoulli(40),
        (Population("a", (9,), neuron), Population("b", (4,), neuron)), tuple(projections),
    )  # fmt: skip


X = np.random.default_rng(3).random((5, 6)) * 0.6


@pytest.mark.parametrize("feedback", [False, True])
@pytest.mark.parametrize("neuron", ["lif", "ternary_lif", "cuba_lif"])
def test_twin_and_both_paths_agree(feedback, neuron):
    for seed in range(2):
        net = drawn(seed, feedback=feedback, neuron=bb.neuron_model(neuron))
        twin = bb.to_torch(net).record(X)
        assert twin.counts["b"].any()
        for path in ("batched", "reference"):
            brian = bb.simulate(net, X, backend=Backend(path=path))
            for name in ("a", "b"):
                assert np.array_equal(twin.spikes[name], brian.spikes[name])


def test_at_a_finer_step_both_paths_agree():
    net = drawn(1)
    fine = [
        bb.simulate(net, X, dt=0.25 * ms, backend=Backend(path=path))
        for path in ("batched", "reference")
    ]
    assert fine[0].counts["b"].any()
    assert np.array_equal(fine[0].spikes["b"], fine[1].spikes["b"])


@pytest.mark.parametrize("feedback", [False, True])
def test_gradients_are_those_of_one_projection_for_each_delay(feedback):
    net = drawn(2, feedback=feedback)
    gradients = []
    for network in (net, split_by_delay(net, net.dt)):
        twin = bb.to_torch(network, dtype=torch.float64).eval()
        torch.nn.functional.cross_entropy(twin(X), torch.arange(5) % 4).backward()
        gradients.append({name: p.grad for name, p in twin.named_parameters()})
    given, parts = gradients
    for projection in net.projections:
        whole = given[f"projections.{projection.name}.weight"]
        steps = np.rint(projection.connection.delays / net.dt).astype(int)
        for number in np.unique(steps):
            [part] = [
                value for name, value in parts.items()
                if name.startswith(f"projections.{projection.name}_")
                and name.endswith(f"after_{number}.weight")
            ]  # fmt: skip
            torch.testing.assert_close(whole[steps == number], part)
    assert whole.abs().sum() > 0


def test_training_and_files_keep_the_delays(tmp_path):
    net = drawn(5)
    twin = bb.to_torch(net)
    data = bb.from_arrays("x", np.tile(X, (4, 1)), np.arange(20) % 4)
    bb.train(twin, data, "surrogate_gradient", epochs=2, validation_fraction=0)
    bb.save_network(bb.write_back(twin), tmp_path / "net.h5")
    again = bb.load_network(tmp_path / "net.h5")
    before, after = net.projections[0], again.projections[0]
    assert np.array_equal(before.connection.delays, after.connection.delays)
    assert np.any(before.weight != after.weight)
    assert np.array_equal(twin.record(X).spikes["b"], bb.simulate(again, X).spikes["b"])


def test_a_network_with_drawn_delays_is_read(refused):
    defaultclock.dt = 0.1 * ms
    np.random.seed(4)
    rng = np.random.default_rng(0)
    times = np.sort(rng.choice(300, 80, replace=False)) * 0.1 * ms
    given = SpikeGeneratorGroup(10, rng.integers(0, 10, 80), times, name="given")
    cells = NeuronGroup(
        8, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", method="exact", name="cells"
    )
    wires = Synapses(given, cells, "w : 1", on_pre="v += w", name="wires")
    loop = Synapses(cells, cells, "w : 1", on_pre="v += w", name="loop")
    for synapses, weight in ((wires, "0.8*rand()"), (loop, "0.5*randn()")):
        synapses.connect()
        synapses.w = weight
        synapses.delay = "rand()*5*ms"
    mine, monitor = Network(given, cells, wires, loop), SpikeMonitor(cells)
    net = bb.from_brian2(mine, steps=30 * ms)
    assert sorted(len(p.connection.delays) for p in net.projections) == [64, 80]
    with refused("projection", "delay", "not a multiple of the step of 1 ms"):
        bb.from_brian2(Network(cells, loop), steps=30, dt=1 * ms)
    mine.add(monitor)
    mine.run(30 * ms)
    expected = np.zeros((300, 8), dtype=bool)
    expected[np.rint(monitor.t / (0.1 * ms)).astype(int), monitor.i] = True
    assert expected.any()
    for recording in (bb.to_torch(net).record(None), bb.simulate(net, None)):
        assert np.array_equal(recording.spikes["cells"][:, 0] != 0, expected)


def test_halves_of_a_step_are_rounded_as_the_queue_of_brian2_rounds_them():
    """Brian2's compiled queue rounds 0.05 ms up to a step of 0.1 ms, and so do 0.25 ms to three."""
    source = SpikeGeneratorGroup(1, [0], [1] * ms, name="source")
    cells = NeuronGroup(8, "v : 1", threshold="v > 0.5", reset="v = 0", name="cells")
    wires = Synapses(source, cells, "w : 1", on_pre="v += w", name="wires")
    wires.connect()
    wires.w, wires.delay = 1, "0.05*j*ms"
    monitor = SpikeMonitor(cells)
    mine = Network(source, cells, wires, monitor)
    net = bb.from_brian2(mine, steps=30)
    mine.run(3 * ms)
    wanted = np.zeros((30, 8))
    wanted[np.rint(monitor.t_[:] / 1e-4).astype(int), monitor.i[:]] = 1
    assert wanted.sum() == 8
    np.testing.assert_array_equal(bb.to_torch(net).record(None).spikes["cells"][:, 0], wanted)
    for path in ("batched", "reference"):
        found = bb.simulate(net, None, backend=Backend(path=path)).spikes["cells"]
        np.testing.assert_array_equal(found[:, 0], wanted)
