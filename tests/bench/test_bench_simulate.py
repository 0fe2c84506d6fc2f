"""The benchmark compares what it times, says what it measured, and fails where paths differ."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from brianbridge.bench import contestants, scaling
from brianbridge.bench import simulate as bench
from brianbridge.bench.contestants import CONTESTANTS
from brianbridge.bench.report import as_markdown, write_report
from brianbridge.bench.simulate import DifferentSpikesError, bench_simulate
from brianbridge.cli import main
from brianbridge.datasets import from_arrays
from brianbridge.encoding import Bernoulli, Current
from brianbridge.io.networks.file import save_network
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model

DATA = from_arrays("mine", np.random.default_rng(0).random((6, 5)), np.arange(6) % 2)
#: Those that compile nothing; the long runs are tested in the slow test.
QUICK = [name for name in CONTESTANTS if "one" not in name]


def network(encoding=None) -> SpikingNetwork:
    layers = [Dense(4, neuron_model("if")), Dense(2, neuron_model("if"))]
    net = SpikingNetwork.sequential((5,), layers, encoding=encoding or Bernoulli(6))
    return net.with_weights(
        {
            p.name: (np.full(p.weight.shape, 0.375), np.full(len(p.weight), 0.125))
            for p in net.projections
        }
    )


@pytest.fixture
def quick(monkeypatch):
    for name in set(CONTESTANTS) - set(QUICK):
        monkeypatch.delitem(CONTESTANTS, name)


@pytest.mark.usefixtures("quick")
def test_every_contestant_has_a_row_and_a_ratio(tmp_path):
    result = bench_simulate(network(), DATA, samples=10, divisors=(1, 10), scaling=False)
    rows = {(row["name"], row["dt_ms"]) for row in result["rows"]}
    assert {name for name, dt in rows if dt == 1} == {*QUICK, "bare accumulation"}
    assert {name for name, dt in rows if dt == 0.1} == {n for n in QUICK if "twin" not in n}
    assert all(row["seconds"] > 0 for row in result["rows"])
    assert len(result["ratios"]) == len(rows) - 2
    # Each ratio is to the batched path beside its own row, not to the first one.
    ratios = {(r["name"], r["dt_ms"]): r["ratio"] for r in result["ratios"]}
    for row in result["rows"]:
        if row["name"] != "batched":
            expected = row["seconds"] / row["batched_seconds"]
            assert ratios[row["name"], row["dt_ms"]] == expected
    result["provenance"]["command"] = "a command"
    for path in write_report(result, tmp_path):
        assert path.stat().st_size > 500
    assert json.loads((tmp_path / "simulate.json").read_text())["samples"] == 10
    text = as_markdown(result)
    assert "Seconds for 10 samples" in text
    assert "| reference, replicated |" in text


@pytest.mark.usefixtures("quick")
def test_a_path_with_other_spikes_ends_the_benchmark(monkeypatch):
    reference, limits = CONTESTANTS["reference, replicated"]

    def wrong(*arguments):
        outcome = reference(*arguments)
        events = outcome.events["hidden"]
        late = replace(events, step=np.where(np.arange(len(events)) == 3, 0, events.step))
        late = replace(late, node=np.where(np.arange(len(events)) == 3, 99, events.node))
        return replace(outcome, events={**outcome.events, "hidden": late})

    monkeypatch.setitem(CONTESTANTS, "reference, replicated", (wrong, limits))
    with pytest.raises(
        DifferentSpikesError, match=r"'reference, replicated'.*2 spikes of 'hidden'"
    ):
        bench_simulate(network(), DATA, samples=10, divisors=(1,), scaling=False)


@pytest.mark.usefixtures("quick")
def test_the_command_exits_1_where_spikes_differ(monkeypatch, tmp_path, capsys):
    save_network(network(), tmp_path / "network.h5")
    monkeypatch.setattr("brianbridge.study.data.split_of", lambda *_, **__: (None, DATA))

    def differ(*_, **__):
        raise DifferentSpikesError("'a' and the batched path differ")

    monkeypatch.setattr(bench, "bench_simulate", differ)
    command = ["bench", "simulate", str(tmp_path / "network.h5"), "--data", "mine"]
    assert main(command) == 1
    assert "differ" in capsys.readouterr().err
    assert main([*command, "--samples", "0"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("encoding", [Bernoulli(6), Current(6)])
def test_the_long_runs_have_the_same_spikes(encoding):
    result = bench_simulate(network(encoding), DATA, samples=10, divisors=(1, 10), scaling=False)
    assert len(result["rows"]) == 2 * len(CONTESTANTS) - 2 + 1


def test_scaling_and_memory_are_told():
    result = {
        "samples": 10, "rows": [], "ratios": [], "input_spikes_per_sample": 1.0,
        "scaling": {"samples": [{"samples": 1000, "seconds": 0.5, "ns_per_operation": 0.25}]},
        "peak_memory_mb": 12.3, "bytes_per_spike": 5.5,
        "provenance": {"machine": {"cores": 2, "processor": "x"}, "versions": {}, "date": "today",
                       "dataset": "mine"},
    }  # fmt: skip
    text = as_markdown(result)
    assert "1,000: 0.50 s and 0.250 ns an operation" in text
    assert "5.5 bytes" in text
    assert "12 MB" in text


def test_short_work_is_repeated():
    calls: list[int] = []
    seconds, last = contestants.timed(lambda: calls.append(1) or len(calls))
    assert (len(calls), last) == (3, 3)
    assert seconds >= 0


def test_growth_alone_has_no_contestants(monkeypatch, tmp_path):
    point = {"seconds": 0.5, "ns_per_operation": 0.25, "measured_samples": 3}
    monkeypatch.setattr(bench, "scaling_of", lambda *_: {"steps": [{"steps": 10, **point}]})
    monkeypatch.setattr(bench, "bytes_per_spike", lambda *_: 5.5)
    result = bench_simulate(network(), DATA, samples=10, divisors=())
    assert result["rows"] == []
    for path in write_report(result, tmp_path):
        assert path.stat().st_size > 500
    assert "Batched path over steps: 10: 0.50 s" in as_markdown(result)


def test_an_operation_is_a_synaptic_event_or_an_update():
    given = network().encoding.encode(DATA.x, np.arange(6))
    point = scaling._point("samples", 6, network(), given, lambda line: None)
    # 5 inputs onto 4 neurons, these onto 2, and 6 neurons that are updated in 6 steps.
    outcome = contestants.CONTESTANTS["batched"][0](network(), given, 1e-3)
    spikes = given.raster.sum() * 4 + len(outcome.events["hidden"]) * 2
    operations = spikes + 6 * 6 * 6
    assert point["ns_per_operation"] == pytest.approx(1e9 * point["seconds"] / operations)
