"""Large networks: nothing is sorted or copied without need, and results stay the same."""

from __future__ import annotations

import gc
import logging
import tracemalloc

import numpy as np
import pytest
from brian2 import Hz, Network, NeuronGroup, PoissonGroup, SpikeMonitor, Synapses, ms

import brianbridge as bb
from brianbridge import blame
from brianbridge.connections import Sparse
from brianbridge.network import Projection
from brianbridge.simulation.batched import assembly, kernels, listed
from brianbridge.simulation.batched.delivery import delivery
from brianbridge.simulation.batched.spikes import SpikeList
from brianbridge.simulation.event_store import EventStore

LEAKY = "dv/dt = (b - v)/(10*ms) : 1 (unless refractory)\nb : 1"


def mine(count: int = 60) -> tuple[Network, SpikeMonitor]:
    draw = np.random.default_rng(3)
    cells = NeuronGroup(
        count, LEAKY, threshold="v > 1", reset="v = 0", refractory=1.2 * ms, method="exact",
        name="cells",
    )  # fmt: skip
    cells.v, cells.b = draw.random(count), 0.8 + 0.8 * draw.random(count)
    wires = Synapses(cells, cells, "w : 1", on_pre="v_post += w", delay=0.7 * ms, name="wires")
    wires.connect(i=draw.integers(0, count, 900), j=draw.integers(0, count, 900))
    wires.w = 0.1 * draw.standard_normal(900)
    monitor = SpikeMonitor(cells, name="monitor")
    return Network(cells, wires, monitor), monitor


@pytest.mark.parametrize("worth", [0, 10**9])
def test_compiled_or_not_the_spikes_are_those_of_plain_brian2(
    monkeypatch: pytest.MonkeyPatch, worth: int
) -> None:
    monkeypatch.setattr(assembly, "_WORTH", worth)
    network, monitor = mine()
    net = bb.from_brian2(network, steps=40 * ms)
    network.run(40 * ms)
    found = bb.simulate(net, None).events("cells").sorted()
    step = np.rint(np.asarray(monitor.t_[:]) / 1e-4)
    order = np.lexsort((monitor.i[:], step))
    assert len(found) > 100
    np.testing.assert_array_equal(found.step, step[order])
    np.testing.assert_array_equal(found.node, np.asarray(monitor.i[:])[order])


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [300, 9000])
def test_few_and_many_synapses_are_added_up_alike(graded: bool, masked: bool, size: int) -> None:
    draw, number = np.random.default_rng(5), 9000
    source, target = draw.integers(0, 40, number), draw.integers(0, size, number)
    weight = draw.standard_normal(number)
    start, node = np.array([0, 3, 3, 5]), np.array([1, 4, 39, 0, 7], np.int32)
    value = draw.standard_normal(5) if graded else np.empty(0)
    mask = draw.random(3 * size) < 0.5 if masked else kernels.NO_MASK
    way = delivery(Projection("a", "b", weight, connection=Sparse(source, target)), (40,), (size,))
    begin = draw.standard_normal((3, size))
    found, expected = begin.copy(), begin.copy()
    for _ in range(2):  # what the first call leaves behind must not matter
        way.add(found, SpikeList(start, node, value), mask)
        for b in range(3):
            total = np.zeros(size)
            for k in range(start[b], start[b + 1]):
                own = source == node[k]
                scale = value[k] if graded else 1.0
                np.add.at(total, target[own], scale * weight[own])
            open_ = mask.reshape(3, size)[b] if masked else slice(None)
            expected[b, open_] += total[open_]
    np.testing.assert_array_equal(found, expected)


def test_synapses_are_sorted_once_and_only_if_they_have_to_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sorts: list[int] = []
    place = listed._place
    monkeypatch.setattr(listed, "_place", lambda *a: (sorts.append(len(a[0])), place(*a))[1])
    network, _ = mine()
    net = bb.from_brian2(network, steps=5)
    for _ in range(3):
        bb.simulate(net, None)
    assert sorts == [900]
    weight, ends = np.ones(3), (np.array([0, 1, 1]), np.array([2, 1, 0]))
    way = delivery(Projection("a", "b", weight, connection=Sparse(*ends)), (2,), (3,))
    assert sorts == [900]
    assert np.shares_memory(way.weight, weight)  # type: ignore[attr-defined]


def test_lists_of_synapses_are_told_apart_and_take_32_bits() -> None:
    one, other = Sparse([0, 1], [1, 0]), Sparse([0, 1], [0, 1])
    assert one != other
    assert {one: 1, other: 2}[one] == 1
    assert one.source.dtype == np.int32
    assert Sparse([2**31], [0]).source.tolist() == [2**31]


def test_recorded_spikes_take_memory_for_spikes_alone() -> None:
    store = EventStore(10, 1e-3, graded=True, crossing=False)
    raster = np.zeros((3000, 2, 10))
    draw = np.random.default_rng(1)
    for step in range(0, 3000, 3):
        fired = np.sort(draw.choice(20, 4, replace=False)).astype(np.int32)
        value = draw.random(4)
        store.append(step, fired, value)
        raster[step].reshape(-1)[fired] = value
    assert len(store) == 4000
    both = store.events(2)
    np.testing.assert_array_equal(both.to_raster(3000, 2, 10), raster)
    first = store.events(1)
    np.testing.assert_array_equal(first.to_raster(3000, 1, 10), raster[:, :1])
    assert both.nbytes == 4000 * (3 * 4 + 8)
    store.clear()
    assert not len(store.events(2))
    assert len(both) == 4000


@pytest.mark.parametrize("timing", ["start", "uniform"])
def test_input_that_is_drawn_by_blocks_is_that_of_the_whole(monkeypatch, timing) -> None:
    net = bb.SpikingNetwork.sequential(
        (30,), [bb.Dense(8, bb.neuron_model("lif"))], encoding=bb.encodings.Poisson(60, rate=200.0)
    )
    x = np.random.default_rng(1).random((5, 30))
    options = {"dt": net.dt / 2, "timing": timing, "seed": 1}
    whole = bb.simulate(net, x, backend=bb.Backend(batch_size=3, threads=1), **options)
    monkeypatch.setattr("brianbridge.encoding.blocks._BLOCK", 700)
    found = bb.simulate(net, x, backend=bb.Backend(batch_size=3, threads=1), **options)
    reference = bb.simulate(net, x, backend=bb.Backend(path="reference"), **options)
    assert whole.counts["output"].any()
    for other in (found, reference):
        np.testing.assert_array_equal(other.spikes["output"], whole.spikes["output"])


def test_a_background_takes_no_memory_for_every_step(tmp_path) -> None:
    def peak(steps: int) -> int:
        noise = PoissonGroup(400, 20 * Hz, name="noise")
        cells = NeuronGroup(5, LEAKY, threshold="v > 1", reset="v = 0", method="exact")
        wires = Synapses(noise, cells, on_pre="v_post += 0.1")
        wires.connect(p=0.2)
        net = bb.from_brian2(Network(noise, cells, wires), steps=steps)
        bb.simulate(net, None, spikes=tmp_path / "warm.h5")  # what is compiled once
        tracemalloc.start()
        bb.simulate(net, None, spikes=tmp_path / f"{steps}.h5")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        (tmp_path / "warm.h5").unlink()
        return found

    # The whole raster of 16,000 steps would take 6 MB, its random numbers 51 MB.
    assert peak(16_000) < 1.1 * peak(8_000)


def test_brian2_warns_of_unused_objects_but_not_of_those_that_were_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def build(name: str, read: bool) -> None:
        group = NeuronGroup(2, LEAKY, threshold="v > 1", reset="v = 0", method="exact", name=name)
        wires = Synapses(group, group, "w : 1", on_pre="v_post += w", name=f"{name}_wires")
        wires.connect()
        if read:
            bb.from_brian2([group, wires], steps=5)

    logger = logging.getLogger("brian2")
    logger.addHandler(caplog.handler)
    try:
        for name, read in (("read_only", True), ("never_used", False)):
            build(name, read)
            gc.collect()
    finally:
        logger.removeHandler(caplog.handler)
    unused = [text for text in caplog.messages if "never included" in text]
    assert len(unused) == 2
    assert all("'never_used" in text for text in unused)


def test_objects_that_were_read_are_not_remembered_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blame, "_used", {("first", ""): None})
    monkeypatch.setattr(blame, "_MOST_USED", 50)
    for number in range(20):
        name = f"cells_{number}"
        blame.count_as_used([NeuronGroup(2, LEAKY, threshold="v > 1", reset="v = 0", name=name)])
    assert len(blame._used) == 50
    assert "cells_19" in {name for name, _ in blame._used}
