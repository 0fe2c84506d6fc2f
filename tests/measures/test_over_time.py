"""Accuracy over time: by hand, against presentations that do end earlier, and in verdicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.encoding import Current, Latency
from brianbridge.ladder.execution import Execution
from brianbridge.ladder.results import RunResult
from brianbridge.ladder.rungs import Rung
from brianbridge.ladder.verify import verify
from brianbridge.measures.confidence_intervals import mean_interval, proportion_interval
from brianbridge.measures.over_time import (
    EarlyHits,
    accuracy_over_time,
    earlier_ends,
    early_predictions,
    recorded_for,
)
from brianbridge.measures.sample_summary import SampleSummary
from brianbridge.network import READOUTS, Dense, SpikingNetwork
from brianbridge.network.readouts import Readout
from brianbridge.neurons.library import neuron_model
from brianbridge.recording import Events, NotRecordedError, Recording
from brianbridge.simulation.simulate import simulate
from brianbridge.sweep.result_file import read_result, write_result
from brianbridge.twin.network import to_torch

STEPS = 9
LADDER = [
    Rung(name="parity"),
    Rung(name="dt/10", perturb={"finer_dt": {"divisor": 10}}),
    Rung(name="devices", perturb={"weight_noise": {"cv": 0.8}}, repeats=3),
]


class Late(Readout):
    """Read every spike, later ones more."""

    name = "late_of_a_test"

    def output(self, run):
        return sum(1.1**step * spikes for step, spikes in enumerate(run.raster()))


class First(Readout):
    """Read first spikes, counted in steps of the run, in a way that few other errors give."""

    name = "first_of_a_test"

    def output(self, run):
        return (run.steps - run.first_steps()) / run.grid % 5


class Untold(Readout):
    """Read a variable, and do not tell."""

    name = "untold_of_a_test"

    def output(self, run):
        return run.state("v")

    @classmethod
    def reads(cls, neuron):
        return ()


@pytest.fixture(scope="module", autouse=True)
def _forget():
    yield
    for cls in (Late, First, Untold):
        READOUTS._entries.pop(cls.name, None)


READOUTS_HERE = ["counts", "potential", "first_spike", Late.name, First.name]


def network(readout, steps=STEPS, neuron="lif"):
    """Return a network whose input, a current, is the same however long it is presented."""
    encoding = Latency(steps) if readout == "first_spike" else Current(steps)
    neuron = "single_spike_if" if readout == "first_spike" else neuron
    layers = [Dense(12, neuron_model(neuron)), Dense(3, neuron_model(neuron))]
    return SpikingNetwork.sequential(
        (6,), layers, encoding=encoding, readout=readout, weight_gain=6.0, seed=3
    )


def shortened(net, steps, x):
    """Return the network with an earlier end, and its input until then."""
    encoded = net.encoding.encode(x, np.arange(len(x)))
    if encoded.raster is not None:
        encoded = replace(encoded, raster=encoded.raster[:steps])
    return replace(net, encoding=replace(net.encoding, steps=steps)), encoded


def samples(number=40):
    x = np.random.default_rng(4).random((number, 6))
    return from_arrays("mine", x, to_torch(network("counts")).record(x).prediction)


@pytest.mark.parametrize("coarse", [1, 3])
@pytest.mark.parametrize("readout", READOUTS_HERE)
def test_an_early_prediction_is_that_of_a_presentation_that_ends_then(readout, coarse):
    net, x = network(readout), samples().x
    dt, record = net.dt / coarse, ("spikes", *recorded_for(net))
    found = early_predictions(simulate(net, x, dt=dt, record=record), net)
    assert len(found) == STEPS
    assert len(np.unique(found, axis=0)) > 2
    for end, early in enumerate(found, start=1):
        ended, encoded = shortened(net, end, x)
        np.testing.assert_array_equal(early, simulate(ended, encoded, dt=dt).prediction)


@pytest.mark.parametrize("readout", READOUTS_HERE)
def test_brian2_predicts_what_the_twin_does_at_all_times(readout):
    net, x = network(readout), samples().x
    record = ("spikes", *recorded_for(net))
    np.testing.assert_array_equal(
        early_predictions(simulate(net, x, record=record), net),
        early_predictions(to_torch(net).record(x, record), net),
    )


def test_counts_by_hand_at_a_finer_step():
    """Three classes that lead one after the other; a spike counts once its step is over."""
    net = network("counts", steps=4)
    raster = np.zeros((8, 2, 3))
    raster[1, 0, 2] = raster[2, 0, 1] = raster[5, 0, 1] = 1
    raster[6, 1, 0], raster[7, 1, 2] = 1, 2.5
    events = {"output": Events.from_raster(raster, net.dt / 2)}
    run = Recording(net.dt / 2, 8, 2, {"output": (3,)}, events, raster.sum(0))
    assert early_predictions(run, net).T.tolist() == [[2, 1, 1, 1], [0, 0, 0, 2]]


def test_potentials_by_hand():
    net = network("potential", steps=3)
    trace = np.zeros((6, 1, 3))
    trace[:, 0] = [[9, 0, 0], [0, 1, 0], [9, 0, 0], [2, 0, 1], [0, 0, 9], [0, 0, 1]]
    run = Recording(net.dt / 2, 6, 1, {}, {}, trace[-1], {"output": {"v": trace}})
    assert early_predictions(run, net)[:, 0].tolist() == [1, 0, 2]
    with pytest.raises(NotRecordedError, match="'v' of 'output' was not recorded"):
        early_predictions(replace(run, traces={}), net)


def test_long_presentations_are_evaluated_at_a_hundred_times():
    for steps in (1, 99, 100, 101, 250, 100_000):
        ends = earlier_ends(steps)
        assert len(ends) == min(steps, 100)
        assert ends[-1] == steps
        assert (np.diff(ends) >= 1).all()
        assert np.ptp(np.diff(ends, prepend=0)) <= 1
    net = network("counts", steps=250)
    raster = np.zeros((250, 1, 3))
    raster[[2, 3, 5], 0, [2, 1, 1]] = 1  # ends are 3, 5, 8, ...
    events = {"output": Events.from_raster(raster, net.dt)}
    run = Recording(net.dt, 250, 1, {"output": (3,)}, events, raster.sum(0))
    assert early_predictions(run, net)[:3, 0].tolist() == [2, 1, 1]


def hits(*rows):
    right = np.array(rows, bool)
    return EarlyHits(1e-3, right.shape[1], np.packbits(right, axis=1))


def test_one_run_has_wilsons_interval_and_several_that_of_runs_and_samples():
    rng = np.random.default_rng(0)
    runs = [hits(*(rng.random((50, 3)) < [0.1, 0.5, 1])) for _ in range(2)]
    one = accuracy_over_time(runs[:1])
    assert one["time_ms"] == [1, 2, 3]
    right = runs[0].right
    assert one["accuracy"] == right.mean(0).tolist()
    for end, ends in enumerate(zip(one["low"], one["high"], strict=True)):
        assert ends == proportion_interval(right[:, end].sum(), 50)
    several = accuracy_over_time([hits(*[[0]] * 4, *[[1]] * 46), hits(*[[0]] * 30, *[[1]] * 20)])
    values = np.array([[0.0] * 4 + [1.0] * 46, [0.0] * 30 + [1.0] * 20])
    low, high = mean_interval(values)
    assert several["accuracy"] == [0.66]
    assert several["low"] == [max(low, 0)]
    assert several["high"] == [min(high, 1)]
    assert accuracy_over_time(runs)["low"][2] == proportion_interval(50, 50)[0]


def test_hits_add_up_and_are_kept_in_files(tmp_path):
    rng = np.random.default_rng(1)
    right = rng.random((7, 11)) < 0.5
    whole = hits(*right)
    parts = hits(*right[:3]) + hits(*right[3:])
    np.testing.assert_array_equal(parts.right, right)
    outputs = SampleSummary(np.zeros(7, int), None, np.zeros(7, bool))
    write_result(RunResult(np.zeros(7, int), {}, outputs, early=whole), tmp_path / "kept")
    kept = read_result(tmp_path / "kept").early
    assert accuracy_over_time([kept]) == accuracy_over_time([parts])


@pytest.mark.parametrize("readout", READOUTS_HERE)
def test_a_verdict_ends_with_the_accuracy_of_each_rung_whatever_the_parts(readout):
    data = samples()
    verdict = verify(network(readout), data, LADDER)
    twin = verdict.twin
    assert twin.over_time["accuracy"][-1] == twin.accuracy
    assert len(set(twin.over_time["accuracy"])) > 1
    for rung in verdict.rungs:
        assert rung.over_time["accuracy"][-1] == rung.accuracy
        assert rung.over_time["time_ms"] == twin.over_time["time_ms"] == [*range(1, STEPS + 1)]
        for low, share, high in zip(
            *(rung.over_time[key] for key in ("low", "accuracy", "high")), strict=True
        ):
            assert 0 <= low <= share <= high <= 1
            assert low < high
    parity, finer, devices = (rung.over_time for rung in verdict.rungs)
    assert parity == twin.over_time
    assert finer["accuracy"] != parity["accuracy"] != devices["accuracy"]
    parts = verify(network(readout), data, LADDER, execution=Execution(shard=7))
    assert [rung.over_time for rung in parts.rungs] == [rung.over_time for rung in verdict.rungs]
    assert parts.twin.over_time == twin.over_time
    assert verdict.to_dict()["rungs"][1]["over_time"] == finer


def test_the_neurons_of_a_rung_say_which_variables_are_recorded():
    """Those of the twin keep the potential at the spike; those of the rung do not."""
    rung = Rung(name="other", perturb={"other_neuron": {"model": "lif", "populations": ["output"]}})
    verdict = verify(network("first_spike"), samples(10), [rung])
    assert verdict.rungs[0].over_time["accuracy"][-1] == verdict.rungs[0].accuracy
    assert verdict.rungs[0].over_time["accuracy"] != verdict.twin.over_time["accuracy"]


def test_a_readout_that_does_not_tell_what_it_reads_has_no_accuracy_over_time():
    verdict = verify(network(Untold.name), samples(10), LADDER[:1])
    assert verdict.rungs[0].over_time is None
    assert verdict.twin.over_time is None
    assert verdict.to_dict()["rungs"][0]["over_time"] is None


def test_the_neurons_of_one_population_are_recorded(refused):
    net, x = network("counts"), samples(3).x
    whole = to_torch(net).record(x, ("spikes", "v"))
    for path in ("batched", "reference"):
        found = simulate(
            net, x, record=["output.v", "v", "output.v"], backend=bb.Backend(path=path)
        )
        assert set(found.traces["output"]) == set(found.traces["hidden"]) == {"v"}
        found = simulate(net, x, record=["output.v"], backend=bb.Backend(path=path))
        assert not found.traces["hidden"]
        np.testing.assert_allclose(found.traces["output"]["v"], whole.traces["output"]["v"])
    own = to_torch(net).record(x, ("spikes", "output.v"))
    assert not own.traces["hidden"]
    np.testing.assert_array_equal(own.traces["output"]["v"], whole.traces["output"]["v"])
    with refused("no population has a state variable 'output.w'", "output.v"):
        simulate(net, x, record=["output.w"])
