"""Threads share the chunks of the batched path, and leave no trace."""

from __future__ import annotations

import threading
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from batched_networks import LIF, X, assert_same, looped, one_layer, rooted
from brian2 import prefs

from brianbridge.encoding import Bernoulli, Current
from brianbridge.network import Dense, Recurrent, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.recording import Recording
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.batched import workers
from brianbridge.simulation.batched.assembly import SMALL
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch


@pytest.mark.parametrize("readout", ["counts", "potential"])
@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_threads_do_not_matter(batch_size, readout):
    network, record = looped(readout=readout), ("spikes", "v", "t_crossing")
    one, *others = (
        simulate(network, X, record=record, backend=Backend(threads=threads, batch_size=batch_size))
        for threads in (1, 2, 3, 50)
    )
    for more in others:
        assert_same(more, one, rtol=0)
        for name in one.shapes:
            for column in ("sample", "node", "step", "value", "t_crossing"):
                found, expected = (getattr(r.events(name), column) for r in (more, one))
                np.testing.assert_array_equal(found, expected)


def test_threads_do_not_matter_where_neurons_are_stepped_by_compiled_loops():
    network = SpikingNetwork.sequential(
        (30,), [Dense(200, LIF), Recurrent(), Dense(10, neuron_model("lif"))], encoding=Bernoulli(8)
    )
    x = np.random.default_rng(0).uniform(0, 1, (250, 30))
    assert SMALL < 125 * 200
    one, two = (
        simulate(network, x, record=("v",), backend=Backend(threads=n, batch_size=125))
        for n in (1, 2)
    )
    assert_same(two, one, rtol=0)
    twin = to_torch(network, dtype=torch.float64).record(x)
    np.testing.assert_array_equal(twin.spikes["hidden"], one.spikes["hidden"])


def test_chunks_of_several_threads_are_handed_on_in_order():
    seen: list[np.ndarray] = []
    whole = simulate(
        looped(),
        X,
        backend=Backend(threads=3, batch_size=1),
        on_chunk=lambda part: seen.append(part.output),
    )
    np.testing.assert_array_equal(np.concatenate(seen), whole.output)


@pytest.mark.parametrize("threads", [0, -1, 1.5])
def test_threads_that_there_are_not(refused, threads):
    with refused(f"threads = {threads}", "at least 1"):
        simulate(looped(), X, backend=Backend(threads=threads))


def broken(part: Recording) -> None:
    raise RuntimeError("the disk is full")


@pytest.mark.parametrize(
    ("options", "batch_size", "error"),
    [
        ({}, 2, None),
        ({"on_chunk": broken}, 3, "disk is full"),
        ({"nan": 1}, 1, "not a number"),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_settings_are_restored(options, batch_size, error, threads):
    prefs["codegen.target"] = "auto"
    before = {name: prefs[name] for name in prefs}
    running = threading.active_count()
    network, x = (one_layer(rooted(), Current(8)), np.ones((2, 2))) if "nan" in options else (
        looped(), X,
    )  # fmt: skip
    options = {key: value for key, value in options.items() if key != "nan"}
    backend = Backend(dtype=np.float32, threads=threads, batch_size=batch_size)
    with pytest.raises(Exception, match=error) if error else nullcontext():
        simulate(network, x, backend=backend, **options)
    assert {name: prefs[name] for name in prefs} == before
    assert threading.active_count() == running
    # And the next run works.
    assert simulate(looped(), X, backend=Backend(batch_size=3)).samples == 7


def test_threads_are_started_where_they_are_worth_their_set_up(monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: 4)
    network = SpikingNetwork.sequential((30,), [Dense(200, LIF)], encoding=Bernoulli(8))
    expected = {10: 1, 9_000: 1, 20_000: 2, 30_000: 3, 10**9: 4}
    assert {n: workers.worthwhile_threads(network, n) for n in expected} == expected
