"""The result of a shard does not depend on how its samples were batched."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import prefs

import brianbridge as bb
from brianbridge.encoding import Current
from brianbridge.ladder.tasks import Shards
from brianbridge.recording import Events, Recording
from brianbridge.sweep.fingerprint import fingerprint
from brianbridge.sweep.result_file import write_result


@pytest.mark.parametrize("size", [1, 7, 600])
def test_sums_of_graded_spikes_do_not_depend_on_chunks(size, tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    steps, samples = 5, 30
    net = bb.SpikingNetwork.sequential(
        (3,), [bb.Dense(4, bb.neuron_model("if"))], encoding=Current(steps), seed=1
    )
    monkeypatch.setattr("brianbridge.ladder.results.block_size", lambda _: 8)
    data = bb.from_arrays("mine", rng.random((samples, 3)), np.arange(samples) % 4)
    shards = Shards(net, data)
    twin = shards.twin(0)[0]
    raster = rng.random((steps, samples, 4)) * (rng.random((steps, samples, 4)) > 0.3)

    def result(chunk):
        collect = shards.collector(0, twin)
        for low in range(0, samples, chunk):
            part = raster[:, low : low + chunk]
            events = {net.output.name: Events.from_raster(part, net.dt)}
            shapes = {net.output.name: (4,)}
            collect(Recording(net.dt, steps, part.shape[1], shapes, events, part.sum(axis=0)))
        return collect.result

    for name, found in {"one": result(samples), "other": result(size)}.items():
        write_result(found, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_results_kept_for_a_sweep_belong_to_a_seed_and_not_to_a_machine():
    net = bb.SpikingNetwork.sequential(
        (3,), [bb.Dense(4, bb.neuron_model("if"))], encoding=Current(5), seed=1
    )
    data = bb.from_arrays("mine", np.eye(3), np.arange(3))
    kept = fingerprint(Shards(net, data))
    prefs["brianbridge.memory"] = 1000
    assert fingerprint(Shards(net, data)) == kept
    assert fingerprint(Shards(net, data, seed=1)) != kept
