"""When first spikes decide: cases made by hand, parts that add up, and a network in Brian2."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from brianbridge.datasets import from_arrays
from brianbridge.encoding import Bernoulli, Current, Latency
from brianbridge.ladder.rungs import Rung
from brianbridge.ladder.verify import verify
from brianbridge.measures.classification import accuracy
from brianbridge.measures.decision import Decision
from brianbridge.measures.first_spikes import FirstSpikeComparison, order_changed
from brianbridge.measures.spike_counts import input_spikes_by_step
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.network.readouts.first_spike import first_spike_output
from brianbridge.neurons.library import neuron_model
from brianbridge.recording import Events, Recording
from brianbridge.simulation.simulate import simulate
from brianbridge.study import read_study, run_study
from brianbridge.study.summary import _mean
from brianbridge.twin.network import to_torch

DT = 1e-3


def recording(first, steps=8, coarse=1, hidden=None, at_spike=0.0, at_end=0.0):
    """Return a run whose output neurons fire once, at steps `first`; `steps` is never."""
    first, at_spike, at_end = (np.array(v, dtype=float) for v in (first, at_spike, at_end))
    rasters = {"hidden": np.zeros((steps, len(first), 1)) if hidden is None else hidden}
    rasters["output"] = (np.arange(steps)[:, None, None] == first).astype(float)
    dt = DT / coarse
    return Recording(
        dt, steps, len(first), {name: raster.shape[2:] for name, raster in rasters.items()},
        {name: Events.from_raster(raster, dt) for name, raster in rasters.items()},
        first_spike_output(first / coarse, at_spike, at_end, steps // coarse, 1 / coarse),
    )  # fmt: skip


def test_time_and_silence():
    run = recording([[3, 5, 8], [8, 8, 8], [8, 8, 0]])
    found = Decision.of(run, "output", np.array([0, 0, 2]))
    assert (found.samples, found.undecided, found.steps) == (3, 1, 3)
    # The start of the step, as Brian2 stamps it, and a mean over the two that were decided.
    assert found.decision_time == pytest.approx(1.5e-3)
    assert found.to_dict()["input_spikes_until_decision"] is None


def test_nothing_decided():
    found = Decision.of(recording([[8, 8], [8, 8]]), "output", np.array([0, 1])).to_dict()
    assert found["decision_time"] is None
    assert (found["undecided"], found["ties"]) == (2, 0)
    json.dumps(found, allow_nan=False)


def test_ties_count_as_right_and_silence_goes_by_the_potential():
    # Neuron 1 is the highest, at the spike and at the end.
    run = recording([[2, 2, 8], [2, 3, 2], [4, 5, 5], [8, 8, 8], [8, 8, 8]], at_spike=[0, 1, 0],
                    at_end=[0, 1, 0])  # fmt: skip
    labels = np.array([0, 1, 0, 1, 0])
    found = Decision.of(run, "output", labels)
    assert (found.ties, found.right) == (2, 3)
    assert found.to_dict()["accuracy_ties_right"] == 0.6
    assert found.to_dict()["ties"] == 0.4
    assert accuracy(run, labels) == 0.4


def test_a_label_that_no_neuron_stands_for_is_wrong():
    assert Decision.of(recording([[1, 1], [8, 8]]), "output", np.array([7, 7])).right == 0


def test_spikes_until_the_decision():
    hidden = np.zeros((8, 3, 2))
    hidden[[0, 3, 4], 0, 0] = 1  # two of three until the decision, that of the step itself too
    hidden[3, 0, 1] = -2  # a spike of whatever value counts once
    hidden[[6, 7], 1, 0] = 1  # undecided: all of them
    hidden[5, 2, 1] = 1  # after the decision
    run = recording([[3, 5], [8, 8], [4, 3]], hidden=hidden)
    inputs = np.zeros((3, 8), int)
    inputs[:, [0, 3, 4, 7]] = 1, 10, 100, 1000
    found = Decision.of(run, "output", np.zeros(3, int), inputs)
    assert found.spikes == {"hidden": 3 + 2, "output": 1 + 0 + 1}
    assert (found.input_spikes, found.all_input_spikes) == (11 + 1111 + 11, 3 * 1111)
    # In steps ten times finer: inputs fall on the start of their coarse step.
    fine = recording([[39, 50], [80, 80], [40, 30]], steps=80, coarse=10)
    assert Decision.of(fine, "output", np.zeros(3, int), inputs).input_spikes == 11 + 1111 + 11
    assert Decision.of(fine, "output", np.zeros(3, int)).decision_time == pytest.approx(34.5e-4)


@pytest.mark.parametrize(
    ("before", "after", "order", "rank"),
    [
        ([1, 3, 8], [10, 30, 80], 0, 0),
        ([1, 3, 8], [30, 10, 80], 1, 1),  # inverted
        ([1, 3, 8], [19, 31, 80], 0, 0),  # later, in the same order
        ([2, 2, 8], [29, 21, 80], 0, 0),  # a tie comes out in any order
        ([2, 2, 8], [29, 31, 80], 0, 1),  # ... but not in the same coarse step
        ([2, 3, 8], [30, 39, 80], 0, 1),  # the order is kept, within one coarse step
        ([2, 3, 8], [39, 31, 80], 1, 1),  # ... or lost within it
        ([2, 3, 8], [35, 35, 80], 1, 1),  # became a tie
        ([2, 8, 8], [80, 25, 80], 1, 1),  # another one fired
        ([2, 8, 8], [20, 25, 80], 0, 1),  # one more fired, later
        ([8, 8, 8], [80, 80, 80], 0, 0),
        ([3, 1, 2, 2, 8], [31, 10, 29, 20, 80], 0, 0),
        ([3, 1, 2, 2, 8], [28, 10, 29, 20, 80], 1, 1),
    ],
)
def test_orders(before, after, order, rank):
    found = FirstSpikeComparison.of(recording([before]), recording([after], 80, 10), "output")
    assert (found.order_mismatches, found.rank_mismatches) == (order, rank)


def test_an_order_is_lost_where_any_pair_says_so():
    generator = np.random.default_rng(1)
    before, after = generator.integers(0, 5, (2, 3000, 4))
    after[:1500] = before[:1500] * 3 + generator.integers(0, 5, (1500, 4))
    earlier, still = (t[:, :, None] < t[:, None, :] for t in (before, after))
    expected = (earlier & ~still).any((1, 2))
    assert 0.1 < expected[:1500].mean() < 0.8
    np.testing.assert_array_equal(order_changed(before, after), expected)


def test_differences_of_times():
    hidden = np.zeros((8, 2, 2))
    hidden[[2, 5], 0, 0] = hidden[4, 1, 1] = hidden[1, 1, 0] = 1
    fine = np.zeros((80, 2, 2))
    fine[[23, 30], 0, 0] = fine[39, 1, 1] = fine[7, 0, 1] = 1
    one = recording([[3, 8], [0, 1]], hidden=hidden)
    other = recording([[30, 80], [0, 80]], 80, 10, hidden=fine)
    found = FirstSpikeComparison.of(one, other, "output").to_dict()
    # 2.3 - 2 and 3.9 - 4 steps in the hidden layer, none in the output.
    assert found["fired_in_both"] == 4
    assert found["fired_in_one_only"] == 3
    assert found["mean_time_difference"] == pytest.approx(0.1)
    assert found["max_time_difference"] == pytest.approx(0.3)


def test_no_time_to_compare():
    found = FirstSpikeComparison.of(recording([[8]]), recording([[8]]), "output").to_dict()
    assert found["mean_time_difference"] is found["max_time_difference"] is None


@pytest.mark.parametrize("with_input", [True, False])
def test_parts_add_up_to_the_whole(with_input):
    generator = np.random.default_rng(6)
    twin = recording(generator.integers(4, 9, (50, 3)), hidden=generator.random((8, 50, 4)) < 0.1)
    fine = recording(
        generator.integers(40, 90, (50, 3)).clip(max=80), 80, 10,
        hidden=generator.random((80, 50, 4)) < 0.01,
    )  # fmt: skip
    labels = generator.integers(0, 3, 50)
    inputs = generator.integers(0, 9, (50, 8)) if with_input else None

    def of(low, high):
        one, other = twin.of_samples(low, high), fine.of_samples(low, high)
        given = None if inputs is None else inputs[low:high]
        return (
            FirstSpikeComparison.of(one, other, "output"),
            *(Decision.of(run, "output", labels[low:high], given) for run in (one, other)),
        )

    whole = of(0, 50)
    assert whole[0].order_mismatches > 5
    assert whole[1].undecided > 0
    for parts in ([0, 20, 50], [0, 1, 2, 49, 50]):
        low, *rest = (of(a, b) for a, b in pairwise(parts))
        for more in rest:
            low = tuple(a + b for a, b in zip(low, more, strict=True))
        assert low == whole


@pytest.mark.parametrize("encoding", [Latency(6), Bernoulli(6, seed=2)])
def test_input_spikes_by_step(monkeypatch, encoding):
    net = SpikingNetwork.sequential((2, 3), [Dense(2, neuron_model("if"))], encoding=encoding)
    x = np.random.default_rng(3).random((11, 2, 3))
    expected = encoding.encode(x, np.arange(11)).raster.astype(bool).sum((2, 3)).T
    for block in (1, 100, 10_000):
        monkeypatch.setattr("brianbridge.measures.spike_counts._BLOCK", block)
        np.testing.assert_array_equal(input_spikes_by_step(net, x), expected)


# ---------------------------------------------------------------------- in Brian2


def network(model="single_spike_if", encoding=None, **parameters):
    once = neuron_model(model, **parameters)
    layers = [Dense(30, once, bias=False), Dense(4, once, bias=False)]
    return SpikingNetwork.sequential(
        (12,), layers, encoding=encoding or Latency(16), readout="first_spike", weight_gain=4.0,
        seed=2,
    )  # fmt: skip


X = np.random.default_rng(4).random((40, 12))
X[:8, 2:] = 0  # silent inputs, too few spikes for some decisions
DATA = from_arrays("mine", X, np.arange(40) % 4)
SAME = (
    "undecided", "spikes_until_decision", "input_spikes_until_decision",
    "input_spikes_per_sample", "ties", "accuracy_ties_right",
)  # fmt: skip


def test_spikes_without_leak_keep_their_times_at_any_step():
    verdict = verify(network(), DATA)
    twin = verdict.twin.decision
    assert 0 < twin["undecided"] < 20
    assert 0 < twin["ties"] < 0.5
    assert verdict.twin.accuracy < twin["accuracy_ties_right"]
    for rung in verdict.rungs:
        found = rung.decision
        assert found["decision_time"] == pytest.approx(twin["decision_time"], rel=1e-12)
        assert [found[key] for key in SAME] == [twin[key] for key in SAME]
        assert found["order_mismatches"] == found["rank_mismatches"] == 0
        assert found["fired_in_one_only"] == 0
        assert found["fired_in_both"] > 400
        assert found["max_time_difference"] <= 1e-9
        for name, spikes in found["spikes_until_decision"].items():
            assert spikes < rung.spikes_per_sample[name]
    entry = json.loads(verdict.to_json())
    assert entry["rungs"][1]["decision"] == verdict.rungs[1].decision
    assert entry["twin"]["decision"] == twin


def test_numbers_are_those_of_whole_recordings():
    net = network()
    twin, fine = to_torch(net).record(X), simulate(net, X, dt=net.dt / 10)
    first = np.where(twin.spikes["output"].any(0), twin.spikes["output"].argmax(0), 16)
    when = first.min(1)
    found = (
        verify(net, DATA, [Rung(name="dt/10", perturb={"finer_dt": {"divisor": 10}})])
        .rungs[0]
        .decision
    )
    assert found["decision_time"] == pytest.approx(when[when < 16].mean() * net.dt)
    hidden = [twin.spikes["hidden"][: w + 1, s].sum() for s, w in enumerate(when)]
    assert found["spikes_until_decision"]["hidden"] == pytest.approx(np.mean(hidden))
    raster = net.encoding.encode(X, np.arange(40)).raster
    inputs = [raster[: w + 1, s].sum() for s, w in enumerate(when)]
    assert found["input_spikes_until_decision"] == pytest.approx(np.mean(inputs))
    assert FirstSpikeComparison.of(twin, fine, "output").difference == 0


def test_a_current_is_crossed_within_the_step():
    verdict = verify(network(encoding=Current(16)), DATA)
    parity, fine = (rung.decision for rung in verdict.rungs)
    assert parity["input_spikes_until_decision"] is None
    assert parity["max_time_difference"] == 0
    # Hidden neurons reach their threshold within a step, and are seen to at the finer one.
    assert 0 < fine["mean_time_difference"] <= fine["max_time_difference"]
    assert fine["decision_time"] != parity["decision_time"]


def test_the_chunks_of_a_run_add_up(monkeypatch):
    whole = verify(network(), DATA)
    monkeypatch.setattr("brianbridge.ladder.twin_run._SAMPLES", 7)

    def in_chunks(*arguments, backend, **options):
        return simulate(*arguments, **options, backend=replace(backend, batch_size=9))

    monkeypatch.setattr("brianbridge.simulation.simulate.simulate", in_chunks)
    parts = verify(network(), DATA)
    assert parts.twin == whole.twin
    assert [r.decision for r in parts.rungs] == [r.decision for r in whole.rungs]


def test_a_baseline_decides_too_and_other_readouts_do_not():
    other = SpikingNetwork.sequential((12,), [Dense(4, neuron_model("if"))], encoding=Latency(16))
    verdict = verify(other, DATA, baseline=network())
    assert verdict.twin.decision is None
    assert all(rung.decision is None for rung in verdict.rungs)
    assert verdict.baseline.decision["undecided"] > 0
    assert "decided after" not in str(verdict.table().caption)


def test_a_line_for_each_rung():
    table = verify(network(), DATA).table()
    lines = [line for line in str(table.caption).splitlines() if "decided after" in line]
    assert [line.split(":")[0] for line in lines] == [
        "torch twin", "Brian2, parity", "Brian2, dt/10",
    ]  # fmt: skip
    assert ["orders differ" in line for line in lines] == [False, True, True]


STUDY = """
title = "Digits by first spikes, in a hurry"
seed = 1
[dataset]
name = "digits"
folds = 2
[network]
encoding = { kind = "latency", steps = 16 }
readout = "first_spike"
weight_gain = 4.0
layers = [{ units = 10, neuron = "single_spike_if", bias = false }]
[rule]
name = "first_spike"
[training]
epochs = 1
[verification]
samples = 20
"""


def test_a_study_tells_it_in_its_summary(tmp_path):
    (tmp_path / "hurry.toml").write_text(STUDY)
    summary = run_study(read_study(str(tmp_path / "hurry.toml")), tmp_path / "out", spikes=False)
    verdict = json.loads((tmp_path / "out/fold1/verdict.json").read_text())
    for rung in verdict["rungs"]:
        name, found, part = rung["name"], rung["decision"], summary["parts"][1]
        assert part[f"{name}_decision_time_ms"] == pytest.approx(1e3 * found["decision_time"])
        assert part[f"{name}_spikes_until_decision"] == found["spikes_until_decision"]["output"]
        for key in ("accuracy_ties_right", "ties", "undecided", "order_mismatches"):
            assert part[f"{name}_{key}"] == found[key]
    times = [part["parity_decision_time_ms"] for part in summary["parts"]]
    assert summary["mean"]["parity_decision_time_ms"] == pytest.approx(np.mean(times))


def test_a_mean_is_over_the_folds_that_decided():
    parts = [{"time": None}, {"time": 3.0}]
    assert _mean(parts, "time") == 3
    assert _mean(parts[:1], "time") is None
