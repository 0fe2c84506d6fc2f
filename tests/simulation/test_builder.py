"""What `build` returns is a Brian2 network like any other, and the user's to extend."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PopulationRateMonitor,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    TimedArray,
    ms,
    second,
)

from brianbridge.encoding import Bernoulli, Current, EncodedInput
from brianbridge.network import Dense, Population, Projection, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.drive import Drives
from brianbridge.simulation.reference.builder import build, steps_per_coarse_step
from brianbridge.simulation.simulate import simulate

SPIKES, CURRENT = Bernoulli(20, signed=True), Current(20)
X = np.random.default_rng(1).uniform(0, 1, (2, 4))


def network_of(encoding=SPIKES, model: str = "lif", readout: str = "counts") -> SpikingNetwork:
    neuron = neuron_model(model)
    network = SpikingNetwork.sequential(
        (4,), [Dense(5, neuron), Dense(3, neuron)], encoding=encoding, readout=readout
    )
    rng = np.random.default_rng(9)
    return network.with_weights(
        {
            p.name: (rng.normal(0.3, 0.5, p.weight.shape), rng.normal(0.05, 0.1, len(p.weight)))
            for p in network.projections
        }
    )


def namespace_of(network: SpikingNetwork, x: np.ndarray) -> dict[str, TimedArray]:
    """Return the input spikes under the name by which the input group reads them."""
    raster = network.encoding.encode(x, np.arange(len(x))).raster.reshape(network.steps, -1)
    return {"raster": TimedArray(raster, dt=network.dt * second)}


def set_drives(network: SpikingNetwork, built, x: np.ndarray) -> None:
    encoded = network.encoding.encode(x, np.arange(len(x)))
    for name, values in Drives(network)(encoded.current, encoded.samples).items():
        built.groups[name].drive = values.ravel() * Hz


# ---------------------------------------------------------------------- plain Brian2 objects


def test_groups_and_synapses_are_plain_objects_by_name():
    built = build(network_of(), batch=2, dt=1e-3)
    assert type(built.brian2) is Network
    assert {n: g.N for n, g in built.groups.items()} == {"input": 8, "hidden": 10, "output": 6}
    for name, group in built.groups.items():
        assert type(group) is NeuronGroup
        assert built.brian2[name] is group
    assert set(built.synapses) == {"input_to_hidden", "hidden_to_output"}
    for name, synapses in built.synapses.items():
        assert type(synapses) is Synapses
        assert built.brian2[name] is synapses
    assert set(built.spikes) == {"hidden", "output"}


def test_a_constant_input_is_a_drive_and_needs_no_synapses():
    built = build(network_of(CURRENT), batch=2, dt=1e-3)
    assert set(built.groups) == {"hidden", "output"}
    assert set(built.synapses) == {"hidden_to_output"}


def test_a_population_read_by_its_potential_has_no_threshold():
    built = build(network_of(readout="potential"), batch=1, dt=1e-3)
    assert set(built.spikes) == {"hidden"}
    assert not built.groups["output"].thresholder
    assert not built.groups["output"].resetter


def test_only_what_exists_is_traced():
    network = SpikingNetwork.sequential(
        (4,), [Dense(2, neuron_model("cuba_lif")), Dense(2, neuron_model("lif"))], encoding=SPIKES
    )
    traces = build(network, batch=1, dt=1e-3, record=("v", "g")).traces
    assert {n: set(m.record_variables) for n, m in traces.items()} == {
        "hidden": {"v", "g"},
        "output": {"v"},
    }


@pytest.mark.parametrize("encoding", [SPIKES, CURRENT])
def test_a_user_adds_monitors_and_runs(encoding):
    network = network_of(encoding)
    expected = simulate(network, X, record=("spikes", "v"), backend=Backend(path="reference"))
    built = build(network, batch=2, dt=network.dt)
    states = StateMonitor(built.groups["hidden"], "v", record=[0, 5], when="end")
    rate = PopulationRateMonitor(built.groups["hidden"])
    spikes = SpikeMonitor(built.groups["output"])
    built.brian2.add(states, rate, spikes)
    set_drives(network, built, X)
    namespace = namespace_of(network, X) if encoding is SPIKES else {}
    built.brian2.run(20 * ms, namespace=namespace)
    # Neuron 0 of the first sample, and of the second.
    np.testing.assert_array_equal(states.v[:].T, expected.traces["hidden"]["v"][:, :, 0])
    fired = expected.spikes["hidden"].sum(axis=(1, 2))
    assert fired.any()
    np.testing.assert_allclose(rate.rate / Hz, fired / 10 / network.dt)
    assert spikes.num_spikes == len(expected.events("output"))
    np.testing.assert_array_equal(states.t / ms, np.arange(20))


def test_a_user_changes_a_weight():
    network = network_of()
    built = build(network, batch=1, dt=network.dt)
    set_drives(network, built, X[:1] * 0)
    for synapses in built.synapses.values():
        synapses.weight = 0
    for group in built.groups.values():
        if "drive" in group.variables:
            group.drive = 0 * Hz
    built.brian2.run(20 * ms, namespace=namespace_of(network, X[:1]))
    assert built.spikes["hidden"].num_spikes == 0
    assert built.groups["hidden"].v[:].tolist() == [0] * 5


# ---------------------------------------------------------------------- weights and drives


def test_weights_are_transposed_and_samples_kept_apart():
    network = network_of()
    built = build(network, batch=3, dt=1e-3)
    for projection in network.projections:
        synapses = built.synapses[projection.name]
        outputs, inputs = projection.weight.shape
        matrix = np.zeros((3 * inputs, 3 * outputs))
        # Counting, so that two synapses between the same neurons would show.
        np.add.at(matrix, (synapses.i[:], synapses.j[:]), synapses.weight[:])
        assert len(synapses) == 3 * inputs * outputs
        expected = np.kron(np.eye(3), projection.weight.T)
        np.testing.assert_array_equal(matrix, expected)


def test_weights_have_the_unit_of_what_they_add_to():
    neuron = neuron_model("adex")
    network = SpikingNetwork.sequential((2,), [Dense(2, neuron)], encoding=SPIKES)
    built = build(network, batch=1, dt=1e-3)
    assert built.synapses["input_to_output"].weight.unit == built.groups["output"].v.unit


def test_projections_that_skip_a_population_are_connected():
    lif = neuron_model("lif")
    populations = (Population("a", (3,), lif), Population("b", (2,), lif))
    rng = np.random.default_rng(0)
    projections = (
        Projection("input", "a", rng.normal(size=(3, 4))),
        Projection("a", "b", rng.normal(size=(2, 3))),
        Projection("input", "b", rng.normal(size=(2, 4))),
    )
    network = SpikingNetwork((4,), SPIKES, populations, projections)
    built = build(network, batch=2, dt=1e-3)
    assert {n: len(s) for n, s in built.synapses.items()} == {
        "input_to_a": 24, "a_to_b": 12, "input_to_b": 16,
    }  # fmt: skip


def test_drives_are_the_current_that_gives_the_input_of_a_step():
    network = network_of(CURRENT)
    encoded = EncodedInput(current=X)
    drives = Drives(network)(encoded.current, encoded.samples)
    first, second_ = network.projections
    # A leaky integrator moves by tau*(1 - exp(-dt/tau)) for a unit current over one step.
    gain = 0.01 * (1 - np.exp(-1e-3 / 0.01))
    np.testing.assert_allclose(drives["hidden"] * gain, X @ first.weight.T + first.bias)
    np.testing.assert_allclose(drives["output"] * gain, np.tile(second_.bias, (2, 1)))


def test_spikes_leave_the_bias_as_the_only_drive():
    network = network_of(SPIKES)
    drives = Drives(network)(None, 2)
    gain = 0.01 * (1 - np.exp(-1e-3 / 0.01))
    np.testing.assert_allclose(
        drives["hidden"] * gain, np.tile(network.projections[0].bias, (2, 1))
    )


# ---------------------------------------------------------------------- order within a step


def order_within_a_step(built) -> list[str]:
    """Return the names of what acts on the thresholds slot and after, in Brian2's own order."""
    entries = built.brian2.scheduling_summary().entries
    slots = ("thresholds", "synapses", "resets")
    parts = ("pre", "thresholder", "resetter")
    return [e.name for e in entries if e.when in slots and e.name.endswith(parts)]


def test_canonical_schedule_goes_layer_by_layer():
    assert order_within_a_step(build(network_of(), batch=1, dt=1e-3)) == [
        "input_spike_thresholder",
        "input_spike_resetter",
        "input_to_hidden_pre",
        "hidden_spike_thresholder",
        "hidden_spike_resetter",
        "hidden_to_output_pre",
        "output_spike_thresholder",
        "output_spike_resetter",
    ]


def test_default_schedule_is_brian2s():
    order = order_within_a_step(build(network_of(), batch=1, dt=1e-3, schedule="default"))
    kinds = [name.rpartition("_")[2] for name in order]
    assert kinds == ["thresholder"] * 3 + ["pre"] * 2 + ["resetter"] * 3


@pytest.mark.parametrize(("dt", "steps"), [(1e-3, 1), (1e-4, 10), (1e-3 / 3, 3), (1e-3 / 7, 7)])
def test_steps_per_coarse_step(dt, steps):
    assert steps_per_coarse_step(network_of(), dt) == steps
