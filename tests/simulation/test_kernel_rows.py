"""Kernels that are added in rows give what listed synapses give, in the same order of additions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from brianbridge.kernels.rasters import spike_rows
from brianbridge.kernels.windows import KernelRows
from brianbridge.network import Convolution, TransposedConvolution
from brianbridge.simulation.batched.kernels import NO_MASK

SOURCE, SAMPLES = (4, 6, 7), 3
CASES = [
    (kind, stride, padding, dilation, groups)
    for kind, stride, padding, dilation, groups in itertools.product(
        (Convolution, TransposedConvolution), (1, (2, 3)), (0, (1, 2)), (1, (2, 1)), (1, 2)
    )
]


@pytest.mark.parametrize("graded", [False, True], ids=["ones", "graded"])
@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
@pytest.mark.parametrize(("kind", "stride", "padding", "dilation", "groups"), CASES)
def test_sums_are_those_of_listed_synapses(
    kind, stride, padding, dilation, groups, graded, masked
) -> None:
    how = kind(stride, padding, dilation, groups)
    rng = np.random.default_rng(1)
    if kind is Convolution:
        out = how.output_shape(SOURCE, 18, (3, 2))
        weight = rng.normal(size=(18, 4 // groups, 3, 2))
    else:
        weight = rng.normal(size=(4, 18 // groups, 3, 2))
        high, wide = (
            (SOURCE[i + 1] - 1) * how.stride[i] - 2 * how.padding[i]
            + how.dilation[i] * (weight.shape[i + 2] - 1) + 1
            for i in (0, 1)
        )  # fmt: skip
        out = (18, high, wide)
    x = (rng.random((SAMPLES, *SOURCE)) < 0.3) * (rng.normal(size=SOURCE) if graded else 1.0)
    x[1] = 0
    mask = rng.random(SAMPLES * np.prod(out)) < 0.5 if masked else NO_MASK
    found = rng.normal(size=(SAMPLES, int(np.prod(out))))
    expected = found.copy()
    flat = x.reshape(SAMPLES, -1)
    pairs = how.pairs(weight.shape, SOURCE, out)
    order = np.argsort(pairs.source, kind="stable")
    for b in range(SAMPLES):
        total = np.zeros(expected.shape[1])
        each = flat[b][pairs.source[order]] * weight.ravel()[pairs.element[order]]
        np.add.at(total, pairs.target[order], each)
        free = mask.reshape(SAMPLES, -1)[b] if masked else np.ones(len(total), bool)
        expected[b][free] += total[free]
    rows = KernelRows(
        how.kernels_by_source(weight), SOURCE, out, how.stride, how.padding, how.dilation, groups,
        how.transposed, np.float64,
    )  # fmt: skip
    rows.add(found, *spike_rows(flat), mask)
    np.testing.assert_array_equal(found, expected)
