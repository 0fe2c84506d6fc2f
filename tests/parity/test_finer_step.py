"""The same network at dt/10: the same currents and charges, on a finer grid."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, SpikeMonitor, TimedArray, ms, mV, second
from small_networks import assert_close, assert_same, one_layer, simulate, two_layers

from brianbridge.encoding import Bernoulli, Current, Latency
from brianbridge.errors import InputError
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.reference.builder import build

STEPS = 50
PER_STEP = np.array([0.037, 0.11, 0.29, 0.4142, 0.613, 0.93])
ONE = np.ones((1, 1))


def drive_network(per_step=PER_STEP, model="if", readout="counts", encoding=None):
    encoding = encoding or Current(STEPS)
    return one_layer(neuron_model(model), encoding, np.array(per_step)[:, None], readout)


def test_constant_drive_below_threshold_keeps_every_count_and_coarse_step():
    network = drive_network()
    coarse, fine = simulate(network, ONE), simulate(network, ONE, dt=0.1 * ms)
    assert (fine.steps, fine.dt) == (10 * STEPS, 1e-4)
    np.testing.assert_array_equal(fine.counts["output"], np.floor(STEPS * PER_STEP)[None])
    np.testing.assert_array_equal(fine.counts["output"], coarse.counts["output"])
    # Every spike, not only the number of them, falls in the coarse step that it had.
    np.testing.assert_array_equal(fine.raster("output", coarse=10), coarse.raster("output"))


@pytest.mark.parametrize("ratio", [2, 10, 40])
def test_first_spike_is_refined_towards_the_crossing(ratio):
    network = drive_network()
    fine = simulate(network, ONE, dt=1e-3 / ratio)
    first = fine.spikes["output"][:, 0].argmax(axis=0)
    # A spike is stamped with the start of the step at whose end v has crossed.
    np.testing.assert_array_equal(first, np.ceil(ratio / PER_STEP) - 1)
    crossing = 1e-3 / PER_STEP
    stamp = first * fine.dt
    assert np.all((stamp < crossing) & (crossing <= stamp + fine.dt))


def test_more_than_a_threshold_in_a_step_needs_the_finer_step():
    network = drive_network([2.5])
    assert simulate(network, ONE).output == STEPS
    assert simulate(network, ONE, dt=0.1 * ms).output == 2.5 * STEPS


@pytest.mark.parametrize("model", ["if", "lif", "cuba_lif"])
def test_a_driven_membrane_follows_the_same_trajectory(model):
    network = drive_network(model=model, readout="potential")
    coarse = simulate(network, ONE, record=("v",))
    fine = simulate(network, ONE, record=("v",), dt=0.1 * ms)
    assert_close(fine.traces["output"]["v"][9::10], coarse.traces["output"]["v"])
    assert_close(fine.output, coarse.output)


def test_input_spikes_fall_on_the_start_of_coarse_steps_with_the_same_charge():
    encoding = Bernoulli(STEPS, gain=0.4)
    weight = np.array([[0.7, -0.2, 1.3]])
    network = one_layer(neuron_model("if"), encoding, weight, readout="potential")
    x = np.array([[0.9, 0.5, 0.3]])
    raster = encoding.encode(x, np.arange(1)).raster
    fine = simulate(network, x, record=("v",), dt=0.1 * ms)
    v = fine.traces["output"]["v"][:, 0, 0]
    jumps = np.diff(v, prepend=0.0).reshape(STEPS, 10)
    assert_close(jumps[:, 0], (raster[:, 0] @ weight.T)[:, 0])
    np.testing.assert_array_equal(jumps[:, 1:], 0)
    assert_close(fine.output, raster.sum(0) @ weight.T)


@pytest.mark.parametrize(("dt", "ratio"), [(1.0, 10), (1.0, 7), (0.37, 10), (0.3, 3)])
def test_every_input_spike_is_replayed_once(dt, ratio):
    encoding = Latency(20, dt * ms)
    network = one_layer(neuron_model("lif"), encoding, np.ones((1, 8)))
    raster = encoding.encode(np.linspace(0.05, 1, 8)[None], np.arange(1)).raster[:, 0]
    built = build(network, 1, dt=encoding.dt / ratio)
    monitor = SpikeMonitor(built.groups["input"])
    built.brian2.add(monitor)
    values = TimedArray(raster, dt=encoding.dt * second)
    built.brian2.run(20 * encoding.dt * second, namespace={"raster": values})
    step, node = np.nonzero(raster)
    order = np.lexsort((node, step))
    np.testing.assert_array_equal(monitor.i, node[order])
    found = np.rint(monitor.t_[:] / (encoding.dt / ratio))
    np.testing.assert_array_equal(found, ratio * step[order])


def test_a_step_that_is_the_twins_changes_nothing():
    network = two_layers(neuron_model("lif"), Bernoulli(20))
    x = np.random.default_rng(0).uniform(0, 1, (3, 6))
    expected = simulate(network, x)
    for same in (1 * ms, 1e-3, "1 ms", 0.001 * second):
        assert_same(simulate(network, x, dt=same), expected)


@pytest.mark.parametrize("dt", [0.3 * ms, 0.999 * ms, 2 * ms, 1.5e-3])
def test_a_step_that_does_not_divide_is_refused(dt):
    with pytest.raises(InputError, match=r"does not divide the twin's step of 1 ms"):
        simulate(drive_network(), ONE, dt=dt)


@pytest.mark.parametrize("dt", [0.3 * ms, 0.16 * ms, 7 * ms])
def test_the_step_that_the_refusal_names_works(dt):
    with pytest.raises(InputError) as refused:
        simulate(drive_network(), ONE, dt=dt)
    nearest = str(refused.value).split("the nearest that does is ")[1]
    simulate(drive_network(encoding=Current(2)), ONE, dt=nearest)


@pytest.mark.parametrize("dt", [0, -1e-4, float("nan"), float("inf"), 1 * mV, 1000 * Hz])
def test_a_step_that_is_no_time_is_refused(dt):
    with pytest.raises(InputError, match="dt"):
        simulate(drive_network(), ONE, dt=dt)
