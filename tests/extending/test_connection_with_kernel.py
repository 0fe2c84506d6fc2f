"""A connection with a compiled kernel is two files: both are found, and no other changes.

The two files lie in folders that are added to their packages for these tests.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import brianbridge as bb
from brianbridge.network import Connection, Population, Projection
from brianbridge.network import connections as connection_files
from brianbridge.network.connections import CONNECTIONS
from brianbridge.network.files import NetworkFile
from brianbridge.registry import import_modules
from brianbridge.schema import json_schema
from brianbridge.simulation.batched import deliveries as delivery_files
from brianbridge.simulation.batched.delivery import delivery

CONNECTION = '''
"""Connect neurons on a ring with those after them."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianbridge.network.connections import Connection, Pairs


@dataclass(frozen=True)
class AddedRing(Connection):
    """Let each neuron receive from itself and those after it, by weights of its own."""

    kind: ClassVar[str] = "added_ring"
    by_target: ClassVar[bool] = True

    width: int = 3

    def weight_shape(self, weight, source, target, what):
        return target[0], self.width

    def pairs(self, weight, source, target):
        end, tap = np.indices(weight).reshape(2, -1)
        return Pairs((end + tap) % weight[0], end, np.arange(end.size))
'''

DELIVERY = '''
"""Deliver spikes on a ring."""

import numpy as np

from brianbridge.compiled import compiled
from brianbridge.network.connections.added_ring import AddedRing
from brianbridge.simulation.batched.kernels import NO_MASK, add_open
from brianbridge.simulation.batched.listed import Delivery, weight_delivery


@compiled(nogil=True, error_model="numpy")
def add_ring(target, weight, start, node, value, mask):
    samples, outputs = target.shape
    for b in range(samples):
        total = np.zeros(outputs, target.dtype)
        for k in range(start[b], start[b + 1]):
            for tap in range(weight.shape[1]):
                j = (node[k] - tap) % outputs
                total[j] += weight[j, tap] * (value[k] if value.size else 1)
        add_open(target[b], total, mask, b * outputs)


class AddedRingDelivery(Delivery):
    used = 0

    def __init__(self, weight):
        super().__init__(len(weight), len(weight))
        self.weight = weight

    def add(self, target, spikes, mask=NO_MASK):
        AddedRingDelivery.used += 1
        add_ring(target, self.weight, *spikes, mask)


@weight_delivery.register(AddedRing)
def _added_ring(connection, weight, source, target, dtype):
    return AddedRingDelivery(weight)
'''

NETWORK = """
summary = "A ring"
source = "none"
input_shape = [9]
encoding = { kind = "bernoulli", steps = 20, dt = "1 ms" }
weight_gain = 4.0
weight_mean = 2.0

[[layers]]
kind = "connected"
shape = 9
neuron = "lif"
connection = { kind = "added_ring", width = 5 }

[[layers]]
units = 3
neuron = "lif"
"""

SIZE = 9
X = np.random.default_rng(0).random((5, SIZE))


@pytest.fixture(scope="module")
def added_ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Connection]]:
    """Return the new kind, found by its file."""
    files = ((connection_files, CONNECTION), (delivery_files, DELIVERY))
    with pytest.MonkeyPatch.context() as patch:
        for package, text in files:
            folder = tmp_path_factory.mktemp("added")
            (folder / "added_ring.py").write_text(text)
            patch.setattr(package, "__path__", [*package.__path__, str(folder)])
            import_modules(package.__name__)
        yield CONNECTIONS["added_ring"]
    CONNECTIONS._entries.pop("added_ring")
    for package, _ in files:
        del sys.modules[f"{package.__name__}.added_ring"], package.added_ring


def assert_no_spike_differs(network: bb.SpikingNetwork) -> None:
    twin = bb.to_torch(network, dtype=torch.float64).record(X)
    for path in ("batched", "reference"):
        found = bb.simulate(network, X, backend=bb.Backend(path=path))
        for population in network.populations:
            expected = twin.spikes[population.name]
            assert expected.any()
            np.testing.assert_array_equal(found.spikes[population.name], expected)


def test_every_delivery_of_the_package_is_imported():
    files = {path.stem for path in Path(delivery_files.__file__).parent.glob("*.py")}
    assert {"all_to_all", "convolution", "one_to_one"} <= files
    for name in files - {"__init__"}:
        assert f"{delivery_files.__name__}.{name}" in sys.modules


def test_its_kernel_delivers_and_no_spike_differs(added_ring, tmp_path: Path):
    weight = np.random.default_rng(1).normal(0.5, 0.3, (SIZE, 3)).astype(np.float32)
    there = Projection("input", "a", weight, None, added_ring())
    back = Projection("a", "a", weight / 4, None, added_ring(), feedback=True)
    ring = Population("a", (SIZE,), bb.neuron_model("lif"))
    network = bb.SpikingNetwork((SIZE,), bb.Bernoulli(20), (ring,), (there, back))
    bb.save_network(network, tmp_path / "network.h5")
    way = type(delivery(there, (SIZE,), (SIZE,)))
    before = way.used
    assert_no_spike_differs(bb.load_network(tmp_path / "network.h5"))
    assert way.used > before


def test_it_is_in_a_network_file_and_in_its_schema(added_ring, tmp_path: Path):
    (tmp_path / "ring.toml").write_text(NETWORK)
    network = bb.network_model(str(tmp_path / "ring.toml"))
    ring = network.projections[0]
    assert (ring.connection, ring.weight.shape) == (added_ring(5), (SIZE, 5))
    assert_no_spike_differs(network)
    table = json_schema(NetworkFile)["$defs"]["ConnectedEntry"]["properties"]["connection"]
    (entry,) = (e for e in table["anyOf"] if e["properties"]["kind"]["const"] == "added_ring")
    assert entry["properties"]["width"] == {"type": "integer", "default": 3}
