"""Whatever call of a writer fails: one line, earlier files whole, and writing again goes well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from faults import CALLS, Faults, contents

from brianbridge.bench.report import _plot
from brianbridge.encoding import Current
from brianbridge.errors import InputError
from brianbridge.io.atomic import write_whole
from brianbridge.io.networks.file import save_network
from brianbridge.io.spikes.file import SpikeFileWriter, check_spikes, read_spikes
from brianbridge.ladder.results import RunResult
from brianbridge.measures.sample_summary import SampleSummary
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model
from brianbridge.recording import Events, Recording
from brianbridge.sweep.result_file import write_result
from brianbridge.training.checkpoint import write_checkpoint

NETWORK = SpikingNetwork.sequential(
    (4,), [Dense(5, neuron_model("lif")), Dense(2, neuron_model("lif"))], encoding=Current(steps=9)
)


def batch(seed: int, spikes: int = 300) -> Recording:
    columns = np.random.default_rng(seed).integers(0, (3, 100, 50), (spikes, 3)).T
    events = Events(*columns, np.ones(spikes), 1e-3)
    return Recording(1e-3, 50, 3, {"a": (100,)}, {"a": events}, np.zeros((3, 1)))


def write_spikes(path: Path, seed: int) -> None:
    with SpikeFileWriter(path, {"a": (100,)}, 1e-3, 50, {"seed": seed}) as spikes:
        for number in range(3):
            spikes.append(batch(seed + number))


def write_plot(path: Path, seed: int) -> None:
    row = {"name": "batched", "dt_ms": 1.0, "seconds": 1.0 + seed}
    _plot({"samples": 10, "rows": [row]}, path)


def result(seed: int) -> RunResult:
    return RunResult(np.array([seed]), {}, SampleSummary(np.array([1]), None, np.array([False])))


# The writer of each kind of file; verdict, summary, report, costs and loops are texts.
WRITERS: dict[str, Callable[[Path, int], object]] = {
    "network.h5": lambda path, seed: save_network(NETWORK.with_weights({}, seed=seed), path),
    "spikes.h5": write_spikes,
    "verdict.json": lambda path, seed: write_whole(path, f"{{{seed}}}\n"),
    "checkpoint.pt": lambda path, seed: write_checkpoint(path, {"a": torch.full((9,), seed)}),
    "result.json.gz": lambda path, seed: write_result(result(seed), path),
    "simulate.png": write_plot,
}


@pytest.mark.parametrize("again", [True, False], ids=["an earlier file", "no earlier file"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", WRITERS)
def test_any_call_that_fails(tmp_path: Path, name: str, call: str, again: bool) -> None:
    write, path = WRITERS[name], tmp_path / "out" / name
    write(tmp_path / "new" / name, 2)
    new = contents(tmp_path / "new")
    if again:
        write(path, 1)
    earlier = contents(tmp_path / "out") if again else {}
    number = 0
    while True:
        fault = Faults(call, fails=lambda n, number=number: n == number)
        try:
            with fault.injected():
                write(path, 2)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
            assert str(tmp_path / "out") in str(error)  # noqa: PT017
        else:
            # Some are of no harm: an unlink of what is there no more, the close of a log.
            assert contents(tmp_path / "out") in (new, new | leftovers(tmp_path / "out"))
            if not fault.failed:
                break  # there are no more calls
        left = contents(tmp_path / "out")
        kept = leftovers(tmp_path / "out")
        assert {k: v for k, v in left.items() if k not in kept} in (earlier, new)
        if call != "unlink":
            assert all(read_spikes(tmp_path / "out" / k).samples == 9 for k in kept)
        for path_left in kept:
            (tmp_path / "out" / path_left).unlink()
        if path.exists() and contents(tmp_path / "out") == new:  # the folder's fsync failed
            path.unlink()
            if again:
                write(path, 1)
        number += 1
        assert number < 200
    write(path, 2)
    assert contents(tmp_path / "out") == new


def leftovers(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(folder).items() if name.endswith(".part")}


@pytest.mark.parametrize("name", WRITERS)
def test_memory_that_runs_out(tmp_path: Path, name: str) -> None:
    write, path = WRITERS[name], tmp_path / name
    write(path, 1)
    earlier = contents(tmp_path)
    for number in range(3):
        fault = Faults("write", lambda n, number=number: n == number, MemoryError)
        try:
            with fault.injected():
                write(path, 2)
        except InputError as error:
            assert "give the process more memory" in str(error)  # noqa: PT017
        else:
            assert not fault.failed
            break
        assert contents(tmp_path) == earlier


@pytest.mark.parametrize("name", WRITERS)
def test_a_disk_that_is_full_from_some_moment_on(tmp_path: Path, name: str) -> None:
    write, path = WRITERS[name], tmp_path / name
    write(path, 1)
    earlier = contents(tmp_path)
    for first in range(0, 60, 3):
        fault = Faults("write", lambda n, first=first: n >= first)
        try:
            with fault.injected():
                write(path, 2)
        except InputError:
            kept = leftovers(tmp_path)
            assert contents(tmp_path) == earlier | kept
        else:
            assert not fault.failed
            break


def test_a_disk_that_is_full_for_a_while_costs_nothing_in_silence(tmp_path: Path) -> None:
    """Batches 10 to 19 of 30 meet a full disk; those that were taken are there, and no others."""
    full = {"now": False}
    fault = Faults("write", lambda _: full["now"])
    taken, refused = [], []
    path = tmp_path / "spikes.h5"
    with fault.injected(), SpikeFileWriter(path, {"a": (100,)}, 1e-3, 50) as spikes:
        for number in range(30):
            full["now"] = 10 <= number < 20
            try:
                spikes.append(batch(number))
                taken.append(number)
            except InputError as error:
                assert "No space left on device" in str(error)  # noqa: PT017
                refused.append(number)
        full["now"] = False
        for number in refused:  # it may be tried again
            spikes.append(batch(number))
    assert refused == list(range(10, 20))
    file = read_spikes(path)
    assert (file.complete, file.samples) == (True, 90)
    assert check_spikes(path) == "all is as it was written"
    whole = Recording.concatenate([batch(n) for n in taken + refused]).events("a").sorted()
    found = file.populations["a"].events()
    for column in ("sample", "node", "step", "value"):
        np.testing.assert_array_equal(getattr(found, column), getattr(whole, column))


def test_a_disk_that_loses_what_it_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is read again before the file is called complete."""
    import brianbridge.io.hdf5_out as hdf5_out

    real = hdf5_out.write_at

    def forgetful(descriptor: int, data: memoryview, start: int) -> None:
        real(descriptor, bytes(len(data)) if len(data) > 300 else data, start)

    monkeypatch.setattr(hdf5_out, "write_at", forgetful)
    with pytest.raises(InputError, match=r"the disk does not return what was written.*are kept in"):
        write_spikes(tmp_path / "spikes.h5", 1)
    assert [path.name for path in tmp_path.iterdir()] == [".spikes.h5.part"]
