"""A connection of the user's own: one class, and everything else follows from its synapses."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import brianbridge as bb
from brianbridge.encoding import Bernoulli
from brianbridge.measures.fan_out import ann_macs, fan_out
from brianbridge.network import (
    Connection,
    Failure,
    Pairs,
    Pooling,
    Population,
    Projection,
    Sparse,
    SpikingNetwork,
)
from brianbridge.network.connections import CONNECTIONS, connection_from_dict
from brianbridge.neurons.library import neuron_model
from brianbridge.rules.equilibrium.backward_network import transposed
from brianbridge.simulation.batched.delivery import weighted

LIF = neuron_model("lif")


@pytest.fixture(scope="module", autouse=True)
def _forget():
    """Take the kinds of these tests out of the schemas of files."""
    yield
    for kind in ("shared_permutation", "late", "odd", "locally_connected"):
        CONNECTIONS._entries.pop(kind, None)


@dataclass(frozen=True, eq=False)
class SharedPermutation(Connection):
    """Connect each neuron with some of a permutation; neurons at the same distance share a weight.

    Parameters
    ----------
    permutation : numpy.ndarray of int
        The target of each neuron; others follow at the distances `offsets` from it.
    offsets : tuple of int
        One for each weight.
    """

    kind = "shared_permutation"

    permutation: np.ndarray
    offsets: tuple[int, ...] = (0, 1)

    def pairs(self, weight, source, target):
        size = int(np.prod(target))
        neuron, number = np.indices((len(self.permutation), len(self.offsets))).reshape(2, -1)
        end = (self.permutation[neuron] + np.array(self.offsets)[number]) % size
        return Pairs(neuron, end, number)


SIZE = 12
OWN = SharedPermutation(np.random.default_rng(3).permutation(SIZE), (0, 3, 5))
WEIGHT = np.array([0.75, -0.5, 1.25])
ENDS = ((SIZE,), (3, 4))


def as_sparse(projection: Projection, source: tuple, target: tuple) -> Projection:
    """Return the same synapses, each with a weight of its own."""
    pairs = projection.connection.pairs(projection.weight.shape, source, target)
    listed = Sparse(pairs.source, pairs.target)
    return replace(projection, connection=listed, weight=projection.weight[pairs.element])


def make(own: bool = True) -> SpikingNetwork:
    """Return a network whose inner projection, and feedback, are the connection of its own."""
    rng = np.random.default_rng(0)
    dense = rng.normal(0.4, 0.5, (SIZE, 6)).astype(np.float32)
    there = Projection("a", "b", WEIGHT.astype(np.float32), rng.normal(size=SIZE), OWN)
    back = Projection("b", "a", WEIGHT / 4, None, OWN, delay="1 ms", feedback=True)
    if not own:
        there, back = as_sparse(there, *ENDS), as_sparse(back, *ENDS[::-1])
    populations = (Population("a", (SIZE,), LIF), Population("b", (3, 4), LIF))
    return SpikingNetwork(
        (6,), Bernoulli(20), populations, (Projection("input", "a", dense), there, back)
    )


def images(samples: int = 6) -> np.ndarray:
    return np.random.default_rng(1).random((samples, 6))


# ---------------------------------------------------------------------- the way of a network


def trained() -> tuple[bb.SpikingNetwork, float, float]:
    """Return the trained network, and the loss before and after."""
    twin = bb.to_torch(make(), dtype=torch.float64)
    x, goal = images(), torch.linspace(0, 8, SIZE, dtype=torch.float64)
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.05)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = (twin(x) - goal).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return bb.write_back(twin), losses[0], losses[-1]


def test_it_is_trained_saved_loaded_and_simulated_without_a_differing_spike(tmp_path: Path):
    network, before, after = trained()
    assert after < before
    assert network.projections[1].weight.shape == (3,)
    assert not np.allclose(network.projections[1].weight, WEIGHT)
    bb.save_network(network, tmp_path / "network.h5")
    again = bb.load_network(tmp_path / "network.h5")
    assert json.dumps(again.to_dict()) == json.dumps(network.to_dict())
    connection = again.projections[1].connection
    assert isinstance(connection, SharedPermutation)
    assert connection.offsets == OWN.offsets
    np.testing.assert_array_equal(connection.permutation, OWN.permutation)
    x = images()
    twin = bb.to_torch(again, dtype=torch.float64).record(x)
    for path in ("batched", "reference"):
        found = bb.simulate(again, x, backend=bb.Backend(path=path))
        for name in ("a", "b"):
            assert twin.spikes[name].any()
            np.testing.assert_array_equal(found.spikes[name], twin.spikes[name])


def test_its_spikes_and_gradients_are_those_of_its_synapses_in_a_sparse():
    x = images()
    own, sparse = (bb.to_torch(make(own), dtype=torch.float64) for own in (True, False))
    for twin in (own, sparse):
        twin.eval()(x).square().sum().backward()
    np.testing.assert_array_equal(own.record(x).spikes["b"], sparse.record(x).spikes["b"])
    elements = torch.as_tensor(OWN.pairs((3,), *ENDS).element)
    for name in ("a_to_b", "b_to_a"):
        each = sparse.projection(name).weight.grad
        shared = torch.zeros(3, dtype=each.dtype).index_add_(0, elements, each)
        torch.testing.assert_close(own.projection(name).weight.grad, shared)


def test_spikes_that_fail_to_arrive_are_the_same_on_both_paths():
    network = make()
    failing = tuple(replace(p, failure=Failure(0.3, 7)) for p in network.projections)
    network = replace(network, projections=failing)
    batched, reference = (
        bb.simulate(network, images(), backend=bb.Backend(path=path)).spikes
        for path in ("batched", "reference")
    )
    np.testing.assert_array_equal(batched["b"], reference["b"])


@pytest.mark.parametrize("pool", [None, Pooling("average", (1, 2))])
def test_fan_out_transpose_and_currents_are_those_of_the_same_synapses_in_a_sparse(pool):
    source = (SIZE,) if pool is None else (2, 3, 4)
    own = Projection("a", "b", WEIGHT, None, OWN, pool)
    sparse = as_sparse(own, (SIZE,), (SIZE,))
    np.testing.assert_array_equal(fan_out(own, source, (SIZE,)), fan_out(sparse, source, (SIZE,)))
    assert fan_out(own, source, (SIZE,)).tolist() == [3] * int(np.prod(source))
    assert ann_macs(own, source, (SIZE,)) == ann_macs(sparse, source, (SIZE,)) == 3 * SIZE
    assert own.number_of_synapses(source, (SIZE,)) == sparse.number_of_synapses(source, (SIZE,))
    (back, weight), (other, values) = (transposed(p, source, (SIZE,)) for p in (own, sparse))
    np.testing.assert_array_equal(back.source, other.source)
    np.testing.assert_array_equal(back.target, other.target)
    np.testing.assert_array_equal(weight, values)
    current = np.random.default_rng(2).random((4, *source))
    np.testing.assert_allclose(
        weighted(own, current, (SIZE,)), weighted(sparse, current, (SIZE,)), rtol=1e-15
    )


# ---------------------------------------------------------------------- delays, refusals


def test_its_synapses_may_have_delays_on_the_reference_path(refused):
    @dataclass(frozen=True)
    class Late(Connection):
        kind = "late"
        step: float = 1e-3

        def pairs(self, weight, source, target):
            return Pairs(np.array([1, 0]), np.array([0, 1]), np.array([0, 0]))

        @property
        def delays(self):
            return np.array([2, 0]) * self.step

    neuron = neuron_model("if")
    population = Population("a", (2,), neuron), Population("b", (2,), neuron)
    inlet = Projection("input", "a", np.eye(2))
    net = SpikingNetwork(
        (5, 2), bb.Frames(5), population, (inlet, Projection("a", "b", np.ones(1), None, Late()))
    )
    frames = np.zeros((1, 5, 2))
    frames[:, 0] = 1
    for run in (
        bb.simulate(net, frames, backend=bb.Backend(path="reference")),
        bb.simulate(net, frames),
        bb.to_torch(net).record(frames),
    ):
        assert np.argwhere(run.spikes["b"][:, 0]).tolist() == [[0, 1], [2, 0]]
    pooled = replace(net.projections[1], pool=Pooling("sum", 1))
    with refused("'a_to_b'", "pooling joins synapses", "drop the pooling"):
        images_of_two = tuple(replace(p, shape=(1, 1, 2)) for p in net.populations)
        replace(net, populations=images_of_two, projections=(net.projections[0], pooled))


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (([0, 4], [0, 1], [0, 0]), ["source neuron 4", "between 0 and 3"]),
        (([0, 1], [0, -1], [0, 0]), ["target neuron -1", "between 0 and 2"]),
        (([0, 1], [0, 1], [0, 2]), ["element of the weight 2", "between 0 and 1"]),
        (([0, 1], [0, 1], [0]), ["'element'", "one whole number for each synapse"]),
        (([0, 1], [0.0, 1.0], [0, 0]), ["'target'", "one whole number for each synapse"]),
    ],
)
def test_synapses_that_cannot_be_are_refused(refused, pairs, said):
    class Odd(Connection):
        kind = "odd"

        def weight_shape(self, weight, source, target, what):
            return (2,)

        def pairs(self, weight, source, target):
            return Pairs(*map(np.array, pairs))

    with refused("projection 'a_to_b'", *said):
        Projection("a", "b", np.ones(2), None, Odd()).check((4,), (3,))


def test_a_weight_with_an_element_too_many_is_refused(refused):
    with refused("weight has shape (4,)", "'shared_permutation'", "needs (3,)"):
        Projection("a", "b", np.ones(4), None, OWN).check(*ENDS)


def test_a_field_that_a_file_could_not_hold_is_refused(refused):
    with refused("'Heavy'", "cannot be called 'weight'", "rename it"):

        class Heavy(Connection):
            weight: np.ndarray


def test_an_unknown_kind_and_unknown_options_are_refused(refused):
    with refused("no connection 'shared_permutatio'", "Did you mean 'shared_permutation'?"):
        connection_from_dict({"kind": "shared_permutatio"}, {})
    with refused("'shared_permutation' has no option 'offset'", "Did you mean 'offsets'?"):
        connection_from_dict({"kind": "shared_permutation", "offset": [1]}, {})
    with refused("'shared_permutation': the option 'permutation' is missing"):
        connection_from_dict({"kind": "shared_permutation", "offsets": [1]}, {})


def test_a_stray_array_in_a_file_is_refused(refused, tmp_path: Path):
    bb.save_network(make(), tmp_path / "network.h5")
    with h5py.File(tmp_path / "network.h5", "r+") as file:
        file["projections/a_to_b"].move("permutation", "target")
    with refused("/projections/a_to_b has the unknown entry 'target'"):
        bb.load_network(tmp_path / "network.h5")


# ---------------------------------------------------------------------- from another package

PACKAGE = '''
"""Connections of another package."""

from dataclasses import dataclass

import numpy as np

from brianbridge.network import Connection, Pairs


@dataclass(frozen=True)
class LocallyConnected(Connection):
    """Connect each neuron of a line with the next ones, by weights of its own: one row each."""

    kind = "locally_connected"
    by_target = True
    reach: int = 2

    def weight_shape(self, weight, source, target, what):
        return target[0], self.reach

    def pairs(self, weight, source, target):
        end, tap = np.indices(weight).reshape(2, -1)
        return Pairs(end + tap, end, np.arange(end.size))
'''

SCRIPT = """
import numpy as np
import torch
import brianbridge as bb

network = bb.load_network("network.h5")
connection = network.projections[0].connection
assert type(connection).__module__ == "elsewhere", type(connection)
x = np.random.default_rng(0).random((3, 6))
twin = bb.to_torch(network, dtype=torch.float64)
twin(x).sum().backward()
assert twin.projection("input_to_a").weight.grad.abs().sum() > 0
expected = twin.record(x).spikes["a"]
assert expected.any()
for path in ("batched", "reference"):
    found = bb.simulate(network, x, backend=bb.Backend(path=path))
    assert np.array_equal(found.spikes["a"], expected)
print("same spikes")
"""


def test_a_kind_of_another_package_is_found_by_its_entry_point(tmp_path: Path, monkeypatch):
    (tmp_path / "elsewhere.py").write_text(PACKAGE)
    info = tmp_path / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[brianbridge.connections]\nlocally_connected = elsewhere:LocallyConnected\n"
    )
    # Saved where the kind is known, and read by a process that finds it by its name alone.
    monkeypatch.syspath_prepend(tmp_path)
    connection = importlib.import_module("elsewhere").LocallyConnected(2)
    inlet = Projection("input", "a", np.full((5, 2), 0.7), None, connection)
    bb.save_network(
        SpikingNetwork((6,), Bernoulli(15), (Population("a", (5,), LIF),), (inlet,)),
        tmp_path / "network.h5",
    )
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{SCRIPT}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "same spikes\n"


def test_all_kinds_of_the_package_are_in_the_registry():
    ours = {"all_to_all", "conv2d", "conv_transpose2d", "one_to_one", "sparse"}
    assert ours <= set(CONNECTIONS)
