"""The network, data and ladder of the reports, and a reader of their pages."""

from html.parser import HTMLParser

import numpy as np

from brianbridge.datasets import from_arrays
from brianbridge.encoding import Current
from brianbridge.ladder.rungs import Rung
from brianbridge.network import Dense, SpikingNetwork
from brianbridge.neurons.library import neuron_model

EVIL = "<script>alert('$x$')</script>"


VOID = {"meta", "br", "link", "img", "input", "hr"}


LADDER = (
    Rung(name="parity", max_spike_mismatches=0, max_accuracy_drop=0.0),
    Rung(name=f"few bits {EVIL}", perturb={"weight_quantisation": {"bits": 2}},
         max_spike_mismatches=1, min_agreement=1.0, max_accuracy_drop=0.0),
    Rung(name="twice", perturb={"membrane_noise": {"sigma": 0.5, "tau": "10 ms"}}, repeats=2),
    Rung(name="a chip", attribute=True,
         perturb={"finer_dt": {"divisor": 2}, "weight_noise": {"cv": 0.5}}),
    Rung(name="no input spikes", optional=True, perturb={"input_timing": {"kind": "uniform"}}),
)  # fmt: skip


def samples(number=30, seed=0):
    rng = np.random.default_rng(seed)
    classes = (EVIL, "zwei & drei", "c")
    return from_arrays("mine", rng.random((number, 6)), np.arange(number) % 3, classes=classes)


def network(readout="counts", encoding=None, sizes=(12, 3)):
    layers = [Dense(n, neuron_model("lif")) for n in sizes]
    return SpikingNetwork.sequential(
        (6,), layers, encoding=encoding or Current(12), readout=readout, weight_gain=6.0, seed=3
    )


class Reader(HTMLParser):
    """Check that tags are nested, and keep elements, text by element, and identifiers."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.ids, self.text = [], [], [], {}

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for key, value in attributes if key == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data

    def all(self, tag):
        return [attributes for found, attributes in self.tags if found == tag]
