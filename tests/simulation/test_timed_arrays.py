"""A TimedArray in the equations, the threshold or the reset of a network that was read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from brian2 import Network, NeuronGroup, TimedArray, ms, mV, nA
from brian2_objects import cells, wires
from external_sources import check_all_paths, own_spikes

import brianbridge as bb

STEPS = 300


def check(group: Any, *others: Any) -> bb.SpikingNetwork:
    net = bb.from_brian2(Network(group, *others), steps=STEPS)
    (spikes,) = own_spikes([group, *others], [group], STEPS * 0.1 * ms)
    assert spikes.sum() > 5
    check_all_paths(net, None, spikes)
    return net


def values(*shape: int, low: float = 0.0, high: float = 3.0) -> np.ndarray:
    return np.random.default_rng(len(shape)).uniform(low, high, shape)


@pytest.mark.parametrize(
    ("method", "dt"),
    [("exact", 1 * ms), ("euler", 0.35 * ms), ("rk4", 0.35 * ms), ("exponential_euler", 1 * ms)],
)
def test_an_array_of_times(method, dt):
    group = cells(
        4, equations="dv/dt = (stimulus(t) + c - v)/(5*ms) : 1\nc : 1", method=method,
        namespace={"stimulus": TimedArray(values(30), dt=dt)},
    )  # fmt: skip
    group.c = [0, 0.1, 0.2, 0.3]
    net = check(group)
    timed = bb.simulate(net, None, record=("spikes", "t_crossing")).events("cells")
    assert np.isnan(timed.t_crossing).all()


def test_a_column_for_each_neuron_and_a_recurrent_network(tmp_path):
    stimulus = TimedArray(values(20, 5, low=5, high=30) * mV, dt=1.5 * ms)
    group = cells(
        5, equations="dv/dt = (stimulus(t, i) - v)/(5*ms) : volt", threshold="v > 10*mV",
        reset="v = 0*mV", namespace={"stimulus": stimulus},
    )  # fmt: skip
    one = wires(group, group, "v += w", "w : volt", pairs={"condition": "i != j"}, delay=0.5 * ms)
    one.w = np.random.default_rng(2).uniform(-1, 1, len(one)) * mV
    net = check(group, one)
    bb.save_network(net, tmp_path / "net.h5")
    again = bb.load_network(tmp_path / "net.h5")
    assert again.population("cells").neuron == net.population("cells").neuron
    one_run, other = (bb.simulate(n, np.zeros((3, 1))) for n in (net, again))
    np.testing.assert_array_equal(one_run.raster("cells"), other.raster("cells"))
    # Every sample starts at time 0.
    np.testing.assert_array_equal(one_run.raster("cells")[:, 0], one_run.raster("cells")[:, 2])


@pytest.mark.parametrize("shape", [(30,), (30, 4)])
def test_each_neuron_has_a_time_of_its_own(shape):
    """A lag that changes in the run, or differs between neurons; before time 0 the first value."""
    call = "stimulus(t - lag)" if len(shape) == 1 else "stimulus(t - lag, i)"
    group = cells(
        4, equations=f"dv/dt = ({call} - v)/(5*ms) : 1\ndlag/dt = pace*(1 + i) : second\npace : 1",
        method="euler", namespace={"stimulus": TimedArray(values(*shape), dt=1 * ms)},
    )  # fmt: skip
    group.lag, group.pace = [0, 1.02, 2.5, 7] * ms, [0, 0, 0.01, 0.02]
    check(group)


def test_thresholds_and_resets_in_time():
    group = cells(
        4, equations="dv/dt = (2 - v)/(5*ms) : 1", threshold="v > stimulus(t)",
        reset="v = stimulus(t) - 1.01", namespace={"stimulus": TimedArray(values(15), dt=2 * ms)},
    )  # fmt: skip
    check(group)


def test_currents_of_each_neuron():
    """A parameter that the user set is a constant current; it may also be an array."""
    group = NeuronGroup(
        4, "dv/dt = (R*(I + J) - v)/(5*ms) : volt\nI : amp\nJ : amp (constant)", method="exact",
        threshold="v > 10*mV", reset="v = 0*mV", name="cells",
        namespace={"R": 10 * mV / nA},
    )  # fmt: skip
    group.I, group.J = [0.5, 1, 2, 3] * nA, [1, 0.5, 0, 0.3] * nA
    check(group)


def test_gradients_pass_a_timed_array():
    group = cells(
        5, equations="dv/dt = (stimulus(t, i) - v)/(5*ms) : 1",
        namespace={"stimulus": TimedArray(values(20, 5, high=4), dt=1.5 * ms)},
    )  # fmt: skip
    one = wires(group, group, pairs={"condition": "i != j"})
    one.w = 0.1
    twin = bb.to_torch(bb.from_brian2([group, one], steps=100))
    twin(np.zeros((2, 1))).sum().backward()
    (weight,) = twin.parameters()
    assert torch.isfinite(weight.grad).all()
    assert weight.grad.any()


def test_a_large_population_with_a_timed_array():
    """Groups of this size run as compiled loops, which do without functions of the user."""
    size = 20_000
    group = cells(
        size, equations="dv/dt = (stimulus(t, i) - v)/(5*ms) : 1",
        namespace={"stimulus": TimedArray(values(3, size), dt=5 * ms)},
    )  # fmt: skip
    net = bb.from_brian2([group], steps=50)
    (spikes,) = own_spikes([group], [group], 5 * ms)
    np.testing.assert_array_equal(bb.simulate(net, None).raster("cells")[:, 0], spikes)


def test_a_model_of_ones_own(refused):
    from brianbridge.neurons.timed import TimedValues

    model = bb.NeuronModel(
        "dv/dt = (stimulus(t) - v)/(5*ms) : 1", threshold="v > 1", reset="v = 0",
        timed_arrays={"stimulus": TimedValues([1, 2], dt=5 * ms)},
    )  # fmt: skip
    assert bb.NeuronModel.from_dict(model.to_dict()) == model
    with refused("timed values have shape (2, 2, 2)"):
        TimedValues(np.zeros((2, 2, 2)), dt=1 * ms)
    with refused("stimulus: int is no TimedArray"):
        bb.NeuronModel("dv/dt = -v*stimulus(t)/ms : 1", timed_arrays={"stimulus": 3})


@pytest.mark.parametrize("dt", [0.03 * ms, 0.05 * ms])
def test_an_array_that_is_finer_than_the_default_step_is_integrated_exactly(dt):
    stimulus = TimedArray(values(200), dt=dt)
    equations = "dv/dt = (stimulus(t) - v)/(1*ms) : 1"
    model = bb.NeuronModel(
        equations, threshold="v > 1", reset="v = 0", timed_arrays={"stimulus": stimulus}
    )
    assert model.method == "exact"
    group = model.group(1, dt=dt)
    plain = NeuronGroup(
        1, equations, threshold="v > 1", reset="v = 0", method="exact", dt=dt,
        namespace={"stimulus": stimulus},
    )  # fmt: skip
    Network(group, plain).run(200 * dt)
    assert group.v[0] == pytest.approx(plain.v[0], rel=1e-12)
