"""`SpikeFileMonitor` writes what Brian2's `SpikeMonitor` records, and holds little in memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import brian2 as b2
import numpy as np
import pytest
from brian2 import ms

import brianbridge as bb
from brianbridge.simulation import spike_file_monitor


@pytest.fixture(autouse=True)
def target(request: pytest.FixtureRequest) -> Iterator[None]:
    before = b2.prefs.codegen.target
    b2.prefs.codegen.target = getattr(request, "param", "numpy")
    yield
    b2.prefs.codegen.target = before


def cells(number: int = 20, name: str = "cells") -> b2.NeuronGroup:
    group = b2.NeuronGroup(
        number, "dv/dt = (2 - v)/(tau) : 1\ntau : second", threshold="v > 1", reset="v = 0",
        method="exact", name=name,
    )  # fmt: skip
    group.tau = np.linspace(1, 5, number) * ms
    return group


def check_same(path: Path, monitor: b2.SpikeMonitor, name: str) -> None:
    file = bb.read_spikes(path)
    assert file.complete
    assert file.samples == 1
    events = file.populations[name].events()
    np.testing.assert_array_equal(events.node, monitor.i)
    np.testing.assert_allclose(events.time, monitor.t / b2.second, rtol=1e-12)
    assert len(events) > 10


@pytest.mark.parametrize("target", ["numpy", "cython"], indirect=True)
@pytest.mark.parametrize("most", [1, 50, 1 << 16])
def test_it_writes_what_a_spike_monitor_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(spike_file_monitor, "_MOST", most)
    group = cells()
    plain, first = b2.SpikeMonitor(group), group[3:9]
    of_part = b2.SpikeMonitor(first)
    mine = bb.SpikeFileMonitor(group, tmp_path / "all.h5")
    mine_of_part = bb.SpikeFileMonitor(first, tmp_path / "part.h5")
    net = b2.Network(group, plain, of_part, mine, mine_of_part)
    net.run(20 * ms)
    net.run(7.3 * ms)  # it goes on
    assert mine.num_spikes == plain.num_spikes == int(mine.count[:].sum())
    mine.close()
    mine_of_part.close()
    check_same(tmp_path / "all.h5", plain, "cells")
    check_same(tmp_path / "part.h5", of_part, first.name)
    assert bb.read_spikes(tmp_path / "all.h5").populations["cells"].steps == 273
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["all.h5", "part.h5"]


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spike_file_monitor, "_MOST", 30)
    group, longest = cells(), []
    monitor = bb.SpikeFileMonitor(group, tmp_path / "s.h5")
    look = b2.NetworkOperation(
        lambda: longest.append(int(monitor.variables["N"].get_value()[0])), clock=group.clock
    )
    b2.Network(group, monitor, look).run(50 * ms)
    assert monitor.num_spikes > 200
    assert max(longest) <= 30 + len(group)


def test_in_the_magic_network(tmp_path: Path) -> None:
    b2.start_scope()
    group = cells()
    plain = b2.SpikeMonitor(group)
    with bb.SpikeFileMonitor(group, tmp_path / "s.h5", name="recorder") as monitor:
        assert monitor.name == "recorder"
        b2.run(15 * ms)
        assert not (tmp_path / "s.h5").exists()
    check_same(tmp_path / "s.h5", plain, "cells")


def test_a_program_that_ends_closes_it(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import sys
        from brian2 import *
        import brianbridge as bb
        prefs.codegen.target = "numpy"
        cells = PoissonGroup(10, 1*kHz, name="cells")
        monitor = bb.SpikeFileMonitor(cells, sys.argv[1])
        run(20*ms)
    """)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s.h5")], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    file = bb.read_spikes(tmp_path / "s.h5")
    assert file.complete
    assert file.populations["cells"].spikes > 50


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals")
def test_a_kill_leaves_what_was_written(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import sys
        from brian2 import *
        import brianbridge as bb
        from brianbridge.simulation import spike_file_monitor
        spike_file_monitor._MOST = 100
        prefs.codegen.target = "numpy"
        cells = PoissonGroup(10, 1*kHz, name="cells")
        monitor = bb.SpikeFileMonitor(cells, sys.argv[1])
        say = NetworkOperation(lambda: print(monitor.num_spikes, flush=True), dt=100*ms)
        Network(cells, monitor, say).run(10000*second)
    """)
    (tmp_path / "s.h5").write_bytes(b"an earlier file")
    command = [sys.executable, "-c", code, str(tmp_path / "s.h5")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while (said := int(process.stdout.readline())) < 3000:
            pass
        os.kill(process.pid, signal.SIGKILL)
    assert (tmp_path / "s.h5").read_bytes() == b"an earlier file"
    file = bb.read_spikes(tmp_path / ".s.h5.part")
    assert not file.complete
    assert "steps of" in repr(file)
    assert file.populations["cells"].steps is None
    assert len(file.populations["cells"].events()) >= said - 120


def test_a_run_that_fails_leaves_the_hidden_file(tmp_path: Path) -> None:
    group = cells()
    monitor = bb.SpikeFileMonitor(group, tmp_path / "s.h5")

    @b2.network_operation(dt=10 * ms)
    def stop(t) -> None:
        if t >= 10 * ms:
            raise ZeroDivisionError

    with pytest.raises((ZeroDivisionError, b2.BrianObjectException)):
        b2.Network(group, monitor, stop).run(20 * ms)
    monitor.close()
    assert [p.name for p in tmp_path.iterdir()] == [".s.h5.part"]
    assert not bb.read_spikes(tmp_path / ".s.h5.part").complete


def test_what_it_cannot_do_is_refused(tmp_path: Path, refused) -> None:
    group = cells()
    monitor = bb.SpikeFileMonitor(group, tmp_path / "s.h5")
    net = b2.Network(group, monitor)
    with refused("'spikefilemonitor", "leave the monitor out of networks that are stored"):
        net.store()
    net.run(5 * ms)
    with refused("are in its file: close the monitor", "s.h5"):
        _ = monitor.i
    with refused("are in its file"):
        monitor.event_trains()
    group.clock.dt = 0.5 * ms
    with pytest.raises(b2.BrianObjectException) as caught:
        net.run(5 * ms)
    assert "a file has one time step" in str(caught.value.__cause__)
    monitor.close()
    with pytest.raises(b2.BrianObjectException) as caught:
        net.run(5 * ms)
    assert "was closed: make a new monitor" in str(caught.value.__cause__)
    (tmp_path / "folder.h5").mkdir()
    with refused("is a folder"):
        bb.SpikeFileMonitor(group, tmp_path / "folder.h5")


def test_standalone_is_refused(tmp_path: Path, refused) -> None:
    group = cells()
    b2.set_device("cpp_standalone", build_on_run=False)
    try:
        with refused("SpikeFileMonitor"):
            bb.SpikeFileMonitor(group, tmp_path / "s.h5")
    finally:
        b2.set_device("runtime")
    assert list(tmp_path.iterdir()) == []


def test_a_monitor_that_never_ran_leaves_nothing(tmp_path: Path) -> None:
    with bb.SpikeFileMonitor(cells(), tmp_path / "s.h5"):
        pass
    assert list(tmp_path.iterdir()) == []
