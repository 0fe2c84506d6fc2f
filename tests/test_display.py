"""Public objects show themselves in a few lines with units, and do no harm in a notebook."""

from __future__ import annotations

import pickle
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.connections import Pooling, Projection
from brianbridge.recording import Events, Recording

LIF = bb.neuron_model("lif")


def network() -> bb.SpikingNetwork:
    layers = [bb.Conv2d(2, 3, LIF), bb.Dense(20, LIF), bb.Recurrent(), bb.Dense(10, LIF)]
    return bb.SpikingNetwork.sequential((1, 8, 8), layers, encoding=bb.Current(steps=10))


def recording() -> Recording:
    spikes = np.zeros((5, 2, 3))
    spikes[1, :, 2] = 1
    events = {"output": Events.from_raster(spikes, dt=1e-4)}
    traces = {"output": {"v": np.zeros((5, 2, 3))}}
    return Recording(1e-4, 5, 2, {"output": (3,)}, events, np.zeros((2, 3)), traces)


def test_a_network_shows_its_populations_with_units():
    lines = repr(network()).split("\n")
    assert lines[0] == "SpikingNetwork: current input, 10 steps of 1 ms, readout counts"
    assert lines[3].split() == ["conv1", "2", "x", "6", "x", "6", "lif", "72", "20", "input"]
    assert lines[4].split() == ["hidden", "20", "lif", "20", "1,860", "conv1,", "hidden"]
    assert len(lines) == 6


def test_a_projection_shows_what_it_does():
    weight = np.zeros((3, 4), np.float32)
    shown = repr(
        Projection("a", "b", weight, weight[:, 0], pool=Pooling("sum", 2), receive="I",
                   delay="0.5*ms", feedback=True, frozen=True)
    )  # fmt: skip
    assert shown == (
        "Projection 'a_to_b': all_to_all, weight 3 x 4 float32, bias, sum pooling 2 x 2, into I, "
        "delay 0.5 ms, feedback, frozen"
    )
    assert repr(network().populations[0]) == "Population 'conv1': 2 x 6 x 6 neurons, lif"


def test_nothing_shows_all_its_numbers():
    data = bb.from_arrays("mine", np.zeros((5000, 30)), np.arange(5000) % 3000)
    for shown in (network(), recording(), recording().events("output"), data):
        assert len(repr(shown)) < 600


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_notebook_shows_two_tables_and_runs_nothing_of_a_name():
    evil = replace(LIF, name="<script>alert(1)</script>")
    net = network()
    net = replace(net, populations=(replace(net.populations[0], neuron=evil), *net.populations[1:]))
    page = Texts()
    page.feed(net._repr_html_())
    assert page.tags.count("table") == 2
    assert page.tags.count("tr") == 2 + len(net.populations) + len(net.projections)
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.texts


def test_control_characters_of_a_name_reach_no_terminal():
    net = network()
    odd = replace(net.populations[0], neuron=replace(LIF, name="a\x1b[2J"))
    assert "\x1b" not in repr(odd)


def test_a_recording_shows_spikes_and_traces():
    assert repr(recording()) == (
        "Recording of 2 samples, 5 steps of 0.1 ms\noutput  3 neurons  2 spikes  v"
    )
    assert repr(recording().without_events()) == "Recording of 2 samples, 5 steps of 0.1 ms"
    assert repr(recording().events("output")) == "Events: 2 spikes, dt = 0.1 ms"


def test_a_population_that_was_not_recorded_is_an_input_error():
    found = recording()
    for ask in (found.events, found.raster, found.spikes.__getitem__, found.counts.__getitem__):
        with pytest.raises(bb.InputError, match=r"^no population 'outptu' .* mean 'output'"):
            ask("outptu")
    assert "outptu" not in found.spikes
    assert found.counts.get("outptu") is None
    with pytest.raises(bb.InputError) as caught:
        found.events("outptu")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(bb.InputError, match="no recordings to join"):
        Recording.concatenate([])


def test_a_dataset_and_a_split_show_what_they_are():
    split = bb.load_dataset("iris")
    text = "Dataset 'iris', test (stratified 80/20, seed 0): 30 samples of 4 values, 3 classes"
    assert repr(split.test) == f"{text} (setosa, versicolor, virginica)"
    assert len(repr(split).split("\n")) == 3


def test_a_spike_file_shows_its_populations(tmp_path):
    with bb.io.SpikeFileWriter(tmp_path / "s.h5", {"output": (3,)}, 1e-4, 5) as file:
        file.append(recording())
    found = bb.read_spikes(tmp_path / "s.h5")
    said = "3 neurons, 5 steps of 0.1 ms, 2 spikes"
    assert repr(found) == f"Spike file '{tmp_path / 's.h5'}', complete, 2 samples\noutput  {said}"
    assert repr(found.populations["output"]) == f"Spikes of population 'output': {said}"
