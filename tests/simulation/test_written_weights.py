"""Warnings when weights leave the range that the user's own synapses had."""

import warnings

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, Synapses, ms, pA

import brianbridge as bb
from brianbridge.simulation.reader.write_into import write_into


@pytest.fixture
def mine():
    cells = NeuronGroup(
        2, "dv/dt = -v/(10*ms) : volt\ndI/dt = -I/(5*ms) : amp", threshold="v > 1*volt",
        reset="v = 0*volt", method="exact", name="cells",
    )  # fmt: skip
    wires = Synapses(cells, cells, "w : amp", on_pre="I += w", name="wires")
    wires.connect()
    wires.w = 50 * pA
    network = Network(cells, wires)
    return network, bb.from_brian2(network, steps=10 * ms)


def written(mine, weight):
    network, net = mine
    [projection] = net.projections
    write_into(net.with_weights({projection.name: (np.asarray(weight), None)}), network)


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        ([5e-3, 0, 0, 0], r"'wires'.* reach 5 mA, where the present ones reach 50 pA"),
        ([-4e-11, 5e-11, -1e-12, 0], r"below 0 at 2 of 4 synapses, where none was before"),
    ],
)
def test_weights_out_of_the_range(mine, weight, said):
    with pytest.warns(RuntimeWarning, match=said):
        written(mine, weight)


@pytest.mark.parametrize("weight", [[5e-3, 0, 0, 0], [-4e-11, 5e-11, -1e-12, 0]])
def test_the_warning_points_at_the_line_of_the_user(mine, weight):
    network, net = mine
    [projection] = net.projections
    trained = net.with_weights({projection.name: (np.asarray(weight), None)})
    twin = bb.to_torch(trained)
    for write in (
        lambda: bb.write_back(trained, into=network),
        lambda: bb.write_back(twin, into=network),
        lambda: write_into(trained, network),
    ):
        with pytest.warns(RuntimeWarning) as caught:
            write()
        assert {one.filename for one in caught} == {__file__}
        network["wires"].w = 50 * pA


def test_weights_in_the_range(mine):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written(mine, [4e-10, 0, 1e-12, 5e-11])
