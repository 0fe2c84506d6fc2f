"""Operations counted by hand on small networks, and where the verdict tells them."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from brianbridge.datasets import from_arrays
from brianbridge.encoding import Bernoulli, Current, EncodedInput, Latency
from brianbridge.ladder.outcomes import TwinOutcome
from brianbridge.ladder.verdict import Verdict
from brianbridge.ladder.verify import verify
from brianbridge.measures import spike_counts
from brianbridge.measures.energy import FP32_45NM, INT32_45NM
from brianbridge.measures.operation_counting import count_operations, operations_of
from brianbridge.measures.spike_counts import SpikeCounts, count_input_spikes, count_spikes
from brianbridge.network import (
    AvgPool2d,
    Conv2d,
    Dense,
    Feedback,
    Recurrent,
    Residual,
    SpikingNetwork,
)
from brianbridge.neurons.library import neuron_model
from brianbridge.recording import Events, Recording
from brianbridge.twin.network import to_torch

IF = neuron_model("if")


def recording(network, spikes, steps=None, samples=1):
    """Return a recording of these spikes alone: by population, (step, sample, neuron) -> value."""
    steps = network.steps if steps is None else steps
    events = {}
    for population in network.firing:
        raster = np.zeros((steps, samples, population.size))
        for cell, value in spikes.get(population.name, {}).items():
            raster[cell] = value
        events[population.name] = Events.from_raster(raster, network.dt)
    shapes = {p.name: p.shape for p in network.firing}
    return Recording(network.dt, steps, samples, shapes, events, np.zeros((samples, 1)))


def by_name(parts):
    return {part.name: part for part in parts}


def test_dense_network_by_hand():
    net = SpikingNetwork.sequential((5,), [Dense(2, IF), Dense(3, IF)], encoding=Current(4))
    spikes = {
        "hidden": {(0, 0, 0): 1, (3, 0, 1): 1, (1, 1, 0): 1},
        "output": {(3, 1, 2): 1},
    }
    counted = operations_of(net, recording(net, spikes, samples=2))
    first, second = counted.projections
    assert (first.macs, first.synops, first.ann_macs) == (5 * 2, 0, 5 * 2)
    assert (second.macs, second.synops, second.ann_macs) == (0, 3 / 2 * 3, 2 * 3)
    assert second.synops_by_mass == second.synops
    assert not second.graded
    assert (counted.macs, counted.macs_if_recomputed, counted.ann_macs) == (10, 40, 16)
    assert counted.updates == (2 + 3) * 4
    hidden, output = counted.populations
    assert (hidden.neurons, hidden.spikes, hidden.updates) == (2, 1.5, 8)
    assert (output.spikes, output.spike_mass, output.negative_spikes) == (0.5, 0.5, 0)


def test_energy_by_hand():
    net = SpikingNetwork.sequential((5,), [Dense(2, IF), Dense(3, IF)], encoding=Current(4))
    counted = operations_of(net, recording(net, {"hidden": {(0, 0, 0): 1, (1, 0, 1): 1}}))
    energy = counted.energy(FP32_45NM)
    assert energy["spikes_added"] == pytest.approx(2 * 3 * 0.9e-3)
    assert energy["spikes_multiplied"] == energy["spikes_added"]  # spikes of 1 need no product
    assert energy["current"] == pytest.approx(10 * 4.6e-3)
    assert energy["current_if_recomputed"] == pytest.approx(4 * 10 * 4.6e-3)
    assert energy["updates"] == pytest.approx(20 * 4.6e-3)
    assert energy["ann"] == pytest.approx(16 * 4.6e-3)
    assert counted.energy(INT32_45NM)["ann"] == pytest.approx(16 * 3.2e-3)


def test_energy_figures_add_up_and_name_their_source():
    for model in (FP32_45NM, INT32_45NM):
        assert model.mac == pytest.approx(model.add + model.multiply)
        assert "Horowitz" in model.source
        assert "remembered, not read" in model.source


def test_spikes_at_the_border_of_an_image_reach_fewer():
    layers = [Conv2d(1, 1, IF), Conv2d(2, 3, IF, padding=1)]
    net = SpikingNetwork.sequential((1, 3, 3), layers, encoding=Current(2))
    corner, edge, middle = 0, 1, 4
    spikes = {(0, 0, corner): 1, (0, 0, edge): 1, (1, 0, middle): 1}
    counted = operations_of(net, recording(net, {net.populations[0].name: spikes}))
    assert counted.projections[1].synops == 2 * (4 + 6 + 9)
    assert counted.projections[1].ann_macs == 2 * (4 * 4 + 4 * 6 + 9)


def test_pooling_neurons_and_pooling_within_a_projection():
    layers = [Conv2d(1, 1, IF), AvgPool2d(2), Dense(3, IF), Dense(2, IF)]
    within = SpikingNetwork.sequential((1, 4, 4), layers, encoding=Current(1))
    spikes = {within.populations[0].name: {(0, 0, 0): 1, (0, 0, 5): 1}}
    pooled = operations_of(within, recording(within, spikes)).projections[1]
    assert (pooled.synops, pooled.ann_macs) == (2 * 3, 4 * 3)
    layers[1] = AvgPool2d(2, IF)
    neurons = SpikingNetwork.sequential((1, 4, 4), layers, encoding=Current(1))
    counted = operations_of(neurons, recording(neurons, spikes)).projections
    assert (counted[1].synops, counted[1].ann_macs) == (2, 4)
    assert (counted[2].synops, counted[2].ann_macs) == (0, 4 * 3)


def test_graded_spikes_weigh_more_than_they_count():
    graded = neuron_model("multi_threshold_lif")
    net = SpikingNetwork.sequential((5,), [Dense(2, graded), Dense(3, IF)], encoding=Current(2))
    counted = operations_of(net, recording(net, {"hidden": {(0, 0, 0): 3, (1, 0, 1): 1}}))
    second = counted.projections[1]
    assert (second.synops, second.synops_by_mass, second.graded) == (2 * 3, 4 * 3, True)
    energy = counted.energy(FP32_45NM)
    assert energy["spikes_added"] == pytest.approx(4 * 3 * 0.9e-3)
    assert energy["spikes_multiplied"] == pytest.approx(2 * 3 * 4.6e-3)


def test_negative_spikes_count_as_well():
    ternary = neuron_model("ternary_if")
    net = SpikingNetwork.sequential((5,), [Dense(2, ternary), Dense(3, IF)], encoding=Current(3))
    # Their sum is 0, so that counts of spike values would tell of none.
    spikes = {"hidden": {(0, 0, 0): 1, (1, 0, 0): -1, (2, 0, 1): -1, (0, 0, 1): 1}}
    counted = operations_of(net, recording(net, spikes))
    hidden, second = counted.populations[0], counted.projections[1]
    assert (hidden.spikes, hidden.spike_mass, hidden.negative_spikes) == (4, 4, 2)
    assert (second.synops, second.synops_by_mass, second.graded) == (12, 12, False)


def test_input_spikes_are_counted_from_the_encoded_raster():
    net = SpikingNetwork.sequential(
        (6,), [Dense(2, IF)], encoding=Bernoulli(20, signed=True), readout="counts"
    )
    x = np.random.default_rng(0).uniform(-1, 1, (7, 6))
    raster = net.encoding.encode(x, np.arange(7)).raster
    counted = operations_of(net, recording(net, {}, samples=7), x)
    given = counted.populations[0]
    assert given.name == "input"
    assert given.updates == 0
    assert given.spikes == given.spike_mass == np.abs(raster).sum() / 7
    assert given.negative_spikes == np.sum(raster < 0) / 7 > 0
    assert counted.synops == pytest.approx(2 * given.spikes)
    assert counted.macs == counted.macs_if_recomputed == 0
    encoded = operations_of(net, recording(net, {}, samples=7), EncodedInput(raster=raster))
    assert encoded == counted


def test_blocks_and_chunks_add_up(monkeypatch):
    net = SpikingNetwork.sequential((6,), [Dense(4, IF), Dense(2, IF)], encoding=Bernoulli(9))
    x = np.random.default_rng(1).uniform(0, 1, (8, 6))
    twin = to_torch(net)
    run = twin.record(x)
    whole = operations_of(net, run, x)
    assert whole.projections[1].synops > 0
    monkeypatch.setattr(spike_counts, "_BLOCK", 5)
    assert operations_of(net, run, x) == whole
    parts = [
        {
            **count_spikes(twin.record(x[low:high], index=np.arange(low, high))),
            **count_input_spikes(net, x[low:high], np.arange(low, high)),
        }
        for low, high in ((0, 3), (3, 8))
    ]
    joined = {name: parts[0][name] + parts[1][name] for name in parts[0]}
    assert count_operations(net, joined, 8, net.steps) == whole


def test_residual_recurrent_and_feedback_projections_count_too():
    layers = [Dense(3, IF), Recurrent(), Dense(3, IF), Residual("hidden1"), Feedback("hidden1"),
              Dense(2, IF)]  # fmt: skip
    net = SpikingNetwork.sequential((4,), layers, encoding=Current(2))
    h1, h2 = (p.name for p in net.populations[:2])
    # The last spike comes too late for feedback to be delivered, and counts all the same.
    spikes = {h1: {(0, 0, 1): 1}, h2: {(0, 0, 0): 1, (1, 0, 2): 1}}
    counted = by_name(operations_of(net, recording(net, spikes)).projections)
    # One spike to itself and its like, to the next, and to the one at its place.
    assert counted[f"{h1}_to_{h1}"].synops == 3
    assert counted[f"{h1}_to_{h2}"].synops == 3
    assert counted[f"{h1}_to_{h2}_residual"].synops == 1
    assert counted[f"{h2}_to_{h1}"].synops == 6
    assert counted[f"{h2}_to_output"].synops == 4
    assert counted[f"{h1}_to_{h2}_residual"].ann_macs == 3
    assert counted[f"{h2}_to_{h1}"].ann_macs == 9


def test_an_output_that_is_read_by_its_potential_is_updated_but_silent():
    net = SpikingNetwork.sequential((4,), [Dense(2, IF)], encoding=Current(3), readout="potential")
    counted = operations_of(net, to_torch(net).record(np.ones((2, 4))))
    assert (counted.synops, counted.macs, counted.updates) == (0, 8, 6)
    assert counted.populations[0].spikes == 0


def test_a_finer_run_has_more_updates_and_the_same_current():
    net = SpikingNetwork.sequential((4,), [Dense(2, IF)], encoding=Current(3))
    counted = operations_of(net, recording(net, {}, steps=30))
    assert (counted.updates, counted.macs, counted.macs_if_recomputed) == (60, 8, 240)


def test_spikes_that_are_missing_or_of_another_run_are_refused(refused):
    net = SpikingNetwork.sequential((3,), [Dense(2, IF)], encoding=Latency(4))
    run, x = recording(net, {}, samples=2), np.ones((2, 3))
    with refused("spikes of 'input' are missing", "'latency'", "'x'"):
        operations_of(net, run)
    with refused("'input'", "1 samples", "2 samples"):
        operations_of(net, run, x[:1])
    with refused("spikes of 'output' are missing", "recording"):
        operations_of(net, run.without_events(), x)
    with refused("3 neurons", "2 neurons"):
        count_operations(net, {**count_input_spikes(net, x), "output": SpikeCounts(
            2, np.zeros(3, np.int64), np.zeros(3))}, 2, 4)  # fmt: skip
    with refused("shape (4,)", "shape (3,)", "'latency'"):
        operations_of(net, run, np.ones((2, 4)))
    with refused("a current", "'latency'"):
        operations_of(net, run, EncodedInput(current=x))


def test_table_and_json_tell_the_same():
    graded = neuron_model("multi_threshold_lif")
    net = SpikingNetwork.sequential((50,), [Dense(40, graded), Dense(3, IF)], encoding=Current(2))
    counted = operations_of(net, recording(net, {"hidden": {(0, 0, 0): 3, (1, 0, 1): 1}}))
    entry = json.loads(json.dumps(counted.to_dict(), allow_nan=False))
    assert entry["synops_per_sample"] == 6
    assert entry["synops_by_mass_per_sample"] == 12
    assert entry["macs_per_sample"] == 2000
    assert entry["macs_per_sample_if_recomputed"] == 4000
    assert entry["projections"][0]["name"] == "input_to_hidden"
    assert entry["energy_nj_per_sample"][0]["model"]["name"] == "FP32, 45 nm"
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(counted.table())
    text = console.export_text()
    for part in ("hidden_to_output", "12.0", "2,000", "2,120", "86 updates"):
        assert part in text


def test_verdict_tells_operations_of_the_twin_and_of_every_rung():
    net = SpikingNetwork.sequential((6,), [Dense(8, IF), Dense(2, IF)], encoding=Current(10))
    x = np.random.default_rng(2).uniform(0, 1, (5, 6))
    verdict = verify(net, from_arrays("mine", x, np.array([0, 1, 0, 1, 0])))
    twin = verdict.twin.spikes_per_sample["hidden"]
    assert twin > 0
    assert verdict.operations.synops == twin * 2
    assert verdict.operations.steps == 10
    for rung in verdict.rungs:
        assert rung.synops_per_sample == pytest.approx(rung.spikes_per_sample["hidden"] * 2)
        assert rung.synops_by_mass_per_sample == rung.synops_per_sample
    entry = json.loads(verdict.to_json())
    assert entry["schema"] == 4
    assert entry["operations"] == json.loads(json.dumps(verdict.operations.to_dict()))
    assert entry["rungs"][1]["synops_per_sample"] == verdict.rungs[1].synops_per_sample
    caption = str(verdict.table().caption)
    assert "48 MACs (multiply-adds) of its constant input" in caption
    assert "without spikes take 64 MACs" in caption


def test_a_verdict_without_operations_is_still_one():
    data = {"name": "mine", "split": "all", "samples": 1}
    old = Verdict("net", data, TwinOutcome(1.0, {}), (), {})
    assert old.to_dict()["operations"] is None
    assert old.table().caption is None
