"""Spikes that are written to a file while a presentation goes on are those of a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.io.spikes.writer import SpikeFileWriter
from brianbridge.network import SpikingNetwork
from brianbridge.network.readouts import READOUTS
from brianbridge.recording import Recording
from brianbridge.simulation import spike_stream
from brianbridge.simulation.batched import run as batched_run

X = np.random.default_rng(0).random((3, 5))


def network(readout: str = "counts", neuron: str = "lif") -> SpikingNetwork:
    layers = [bb.Dense(30, bb.neuron_model(neuron)), bb.Dense(4, bb.neuron_model(neuron))]
    encoding = bb.Bernoulli(steps=40, gain=0.9)
    return SpikingNetwork.sequential(
        (5,), layers, encoding=encoding, readout=readout, seed=2, weight_gain=40.0
    )


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Write every few spikes; return what each piece says about the next one."""
    monkeypatch.setattr(batched_run, "_LONG", 0)
    monkeypatch.setattr(spike_stream, "_MOST", 7)
    pieces: list[bool] = []
    append = SpikeFileWriter.append

    def counted(self: SpikeFileWriter, recording: Recording, *, goes_on: bool = False) -> None:
        pieces.append(goes_on)
        append(self, recording, goes_on=goes_on)

    monkeypatch.setattr(SpikeFileWriter, "append", counted)
    return pieces


@pytest.mark.parametrize("readout", ["counts", "first_spike"])
@pytest.mark.parametrize("neuron", ["lif", "multi_threshold_lif"])
def test_pieces_make_the_file_of_a_recording(
    in_pieces: list[bool], tmp_path: Path, readout: str, neuron: str
) -> None:
    net = network(readout, neuron)
    wanted = bb.simulate(net, X, record=("spikes", "t_crossing"))
    file = tmp_path / "spikes.h5"
    found = bb.simulate(net, X, record=("spikes", "t_crossing", "v"), spikes=file)
    assert in_pieces.count(True) > 3
    assert in_pieces.count(False) == len(X)
    np.testing.assert_array_equal(found.output, wanted.output)
    assert not found.all_events
    assert found.traces["output"]["v"].shape == (40, 3, 4)
    check_file(file, wanted)


@pytest.mark.parametrize("path", ["batched", "reference"])
def test_a_short_presentation_is_written_at_its_end(tmp_path: Path, path: str) -> None:
    net, file = network(), tmp_path / "spikes.h5"
    backend = bb.Backend(path=path, batch_size=2)
    bb.simulate(net, X, spikes=file, backend=backend)
    check_file(file, bb.simulate(net, X, backend=backend))


def check_file(file: Path, wanted: Recording) -> None:
    written = bb.read_spikes(file)
    assert written.complete
    assert written.samples == wanted.samples
    for name in wanted.shapes:
        ours, theirs = written.populations[name].events(), wanted.events(name).sorted()
        assert len(theirs)
        for column in ("sample", "node", "step", "value"):
            np.testing.assert_array_equal(getattr(ours, column), getattr(theirs, column))
        if theirs.t_crossing is not None:
            np.testing.assert_allclose(ours.t_crossing, theirs.t_crossing, rtol=1e-12)


@pytest.mark.usefixtures("in_pieces")
def test_a_readout_of_every_step_cannot_read_what_is_in_the_file(
    tmp_path: Path, refused: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(READOUTS["counts"], "output", lambda self, run: run.raster().sum(0))
    with refused("the readout needs the spikes of every step", "drop spikes="):
        bb.simulate(network(), X, spikes=tmp_path / "spikes.h5")
    assert not (tmp_path / "spikes.h5").exists()


def test_a_killed_run_leaves_the_first_spikes_of_its_sample(tmp_path: Path) -> None:
    recording = bb.simulate(network(), X[:1])
    shapes = {name: tuple(shape) for name, shape in recording.shapes.items()}
    file = tmp_path / "spikes.h5"
    writer = SpikeFileWriter(file, shapes, recording.dt, recording.steps)
    writer.__enter__()
    writer.append(recording, goes_on=True)
    writer.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    left = bb.read_spikes(tmp_path / ".spikes.h5.part")
    assert not left.complete
    assert left.samples == 1
