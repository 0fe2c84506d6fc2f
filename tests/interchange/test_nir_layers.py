"""Layers of NIR without neurons, against torch: what they add up to in an integrator."""

from __future__ import annotations

from collections.abc import Callable

import nir
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from nir_cases import chain, lif, potentials, spikes_of
from torch import Tensor

import brianbridge as bb
from brianbridge.errors import InputError

RNG = np.random.default_rng(5)
DT, STEPS = 1e-3, 4


def weights(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


def conv(out: int, inner: int, *kernel: int, bias: bool = True, **options: object) -> nir.NIRNode:
    values = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1} | options
    kind = nir.Conv1d if len(kernel) == 1 else nir.Conv2d
    return kind(
        input_shape=None, weight=weights(out, inner, *kernel),
        bias=weights(out) if bias else np.zeros(out), **values,
    )  # fmt: skip


def pool(kind: str, size: int, stride: int = 0, padding: int = 0) -> nir.NIRNode:
    node = nir.SumPool2d if kind == "sum" else nir.AvgPool2d
    return node(np.array([size] * 2), np.array([stride or size] * 2), np.array([padding] * 2))


def affine(out: int, inner: int) -> nir.Affine:
    return nir.Affine(weights(out, inner), weights(out))


def in_torch(node: nir.NIRNode, x: Tensor) -> Tensor:
    """Return what torch does with a batch."""
    t = torch.as_tensor
    match node:
        case nir.Affine():
            return F.linear(x.flatten(1), t(node.weight), t(node.bias))
        case nir.Linear():
            return F.linear(x.flatten(1), t(node.weight))
        case nir.Conv1d():
            options = (node.stride, node.padding, node.dilation, node.groups)
            return F.conv1d(x, t(node.weight), t(node.bias), *options)
        case nir.Conv2d():
            options = (node.stride, node.padding, node.dilation, node.groups)
            return F.conv2d(x, t(node.weight), t(node.bias), *options)
        case nir.SumPool2d() | nir.AvgPool2d():
            size, stride, padding = (
                tuple(v.tolist()) for v in (node.kernel_size, node.stride, node.padding)
            )
            found = F.avg_pool2d(x, size, stride, padding)
            return found * (np.prod(size) if isinstance(node, nir.SumPool2d) else 1)
        case nir.Flatten():
            return x.flatten(1)
        case nir.Scale():
            return x * t(node.scale)
    raise AssertionError(node)


Case = tuple[tuple[int, ...], Callable[[], list[nir.NIRNode]]]
CASES: dict[str, Case] = {
    "affine": ((5,), lambda: [affine(4, 5)]),
    "linear": ((5,), lambda: [nir.Linear(weights(4, 5))]),
    "image to affine": ((2, 3, 3), lambda: [nir.Flatten(None), affine(4, 18)]),
    "affine, affine": ((5,), lambda: [affine(4, 5), affine(3, 4)]),
    "scale": ((5,), lambda: [nir.Scale(weights(5))]),
    "scale, affine, scale": (
        (5,), lambda: [nir.Scale(weights(5)), affine(4, 5), nir.Scale(weights(4))],
    ),
    "conv": ((2, 6, 5), lambda: [conv(3, 2, 3, 2, padding=(1, 0), stride=(2, 1))]),
    "conv in groups": ((4, 5, 5), lambda: [conv(4, 2, 3, 3, groups=2, dilation=2)]),
    "conv same": ((2, 4, 4), lambda: [conv(3, 2, 3, 3, padding="same")]),
    "conv valid": ((2, 4, 4), lambda: [conv(3, 2, 3, 3, padding="valid")]),
    "conv1d": ((2, 9), lambda: [conv(3, 2, 3, stride=2, padding=1)]),
    "average pool": ((2, 6, 6), lambda: [pool("average", 2)]),
    "sum pool with padding": ((2, 6, 6), lambda: [pool("sum", 3, 2, 1)]),
    "pool, conv": ((2, 8, 8), lambda: [pool("average", 2), conv(3, 2, 3, 3)]),
    "pool, affine": ((2, 4, 4), lambda: [pool("sum", 2), nir.Flatten(None), affine(3, 8)]),
    "conv, pool": ((2, 9, 9), lambda: [conv(3, 2, 3, 3, padding=1), pool("average", 2)]),
    "strided conv, pool": (
        (2, 12, 11), lambda: [conv(4, 1, 3, 2, groups=2, stride=2), pool("sum", 3, 1)],
    ),
    "dilated conv, pool": ((1, 12, 12), lambda: [conv(2, 1, 3, 3, dilation=2), pool("sum", 2)]),
    "conv, pool with padding": ((2, 6, 6), lambda: [conv(3, 2, 3, 3), pool("average", 3, 2, 1)]),
    "conv, conv": ((2, 6, 6), lambda: [conv(3, 2, 3, 3, padding=1), conv(2, 3, 3, 3, padding=1)]),
    "conv, affine": ((2, 5, 5), lambda: [conv(3, 2, 3, 3), nir.Flatten(None), affine(4, 27)]),
    "conv, scale by channel": (
        (2, 5, 5), lambda: [conv(3, 2, 3, 3), nir.Scale(weights(3, 1, 1) * np.ones((3, 3, 3)))],
    ),
    "conv, scale by pixel": ((2, 5, 5), lambda: [conv(3, 2, 3, 3), nir.Scale(weights(3, 3, 3))]),
    "scale by pixel, conv": ((2, 5, 5), lambda: [nir.Scale(weights(2, 5, 5)), conv(3, 2, 3, 3)]),
    "pool, pool": ((2, 8, 8), lambda: [pool("sum", 2), pool("average", 2)]),
    "scale, pool": ((2, 4, 4), lambda: [nir.Scale(weights(2, 4, 4)), pool("sum", 2)]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("encoding", ["current", "frames"])
def test_layers_do_what_they_do_in_torch(name: str, encoding: str) -> None:
    shape, make = CASES[name]
    nodes = make()
    x = (
        RNG.normal(size=(3, STEPS, *shape))
        if encoding == "frames"
        else RNG.normal(size=(3, *shape))
    )
    inputs = torch.as_tensor(x if encoding == "frames" else np.repeat(x[:, None], STEPS, axis=1))
    wanted: Tensor = sum(_through(nodes, inputs[:, t]) for t in range(STEPS))
    one = np.ones(wanted.shape[1:])
    graph = chain(*nodes, nir.I(r=one / DT), shape=shape)
    network = bb.from_nir(graph, "exact", dt=DT, steps=STEPS, encoding=encoding)
    x = x.reshape(3, *network.input_shape)
    np.testing.assert_allclose(potentials(network, x), wanted.flatten(1), rtol=1e-9, atol=1e-9)


def _through(nodes: list[nir.NIRNode], x: Tensor) -> Tensor:
    for node in nodes:
        x = in_torch(node, x)
    return x


def test_a_delay_shifts_the_spikes() -> None:
    x = (RNG.random((3, 20, 5)) < 0.4).astype(float)
    weight = weights(6, 5)

    def counts(*delays: nir.NIRNode) -> np.ndarray:
        graph = chain(*delays, nir.Linear(weight), lif(6), shape=(5,))
        network = bb.from_nir(graph, "norse", dt=DT, steps=20, encoding="frames")
        return spikes_of(network, shifted if not delays else x)

    shifted = np.concatenate([np.zeros((3, 3, 5)), x[:, :-3]], axis=1)
    np.testing.assert_array_equal(counts(nir.Delay(np.full(5, 3e-3))), counts())
    delays = np.array([0, 1, 2, 3, 4]) * 1e-3
    shifted = np.stack(
        [np.concatenate([np.zeros((3, d)), x[:, : 20 - d, d]], axis=1) for d in range(5)],
        axis=2,
    )  # fmt: skip
    np.testing.assert_array_equal(counts(nir.Delay(delays)), counts())
    assert counts().sum() > 10


def test_delays_after_a_matrix_belong_to_its_targets() -> None:
    x = np.zeros((1, 10, 2))
    x[0, 0] = 1
    nodes = (nir.Linear(np.eye(2) * 100), nir.Delay(np.array([2e-3, 5e-3])), lif(2))
    network = bb.from_nir(chain(*nodes, shape=(2,)), "norse", dt=DT, steps=10, encoding="frames")
    recording = bb.simulate(network, x)
    assert np.argwhere(recording.raster(network.output.name).reshape(10, 2)).tolist() == [
        [2, 0], [5, 1],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("nodes", "shape", "message"),
    [
        ([affine(4, 6), lif(4)], (5,), r"'n0' \(.*\): its weight has 6 inputs, but 5 reach it"),
        ([conv(3, 2, 3, 3), lif(27)], (1, 5, 5), r"'n0' .*needs 2 channels"),
        ([conv(3, 2, 9, 9), lif(27)], (2, 5, 5), r"'n0' .*larger than its padded input"),
        ([conv(3, 2, 2, 2, padding="same"), lif(75)], (2, 5, 5), r"'n0' .*'same' is possible"),
        ([pool("sum", 2, 2, 2), lif(8)], (2, 4, 4), r"'n0' \(SumPool2d\).*half the window"),
        ([nir.Scale(np.ones(3)), lif(5)], (5,), r"'n0' \(Scale\): it has values of shape \(3,\)"),
        ([nir.Delay(-np.ones(5)), lif(5)], (5,), r"'n0' \(Delay\): it has a negative delay"),
        ([nir.Delay(np.full(5, 1.5e-3)), lif(5)], (5,), r"not a multiple of the step"),
        ([nir.Linear(np.full((2, 5), np.nan)), lif(2)], (5,), r"'n0' .*'weight' is not finite"),
    ],
)
def test_layers_that_do_not_fit_are_refused_by_name(nodes, shape, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        bb.from_nir(chain(*nodes, shape=shape), "norse", dt=DT, steps=5, encoding="frames")
    assert "\n" not in str(caught.value)
