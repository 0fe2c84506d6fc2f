"""Comparisons of chunks add up to that of the whole; verifying keeps no spikes of a run."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import brian2
import numpy as np
import pytest
import torch
from brian2 import prefs

from brianbridge.datasets import from_arrays
from brianbridge.encoding import Bernoulli, Current, Latency
from brianbridge.ladder import tasks, twin_run
from brianbridge.ladder.twin_run import TwinRun
from brianbridge.ladder.verify import verify
from brianbridge.measures.spike_comparison import CountMoments, SpikeComparison, spike_differences
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.recording import Events, Recording
from brianbridge.simulation.batched import workers
from brianbridge.twin.network import to_torch


def recording(raster, dt=1e-3):
    steps, samples, neurons = raster.shape
    return Recording(
        dt=dt, steps=steps, samples=samples, shapes={"hidden": (neurons,)},
        all_events={"hidden": Events.from_raster(raster, dt)}, output=np.zeros((samples, 2)),
    )  # fmt: skip


@pytest.fixture
def two():
    generator = np.random.default_rng(7)
    one = generator.integers(-1, 4, (5, 12, 6)).astype(float)
    other = np.where(generator.random(one.shape) < 0.2, 0, one)
    return one, other


def test_a_comparison_is_that_of_the_dense_counts(two):
    one, other = two
    found = SpikeComparison.of(recording(one), recording(other))
    x, y = one.sum(0), other.sum(0)
    assert found.spike_mismatches == np.sum(one != other)
    assert found.count_mismatches == np.sum(x != y)
    expected = np.corrcoef(x.ravel(), y.ravel())[0, 1]
    assert found.count_correlation["hidden"] == pytest.approx(expected, abs=1e-12)


def test_fractions_and_whole_numbers_are_compared_alike(two):
    """A quarter of all values is exact, too, but not tabulated as whole numbers."""
    whole, quarters = (
        SpikeComparison.of(*(recording(scale * each) for each in two)) for scale in (4, 1 / 4)
    )
    assert quarters.count_mismatches == whole.count_mismatches
    expected, found = vars(whole.counts["hidden"]), vars(quarters.counts["hidden"])
    scales = {"pairs": 1, "x": 16, "y": 16, "xx": 256, "yy": 256, "xy": 256, "apart": 16}
    assert {name: scale * found[name] for name, scale in scales.items()} == expected
    joint = {(16 * x, 16 * y): n for (x, y), n in quarters.joint["hidden"].items()}
    assert joint == whole.joint["hidden"]


def test_comparisons_of_parts_add_up(two):
    one, other = map(recording, two)
    first = SpikeComparison.of(one.of_samples(0, 5), other.of_samples(0, 5))
    rest = SpikeComparison.of(one.of_samples(5, 12), other.of_samples(5, 12))
    whole = vars(SpikeComparison.of(one, other))
    added = vars(first + rest)
    np.testing.assert_array_equal(added.pop("since"), whole.pop("since"))
    assert added == whole


def test_no_correlation_where_nothing_varies():
    x = np.full(1000, 3.0)
    assert CountMoments.of(x, np.arange(1000.0)).correlation is None
    # A mean of a billion with a spread of one: as large sums in float64 this would be noise.
    far = 1e9 + np.array([0.0, 1.0, 0.0, 1.0])
    assert CountMoments.of(far - 1e9, far - 1e9).correlation == pytest.approx(1, abs=1e-15)


def test_mismatches_are_counted_cell_by_cell():
    raster = np.zeros((3, 2, 2))
    raster[0, 0, 0] = raster[1, 1, 1] = 1
    moved = raster.copy()
    moved[0, 0, 0], moved[2, 0, 0] = 0, 1  # later, the same count
    signed = raster.copy()
    signed[1, 1, 1] = -1  # the same time, another value
    one = recording(raster)
    assert spike_differences(one, recording(moved))[0] == 2
    assert spike_differences(one, recording(signed))[0] == 1


def test_a_finer_run_is_summed_onto_the_coarse_grid():
    coarse = np.zeros((2, 1, 1))
    coarse[1, 0, 0] = 1
    fine = np.zeros((20, 1, 1))
    fine[17, 0, 0] = 1
    a, b = recording(coarse), recording(fine, dt=1e-4)
    assert spike_differences(a, b)[0] == 0
    fine[9, 0, 0] = 1
    assert spike_differences(a, recording(fine, dt=1e-4))[0] == 1


def busy(samples, encoding=None, hidden=200):
    """Return a network whose every neuron fires often, and data for it."""
    fire = neuron_model("if", theta=0.05)
    net = SpikingNetwork.sequential(
        (6,), [Dense(hidden, fire), Dense(3, fire)], encoding=encoding or Current(20), seed=3
    )
    x = np.random.default_rng(5).random((samples, 6))
    return net, from_arrays("busy", x, np.arange(samples) % 3)


@pytest.fixture
def memory():
    before = prefs["brianbridge.memory"]
    yield lambda megabytes: prefs.__setitem__("brianbridge.memory", megabytes)
    prefs["brianbridge.memory"] = before


#: The first two fire so much that bits take less than events, the third seldom.
@pytest.mark.parametrize("encoding", [Current(20), Bernoulli(20, seed=3), Latency(200)])
def test_parts_of_a_twin_run_are_those_of_the_whole(memory, encoding):
    net, data = busy(1100, encoding, hidden=40)
    whole = to_torch(net).record(data.x)
    for megabytes, threads in ((256, 1), (256, 2), (0.1, 2)):
        memory(megabytes)
        run = TwinRun(net, data.x, threads=threads)
        np.testing.assert_array_equal(run.outcome.output, whole.output)
        assert not any(len(e) for e in run.outcome.all_events.values())
        for low, high in ((0, 3), (480, 520), (499, 1001), (1099, 1100), (0, 1100)):
            part = run.part(low, high)
            for name in ("hidden", "output"):
                np.testing.assert_array_equal(part.spikes[name], whole.spikes[name][:, low:high])
            assert part.shapes == whole.shapes
            assert part.dt == whole.dt
        events = {name: int(a.events.sum()) for name, a in run.activity.items()}
        assert events == {name: len(whole.events(name)) for name in events}


def test_threads_of_a_twin_leave_torch_and_brian2_as_they_were(memory, monkeypatch):
    monkeypatch.setattr(twin_run, "_SAMPLES", 5)
    net, data = busy(43)
    before = torch.get_num_threads()
    device = brian2.get_device()
    torch.set_num_threads(2)
    try:
        for _ in range(5):
            TwinRun(net, data.x, threads=4)
        assert torch.get_num_threads() == 2
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 2
        assert brian2.get_device() is device
        with pytest.raises(RuntimeError, match="stop"):
            TwinRun(net, data.x, raising, threads=4)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def raising(block):
    raise RuntimeError("stop")


def test_a_network_in_which_nothing_fires_is_verified():
    layers = [Dense(3, neuron_model("lif"))]
    net = SpikingNetwork.sequential((6,), layers, encoding=Current(20), readout="potential")
    data = from_arrays("d", np.random.default_rng(0).random((60, 6)), np.arange(60) % 3)
    assert verify(net, data).rungs[0].accuracy == verify(net, data).twin.accuracy


def test_traces_count_where_blocks_run_at_once(memory):
    layers = [Dense(10, neuron_model("if")), Dense(2000, neuron_model("lif"))]
    net = SpikingNetwork.sequential((6,), layers, encoding=Current(50), readout="potential")
    run = TwinRun(net, np.zeros((1, 6)))
    assert run._bytes(["output.v"]) > 500 * 50 * 2000 * 8 > run._bytes([])


def test_the_verdict_does_not_depend_on_memory(memory):
    net, data = busy(700, hidden=50)
    found = []
    for megabytes, kept in ((256, 2), (0.03, 1)):
        memory(megabytes)
        assert len(TwinRun(net, data.x)._kept) == kept  # of two blocks; the other one runs again
        verdict = verify(net, data)
        found.append([asdict(replace(rung, seconds=0)) for rung in verdict.rungs])
    assert found[0] == found[1]
    assert found[0][0]["spike_mismatches"] == 0


def test_memory_does_not_grow_with_samples(memory, monkeypatch):
    memory(0.15)  # for what is simulated at once
    # What has limits of its own would hide what has none: the twin remembers no spikes and runs
    # small blocks, one thread simulates, and no pairs of trains are compared.
    monkeypatch.setattr(workers, "cores", lambda: 1)
    monkeypatch.setattr(twin_run, "memory_budget", lambda: 0)
    monkeypatch.setattr(twin_run, "_SAMPLES", 50)
    monkeypatch.setattr(tasks, "TRAINS", 0)

    def peak(samples):
        net, data = busy(samples, hidden=100)
        verify(net, data.subset(np.arange(10)))  # what is compiled once
        tracemalloc.start()
        verify(net, data)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    # 600 samples of 100 neurons with a spike in nearly every step: 13 MB of events.
    assert peak(600) < 1.2 * peak(200)


def test_a_population_that_never_fires_has_a_latency(memory):
    """A chunk without any spike: NumPy's `bincount` of nothing is of integers, whatever weights."""
    net, data = busy(4)
    silent = replace(data, x=data.x * 0)
    verdict = verify(net, silent)
    assert verdict.rungs[0].spike_mismatches == 0
    nothing = Events.from_raster(np.zeros((2, 1, 3)), 1e-3)
    assert nothing.to_raster(2, 1, 3).dtype == nothing.counts(1, 3).dtype == np.float64
