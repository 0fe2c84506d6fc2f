"""Verifications that are shared out to processes of this machine."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from verified_networks import CHIP, DIVERGING, ENDLESS, REMEDIED, data_of, learnt, network, told

from brianbridge.encoding import Current
from brianbridge.ladder import execution, tasks
from brianbridge.ladder.execution import Execution
from brianbridge.ladder.rungs import Rung
from brianbridge.ladder.verify import verify
from brianbridge.progress import Counter
from brianbridge.sweep import Sweep

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Any]:
    """Return a client of two worker processes, which take seconds to start."""
    from brianbridge.sweep import connected

    with connected(workers=2) as client:
        yield client


def test_every_worker_has_the_network_and_samples_are_sent_where_they_are_used(two_workers):
    from brianbridge.sweep.dask_workers import Workers

    net = network()
    data = data_of(net)
    workers = Workers(two_workers, tasks.Shards(net, data, 4))
    (holders,) = two_workers.who_has([workers._sent]).values()
    assert len(holders) == 2
    workers.twins()
    # Dask knows how much it would move.
    sizes = two_workers.nbytes([future.key for future in workers._twins], summary=False)
    assert len(sizes) == 6
    assert min(sizes.values()) > 4 * data.x[0].nbytes


def test_workers_hand_over_the_spikes_that_are_written(two_workers, tmp_path, monkeypatch):
    from brianbridge.io.spikes.file import read_spikes

    net = network()
    data, ladder = data_of(net), [Rung(name="parity"), CHIP]
    expected = told(verify(net, data, ladder, spikes=tmp_path / "here.h5", spikes_of="all"))
    monkeypatch.setattr(execution, "run_task", None)  # not in this process
    sweep = Sweep(client=two_workers, shard=4)
    found = verify(
        net, data, ladder, spikes=tmp_path / "there.h5", spikes_of="all", execution=sweep
    )
    assert told(found) == expected
    for ending in (".h5", "-2-chip.h5"):
        ours, theirs = (read_spikes(tmp_path / f"{name}{ending}") for name in ("here", "there"))
        assert ours.samples == theirs.samples == len(data)
        for name, population in ours.populations.items():
            for column in ("timestamps", "node_ids", "sample"):
                other = theirs.populations[name].column(column)
                assert (population.column(column) == other).all()


def test_finer_steps_of_workers_count_as_longer(two_workers, monkeypatch):
    counted, count = [], Counter.__call__

    def kept(self, number=1, note="", *, each=1):
        if self.total == 2 * 24:
            counted.append((number, each))
        count(self, number, note, each=each)

    monkeypatch.setattr(Counter, "__call__", kept)
    ladder = [Rung(name="parity"), Rung(name="finer", perturb={"finer_dt": {"divisor": 3}})]
    net = network()
    verify(net, data_of(net, 24), ladder, execution=Sweep(client=two_workers, shard=4))
    assert sorted(counted) == [(4, 1)] * 6 + [(4, 3)] * 6


def test_an_optional_rung_that_workers_cannot_simulate_is_left_out(two_workers):
    net, ladder = network(ENDLESS, Current(11)), [DIVERGING, Rung(name="parity")]
    verdict = verify(net, data_of(net, 4), ladder, execution=Sweep(client=two_workers, shard=2))
    assert [rung.name for rung in verdict.rungs] == ["parity"]
    assert "not a number" in verdict.skipped["a"]


def test_workers_run_a_rung_again_after_a_remedy(two_workers, monkeypatch):
    net = learnt(network())
    data = data_of(net)
    expected = told(verify(net, data, [REMEDIED], train=data, execution=Execution(shard=10)))
    monkeypatch.setattr(execution, "run_task", None)  # not in this process
    sweep = Sweep(client=two_workers, shard=10)
    assert told(verify(net, data, [REMEDIED], train=data, execution=sweep)) == expected


def test_two_workers_one_of_them_killed_give_the_same_verdict(two_workers, monkeypatch):
    from brianbridge.sweep.dask_workers import Workers

    net = network()
    data, ladder = data_of(net), [Rung(name="parity"), CHIP]
    expected = told(verify(net, data, ladder, execution=Execution(shard=4)))
    run, killed = Workers.run, []

    def kills(self, tasks):
        for number, found in enumerate(run(self, tasks)):
            if number == 1:
                (victim, *_) = self._cluster.client.run(os.getpid).values()
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)
            yield found

    sweep = Sweep(client=two_workers, shard=4)
    assert told(verify(net, data, ladder, execution=sweep)) == expected
    monkeypatch.setattr(Workers, "run", kills)
    assert told(verify(net, data, ladder, execution=sweep)) == expected
    assert killed


def test_a_scheduler_that_is_not_there_is_refused(refused, monkeypatch):
    from brianbridge.sweep import connected, connection

    monkeypatch.setattr(connection, "_ANSWER", 1)
    with refused("scheduler 'tcp://127.0.0.1:9'"), connected(scheduler="tcp://127.0.0.1:9"):
        pass
    with refused("workers = 0"), connected(workers=0):
        pass
    for memory in ("4 kg", "-3"):
        with refused(f"memory = '{memory}'", "'4 GB'"), connected(workers=1, memory=memory):
            pass


def test_workers_that_die_for_lack_of_memory_are_told(refused, monkeypatch):
    from brianbridge.sweep import cluster, connected
    from brianbridge.sweep import dask_workers as on_dask

    def takes_a_gigabyte(sent, task, twin, record):
        held = np.ones(1_000_000_000, np.uint8)
        time.sleep(5)
        return held.size

    takes_a_gigabyte.__module__ = "__main__"  # sent to the worker as it is, not by its name
    monkeypatch.setattr(on_dask, "_work", takes_a_gigabyte)
    monkeypatch.setattr(cluster, "LOOK", 1)
    monkeypatch.setattr(cluster, "DEATHS", 1)
    net = network()
    with (
        refused("worker after worker dies", "--worker-memory"),
        connected(workers=1, memory="1.2 GB") as client,
    ):
        verify(net, data_of(net), [Rung(name="parity")], execution=Sweep(client=client))
