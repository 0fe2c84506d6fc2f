"""The list of synapses of every connection, against torch; and every connection in a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from brian2 import ms
from projection_cases import CONVOLUTIONS, PROJECTIONS, TRANSPOSED, convolved, matrix, random
from projection_cases import transposed as transposed_case
from torch.nn import functional as F

import brianbridge as bb
from brianbridge.encoding import Bernoulli
from brianbridge.network import (
    AllToAll,
    Convolution,
    OneToOne,
    Pooling,
    Population,
    Projection,
    Sparse,
    SpikingNetwork,
    TransposedConvolution,
)
from brianbridge.network.connections import CONNECTIONS, connection_from_dict
from brianbridge.neurons.library import neuron_model

IF = neuron_model("if")


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * max(1, np.abs(found).max()))


def images(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.as_tensor(random(4, *shape, seed=1))


def flat(x: torch.Tensor) -> np.ndarray:
    return x.reshape(len(x), -1).numpy()


# ---------------------------------------------------------------------- against torch


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution_is_that_of_torch(name):
    case = CONVOLUTIONS[name]
    projection, source, target = convolved(case)
    projection.check(source, target)
    x = images(source)
    expected = F.conv2d(x, torch.as_tensor(projection.weight), **case.options)
    assert tuple(expected.shape[1:]) == target
    assert_close(flat(x) @ matrix(projection, source, target).T, flat(expected))


@pytest.mark.parametrize("name", TRANSPOSED)
def test_a_transposed_convolution_is_that_of_torch(name):
    case = TRANSPOSED[name]
    projection, source, target = transposed_case(case)
    projection.check(source, target)
    x, weight = images(source), torch.as_tensor(projection.weight)
    expected = F.conv_transpose2d(
        x, weight, output_padding=case.output_padding, **case.options
    )  # fmt: skip
    assert_close(flat(x) @ matrix(projection, source, target).T, flat(expected))
    kernel = projection.weight.shape[2:]
    padding = projection.connection.output_padding(source, target, kernel)
    assert padding == tuple(np.broadcast_to(case.output_padding, 2))


def test_a_transposed_convolution_is_the_transpose_of_the_convolution():
    weight = random(2, 3, 3, 2)
    there = Projection("a", "b", weight, None, Convolution(2, 1))
    back = Projection("b", "a", weight, None, TransposedConvolution(2, 1))
    ends = (3, 6, 5), (2, 3, 3)
    assert_close(matrix(back, *ends[::-1]), matrix(there, *ends).T)


@pytest.mark.parametrize("mode", ["average", "sum"])
@pytest.mark.parametrize(
    ("source", "size", "stride", "padding"),
    [
        ((2, 4, 6), 2, None, 0), ((1, 5, 7), (2, 3), None, 0), ((3, 7, 5), 3, 2, 1),
        ((1, 3, 5), (3, 5), None, 0), ((2, 4, 5), 3, 1, (1, 0)), ((2, 5, 5), 1, 3, 0),
    ],
)  # fmt: skip
def test_pooling_is_that_of_torch(mode, source, size, stride, padding):
    pool = Pooling(mode, size, stride, padding)
    divisor = 1 if mode == "sum" else None
    x = images(source)
    expected = F.avg_pool2d(x, size, stride, padding, divisor_override=divisor)
    assert pool.output_shape(source) == tuple(expected.shape[1:])
    one = Projection("a", "b", np.ones(1), None, OneToOne(), pool)
    assert_close(flat(x) @ matrix(one, source, expected.shape[1:]).T, flat(expected))


@pytest.mark.parametrize("mode", ["average", "sum"])
def test_pooling_before_a_convolution(mode):
    pool, how = Pooling(mode, (3, 2), (2, 1), 1), Convolution((1, 2), 1, groups=2)
    weight, x = random(4, 1, 2, 3), images((2, 7, 5))
    pooled = F.avg_pool2d(x, (3, 2), (2, 1), 1, divisor_override=1 if mode == "sum" else None)
    expected = F.conv2d(pooled, torch.as_tensor(weight), None, (1, 2), 1, groups=2)
    projection = Projection("a", "b", weight, None, how, pool)
    target = tuple(expected.shape[1:])
    projection.check((2, 7, 5), target)
    assert_close(flat(x) @ matrix(projection, (2, 7, 5), target).T, flat(expected))


def test_an_image_without_channels_has_one():
    weight = random(2, 1, 2, 3)
    projection = Projection("a", "b", weight, None, Convolution())
    projection.check((4, 5), (2, 3, 3))
    np.testing.assert_array_equal(
        matrix(projection, (4, 5), (2, 3, 3)), matrix(projection, (1, 4, 5), (2, 3, 3))
    )
    assert Pooling("sum", 2).output_shape((4, 5)) == (1, 2, 2)


# ---------------------------------------------------------------------- the others


def test_one_to_one_has_one_weight_or_one_for_each():
    each = Projection("a", "b", np.array([2.0, -1.0, 3.0]), None, OneToOne())
    np.testing.assert_array_equal(matrix(each, (3,), (1, 1, 3)), np.diag([2, -1, 3]))
    same = Projection("a", "b", np.array([2.0]), None, OneToOne())
    np.testing.assert_array_equal(matrix(same, (3,), (3,)), 2 * np.eye(3))


def test_pairs_of_a_sparse_connection_may_be_there_twice():
    weight = np.array([1.0, 2.0, 4.0, 8.0])
    projection = Projection("a", "b", weight, None, Sparse([1, 0, 1, 1], [2, 0, 2, 0]))
    assert matrix(projection, (2,), (3,)).tolist() == [[2, 8], [0, 0], [0, 5]]
    assert projection.number_of_synapses((2,), (3,)) == 4


@pytest.mark.parametrize("name", PROJECTIONS)
def test_synapses_are_listed_by_source_and_then_by_target(name):
    projection, source, target = PROJECTIONS[name]
    projection.check(source, target)
    table = projection.synapses(source, target)
    order = np.lexsort((table.target, table.source))
    np.testing.assert_array_equal(np.diff(order) >= 0, True)
    assert table.weight.dtype == np.float64
    assert projection.number_of_synapses(source, target) == len(table.weight)
    connection, weight = projection.connection, projection.weight
    ends = projection.pooled_shape(source), target
    connection.pairs(weight.shape, *ends).check(*map(np.prod, (*ends, weight.shape)), "a_to_b")
    whole = connection.synapses(weight, *ends)
    for one, other in zip(
        connection.pairs(weight.shape, *ends).with_weights(weight), whole, strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert connection.number_of_synapses(weight.shape, *ends) == len(whole.weight)


@pytest.mark.parametrize("connection", [Convolution(), TransposedConvolution()])
def test_a_bias_is_one_of_each_channel(connection):
    bias = np.array([1.0, 2.0], np.float32)
    assert connection.bias_shape((2, 2, 3)) == (2,)
    assert connection.bias_of_neurons(bias, (2, 2, 3)).tolist() == [1] * 6 + [2] * 6
    assert AllToAll().bias_shape((2, 3)) == (6,)


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Convolution(stride=0), ["conv2d", "stride = 0", "at least 1"]),
        (lambda: Convolution(padding=-1), ["padding = -1", "at least 0"]),
        (lambda: Convolution(dilation=(1, 2, 3)), ["dilation = (1, 2, 3)", "one or two"]),
        (lambda: TransposedConvolution(groups=0), ["conv_transpose2d", "groups = 0"]),
        (lambda: Convolution(groups=1.5), ["groups = 1.5"]),
        (lambda: Pooling("mean", 2), ["no pooling 'mean'"]),
        (lambda: Pooling("sum", 2, padding=2), ["padding (2, 2)", "half the window"]),
        (lambda: Pooling("sum", 4).output_shape((1, 3, 5)), ["larger than its padded input"]),
        (lambda: Pooling("sum", 4).output_shape((9,)), ["(9,)", "not an image"]),
        (lambda: Sparse([0, 1], [0]), ["2 sources for 1 targets"]),
        (lambda: Sparse([0.5], [0]), ["source is not a flat list"]),
        (lambda: Sparse([0], [0], [-1.0]), ["one delay of at least 0 s"]),
        (lambda: Sparse([0], [0], [1.0, 2.0]), ["one delay of at least 0 s"]),
        (lambda: connection_from_dict({"kind": "conv"}, {}), ["no connection 'conv'"]),
    ],
)
def test_connections_that_cannot_be(refused, make, said):
    with refused(*said):
        make()


@pytest.mark.parametrize(
    ("connection", "weight", "ends", "said"),
    [
        (OneToOne(), np.ones(3), ((3,), (4,)), ["one to one from (3,) to (4,)", "same size"]),
        (OneToOne(), np.ones(2), ((3,), (3,)), ["weight has shape (2,)", "needs (3,)"]),
        (Sparse([3], [0]), np.ones(1), ((3,), (3,)), ["source neuron 3", "between 0 and 2"]),
        (Sparse([0], [-1]), np.ones(1), ((3,), (3,)), ["target neuron -1"]),
        (Sparse([0], [1]), np.ones(2), ((3,), (3,)), ["(2,)", "needs (1,)"]),
        (Convolution(), np.ones((2, 1, 3, 3)), ((1, 4, 4), (2, 3, 2)), ["to (2, 2, 2)"]),
        (Convolution(), np.ones((2, 2, 3, 3)), ((1, 4, 4), (2, 2, 2)), ["needs (2, 1, 3, 3)"]),
        (Convolution(groups=2), np.ones((2, 1, 1, 1)), ((3, 4, 4), (2, 4, 4)), ["3 input"]),
        (Convolution(groups=2), np.ones((3, 1, 1, 1)), ((2, 4, 4), (3, 4, 4)), ["3 output"]),
        (Convolution(), np.ones((1, 1, 5, 1)), ((1, 4, 4), (1, 1, 4)), ["padded input (4, 4)"]),
        (Convolution(), np.ones((1, 1, 0, 0)), ((1, 4, 4), (1, 5, 5)), ["(0, 0) is empty"]),
        (Convolution(), np.ones((1, 1, 1, 1)), ((4,), (4,)), ["(4,) is not an image"]),
        (
            TransposedConvolution(2), np.ones((1, 1, 2, 2)), ((1, 2, 2), (1, 7, 4)),
            ["needs a source of height and width (3, 2)", "(1, 2, 2)"],
        ),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit(refused, connection, weight, ends, said):
    with refused("projection 'a_to_b'", *said):
        Projection("a", "b", weight, None, connection).check(*ends)


# ---------------------------------------------------------------------- files


def every_kind() -> SpikingNetwork:
    """Return a network in which every kind tested here, and every option, is used."""
    shapes = {"one": (2, 3, 5), "two": (4, 2, 4), "three": (4, 2, 4)}
    populations = tuple(Population(name, shape, IF) for name, shape in shapes.items())
    sparse = Sparse([0, 3, 3], [1, 7, 7], [0.0, 1e-3, 2e-3])
    back, conv = TransposedConvolution((1, 1)), Convolution(groups=np.int64(2))
    projections = (
        Projection("input", "one", random(2, 1, 3, 3), random(2), Convolution(padding=1)),
        Projection("one", "two", random(4, 1, 2, 2).astype("f4"), random(4), conv, frozen=True),
        Projection("two", "three", random(32), None, OneToOne(), delay=2 * ms),
        Projection("two", "three", random(3), None, sparse, label="listed"),
        Projection("two", "three", random(32, 32), random(32), receive="v", label="all"),
        Projection("two", "one", random(4, 2, 2, 2), None, back, feedback=True, delay=1 * ms),
        Projection("three", "three", random(32, 4), None, AllToAll(), Pooling("sum", 2, (1, 3)),
                   feedback=True),
    )  # fmt: skip
    return SpikingNetwork((3, 5), Bernoulli(6), populations, projections, schedule="canonical")


def assert_equal(one: SpikingNetwork, other: SpikingNetwork) -> None:
    assert json.dumps(one.to_dict()) == json.dumps(other.to_dict())
    for a, b in zip(one.projections, other.projections, strict=True):
        for x, y in ((a.weight, b.weight), (a.bias, b.bias)):
            assert (x is None) == (y is None)
            assert x is None or (x.dtype, x.tobytes()) == (y.dtype, y.tobytes())
        assert type(a.connection) is type(b.connection)
        found, expected = a.connection.arrays(), b.connection.arrays()
        assert found.keys() == expected.keys()
        for key, values in found.items():
            np.testing.assert_array_equal(values, expected[key])


def test_kinds_of_connection_survive_a_file(tmp_path: Path):
    network = every_kind()
    bb.save_network(network, tmp_path / "network.h5")
    again = bb.load_network(tmp_path / "network.h5")
    assert_equal(again, network)
    assert [again.delay_steps(p) for p in again.projections] == [0, 0, 2, 0, 0, 2, 1]
    assert again.projections[3].connection.delays.tolist() == [0.0, 1e-3, 2e-3]
    assert again.projections[6].pool == Pooling("sum", (2, 2), (1, 3))
    assert_equal(again.with_weights({}), network)


def test_a_kind_that_is_not_in_this_network_has_tests_of_its_own():
    here = {p.connection.kind for p in every_kind().projections}
    for kind in set(CONNECTIONS) - here:
        folder, _, module = CONNECTIONS[kind].__module__.rpartition(".")
        if folder == "brianbridge.network.connections":
            assert Path(__file__).with_name(f"test_{module}.py").exists(), kind


def test_the_default_schedule_survives_a_file(tmp_path: Path):
    loop = Projection("a", "a", np.ones(2), None, OneToOne())
    network = SpikingNetwork(
        (2,), Bernoulli(3), (Population("a", (2,), IF),), (loop,), schedule="default"
    )
    bb.save_network(network, tmp_path / "network.h5")
    assert_equal(bb.load_network(tmp_path / "network.h5"), network)


def test_a_file_of_schema_1_is_read(tmp_path: Path):
    lif = neuron_model("lif")
    layers = [bb.Dense(3, lif), bb.Dense(2, lif, bias=False)]
    network = SpikingNetwork.sequential((2, 2), layers, encoding=bb.Current(4))
    bb.save_network(network, tmp_path / "new.h5")
    with h5py.File(tmp_path / "new.h5") as new, h5py.File(tmp_path / "old.h5", "w") as old:
        new.copy("projections", old)
        new.copy("provenance", old)
        entry = json.loads(new["network"].asstr()[0])
        del entry["schedule"]
        entry["projections"] = [
            {"source": "input", "target": "hidden", "kind": "dense"},
            {"source": "hidden", "target": "output", "kind": "dense"},
        ]
        text = json.dumps(entry).encode()
        dtype = h5py.string_dtype("utf-8", len(text))
        old.create_dataset("network", data=np.array([text], dtype))
        old.attrs.update(format=np.bytes_("brianbridge network"), schema=1)
    assert_equal(bb.load_network(tmp_path / "old.h5"), network)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"connection": {"kind": "conv2d", "stride": 1}}, ["missing key"]),
        ({"connection": {"kind": "one_to_one", "strid": 1}}, ["unknown key 'strid'"]),
        ({"connection": {"kind": "one_two"}}, ["no connection 'one_two'"]),
        ({"pool": {"mode": "max", "size": [2], "stride": [2], "padding": [0]}}, ["pool"]),
        ({"delay": "soon"}, ["delay"]),
    ],
)
def test_a_damaged_description_is_refused(refused, tmp_path: Path, change, said):
    network = every_kind()
    bb.save_network(network, tmp_path / "network.h5")
    with h5py.File(tmp_path / "network.h5", "r+") as file:
        entry = json.loads(file["network"].asstr()[0])
        entry["projections"][0].update(change)
        text = json.dumps(entry).encode()
        del file["network"]
        file.create_dataset("network", data=np.array([text], h5py.string_dtype("utf-8", len(text))))
    with refused("network.h5", *said):
        bb.load_network(tmp_path / "network.h5")


def test_labels_tell_projections_apart(refused):
    network = every_kind()
    assert network.projections[3].name == "two_to_three_listed"
    with refused("two projections are called 'two_to_three'", "label"):
        unlabelled = (replace(p, label="") for p in network.projections)
        replace(network, projections=tuple(unlabelled))
    with refused("'a b' cannot label a projection"):
        Projection("a", "b", np.ones(1), label="a b")
