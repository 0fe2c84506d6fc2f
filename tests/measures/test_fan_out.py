"""The fan-out of every neuron, against the synapses listed one by one and against torch."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from projection_cases import CONVOLUTIONS, PROJECTIONS
from torch.nn.functional import conv2d

from brianbridge.errors import InputError
from brianbridge.measures.fan_out import ann_macs, fan_out
from brianbridge.network import AllToAll, Convolution, Pooling, Projection, TransposedConvolution


def listed(projection, source, target):
    """The fan-out, counted in the list of all synapses."""
    return np.bincount(projection.synapses(source, target).source, minlength=int(np.prod(source)))


@pytest.mark.parametrize("name", PROJECTIONS)
def test_fan_out_is_that_of_the_listed_synapses(name):
    projection, source, target = PROJECTIONS[name]
    found = fan_out(projection, source, target)
    assert found.dtype == np.int64
    assert found.tolist() == listed(projection, source, target).tolist()


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_macs_are_the_taps_that_are_no_padding(name):
    case = CONVOLUTIONS[name]
    projection, source, target = PROJECTIONS[f"convolution, {name}"]
    # With ones for image and kernel every tap adds 1, unless it is on the padding, which is 0.
    ones = torch.ones(1, *case.image), torch.ones(case.weight)
    taps = conv2d(*ones, None, case.stride, case.padding, case.dilation, case.groups)
    assert ann_macs(projection, source, target) == taps.sum()


@st.composite
def sliding(draw):
    """Return a random convolution or its transpose, perhaps behind a pooling."""

    def pairs(low, high):
        return (draw(st.integers(low, high)), draw(st.integers(low, high)))

    groups, inputs, outputs = (draw(st.integers(1, 2)) for _ in range(3))
    channels, kernel = inputs * groups, pairs(1, 4)
    options = {"stride": pairs(1, 3), "padding": pairs(0, 3), "dilation": pairs(1, 2)}
    source, pool = (channels, *pairs(1, 9)), None
    try:
        if draw(st.booleans()):
            size = pairs(1, 3)
            padding = tuple(draw(st.integers(0, s // 2)) for s in size)
            pool = Pooling(draw(st.sampled_from(["sum", "average"])), size, pairs(1, 3), padding)
        seen = source if pool is None else pool.output_shape(source)
        if draw(st.booleans()):
            how = Convolution(**options, groups=groups)
            target = how.output_shape(seen, outputs * groups, kernel)
            weight = np.ones((outputs * groups, inputs, *kernel))
        else:
            # Any image that the convolution maps onto what is seen is a target.
            how = TransposedConvolution(**options, groups=groups)
            axes = zip(seen[1:], kernel, *options.values(), strict=True)
            size = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, k, s, p, d in axes]
            more = [draw(st.integers(0, s - 1)) for s in options["stride"]]
            assume(min(size) > 0)
            target = (outputs * groups, *(a + b for a, b in zip(size, more, strict=True)))
            weight = np.ones((channels, outputs, *kernel))
        projection = Projection("a", "b", weight, None, how, pool)
        projection.check(source, target)
    except InputError:
        assume(False)
    return projection, source, target


@settings(max_examples=30, deadline=None)
@given(sliding())
def test_fan_out_of_random_images_is_that_of_the_listed_synapses(drawn):
    projection, source, target = drawn
    assert fan_out(*drawn).tolist() == listed(*drawn).tolist()
    unpooled = projection.connection.synapses(
        projection.weight, projection.pooled_shape(source), target
    )
    assert ann_macs(*drawn) == len(unpooled.weight)


def test_a_corner_reaches_four_of_nine():
    convolution = Projection("a", "b", np.ones((5, 2, 3, 3)), None, Convolution(padding=1))
    reached = fan_out(convolution, (2, 4, 4), (5, 4, 4)).reshape(2, 4, 4)
    assert reached[1].tolist() == [
        [20, 30, 30, 20],
        [30, 45, 45, 30],
        [30, 45, 45, 30],
        [20, 30, 30, 20],
    ]


def test_a_neuron_outside_of_all_windows_reaches_nobody():
    pooled = Projection("a", "b", np.ones((7, 4)), None, AllToAll(), Pooling("average", 2))
    reached = fan_out(pooled, (1, 5, 5), (7,)).reshape(5, 5)
    assert (reached[:4, :4] == 7).all()
    assert not reached[4].any()
    assert not reached[:, 4].any()
    assert ann_macs(pooled, (1, 5, 5), (7,)) == 28


def test_overlapping_windows_reach_a_neuron_once():
    # The middle pixel is in both windows, and the only target sees both.
    pool = Pooling("sum", (1, 2), (1, 1))
    pooled = Projection("a", "b", np.ones((1, 1, 1, 2)), None, Convolution(), pool)
    assert fan_out(pooled, (1, 1, 3), (1, 1, 1)).tolist() == [1, 1, 1]
    assert ann_macs(pooled, (1, 1, 3), (1, 1, 1)) == 2
    dense = Projection("a", "b", np.ones((5, 2)), None, AllToAll(), pool)
    assert fan_out(dense, (1, 1, 3), (5,)).tolist() == [5, 5, 5]
    assert fan_out(dense, (1, 1, 3), (5,)).tolist() == listed(dense, (1, 1, 3), (5,)).tolist()


def test_a_large_convolution_is_never_unrolled(monkeypatch):
    monkeypatch.setattr(Convolution, "pairs", None)
    vgg = Projection("a", "b", np.zeros((64, 64, 3, 3), np.int8), None, Convolution(padding=1))
    shape = (64, 224, 224)
    assert ann_macs(vgg, shape, shape) == 64 * 64 * (3 * 224 - 2) ** 2
