"""A network that is read with a longer step than its own, to train faster."""

import numpy as np
import pytest
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    defaultclock,
    ms,
    mV,
)  # fmt: skip

import brianbridge as bb

FIRING = {"threshold": "v > 10*mV", "reset": "v = 0*mV", "refractory": 2 * ms, "method": "exact"}


@pytest.fixture
def script():
    """Return a function that builds a user's network at 0.1 ms, with a delay."""
    defaultclock.dt = 0.1 * ms

    def build(source, delay=1 * ms):
        cells = NeuronGroup(
            6, "dv/dt = -v/(10*ms) : volt (unless refractory)", name="cells", **FIRING
        )
        wires = Synapses(source, cells, "w : volt", on_pre="v += w", delay=delay, name="wires")
        wires.connect()
        wires.w = (np.arange(len(wires)) % 7) * 3 * mV
        return Network(source, cells, wires)

    return build


def test_the_step_of_the_twin_and_of_the_user(script):
    """At the longer step twin and Brian2 agree; at the user's, it is the user's own network."""
    times = np.array([3, 4, 11.5, 20, 20.2, 31]) * ms
    given = SpikeGeneratorGroup(4, [0, 1, 2, 3, 0, 1], times, name="given")
    mine = script(given)
    net = bb.from_brian2(mine, steps=40 * ms, dt=1 * ms)
    assert (net.dt, net.steps) == (1e-3, 40)
    twin, brian = bb.to_torch(net).record(None), bb.simulate(net, None)
    assert np.array_equal(twin.spikes["cells"], brian.spikes["cells"])
    own = bb.from_brian2(mine, steps=40 * ms)
    monitor = SpikeMonitor(mine["cells"])
    mine.add(monitor)
    mine.run(40 * ms)
    assert bb.simulate(own, None).counts["cells"].sum() == monitor.num_spikes > 0


def test_trained_at_a_longer_step_and_written_back(script):
    mine = script(PoissonGroup(20, 100 * Hz, name="rates"))
    net = bb.from_brian2(mine, steps=50 * ms, dt=1 * ms, input="rates", seed=1)
    x = np.random.default_rng(0).random((24, 20))
    twin = bb.to_torch(net)
    bb.train(twin, bb.from_arrays("x", x, np.arange(24) % 6), epochs=1, validation_fraction=0)
    trained = bb.write_back(twin, into=mine)
    np.testing.assert_allclose(mine["wires"].w_[:], trained.projections[0].weight)
    fine = bb.simulate(trained, x, dt=0.1 * ms, poisson=True, seed=2)
    assert fine.counts["cells"].sum() > 0


def test_steps_that_do_not_fit(script, refused):
    spikes = SpikeGeneratorGroup(1, [0, 0], [2, 2.4] * ms, name="given")
    with refused("dt = 0.25 ms is not a multiple of the step of 0.1 ms"):
        bb.from_brian2(script(spikes), steps=10, dt=0.25 * ms)
    with refused("neuron 0 of 'given'", "2 spikes in one step at 2 ms", "shorter dt"):
        bb.from_brian2(script(spikes), steps=10, dt=1 * ms)
    with refused("delay", "1.5 ms is not a multiple of the step of 1 ms"):
        bb.from_brian2(script(PoissonGroup(2, 9 * Hz), delay=1.5 * ms), steps=10, dt=1 * ms)
