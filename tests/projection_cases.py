"""One projection of every kind and corner, and the matrix of its synapses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.network import (
    AllToAll,
    Convolution,
    OneToOne,
    Pooling,
    Projection,
    Sparse,
    TransposedConvolution,
)

Shape = tuple[int, ...]


def matrix(projection: Projection, source: Shape, target: Shape) -> np.ndarray:
    """Return the weights ``(out, in)`` that the list of synapses stands for."""
    table = projection.synapses(source, target)
    weights = np.zeros((int(np.prod(target)), int(np.prod(source))))
    np.add.at(weights, (table.target, table.source), table.weight)
    return weights


@dataclass(frozen=True)
class Sliding:
    """A convolution, or its transpose: shapes of image and weight, and torch's options."""

    image: Shape
    weight: Shape
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1
    output_padding: Any = 0

    @property
    def options(self) -> dict[str, Any]:
        names = ("stride", "padding", "dilation", "groups")
        return {name: getattr(self, name) for name in names}


CONVOLUTIONS = {
    "plain": Sliding((2, 5, 7), (3, 2, 3, 3)),
    "1x1": Sliding((3, 4, 5), (2, 3, 1, 1)),
    "1x1 with a stride": Sliding((2, 5, 4), (2, 2, 1, 1), stride=2),
    "the kernel is the image": Sliding((2, 3, 5), (4, 2, 3, 5)),
    "the kernel is the padded image": Sliding((1, 2, 3), (2, 1, 4, 5), padding=1),
    "padding": Sliding((2, 4, 7), (2, 2, 3, 5), padding=(1, 2)),
    "stride": Sliding((1, 7, 9), (2, 1, 2, 3), stride=(2, 3)),
    "a stride that skips": Sliding((1, 7, 5), (1, 1, 1, 2), stride=(3, 3)),
    "dilation": Sliding((2, 7, 8), (2, 2, 3, 2), dilation=(2, 3)),
    "groups": Sliding((4, 5, 3), (6, 2, 3, 2), groups=2),
    "depthwise": Sliding((3, 4, 5), (3, 1, 3, 3), padding=1, groups=3),
    "everything": Sliding((4, 9, 7), (2, 2, 3, 2), (2, 1), (2, 1), (2, 3), 2),
}  # fmt: skip

TRANSPOSED = {
    "plain": Sliding((2, 3, 4), (2, 3, 3, 2)),
    "1x1": Sliding((3, 2, 5), (3, 2, 1, 1)),
    "padding": Sliding((2, 4, 3), (2, 1, 3, 4), padding=(1, 2)),
    "stride": Sliding((1, 3, 4), (1, 2, 2, 3), stride=(2, 3)),
    "output padding": Sliding((2, 3, 2), (2, 2, 3, 3), stride=(2, 3), output_padding=(1, 2)),
    "groups": Sliding((4, 3, 2), (4, 3, 2, 2), groups=2),
    "everything": Sliding((4, 3, 2), (4, 1, 3, 2), (2, 3), (1, 2), (2, 3), 2, (1, 2)),
}  # fmt: skip


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).normal(size=shape)


def convolved(case: Sliding, **options: Any) -> tuple[Projection, Shape, Shape]:
    how = Convolution(**case.options)
    target = how.output_shape(case.image, case.weight[0], case.weight[2:])
    return Projection("a", "b", random(*case.weight), None, how, **options), case.image, target


def transposed(case: Sliding, **options: Any) -> tuple[Projection, Shape, Shape]:
    import torch
    from torch.nn.functional import conv_transpose2d

    weight = random(*case.weight)
    found = conv_transpose2d(
        torch.zeros(1, *case.image), torch.zeros(case.weight), None, case.stride, case.padding,
        case.output_padding, case.groups, case.dilation,
    )  # fmt: skip
    how = TransposedConvolution(**case.options)
    return Projection("a", "b", weight, None, how, **options), case.image, tuple(found.shape[1:])


def _others() -> dict[str, tuple[Projection, Shape, Shape]]:
    def of(connection: Any, weight: np.ndarray, pool: Pooling | None = None) -> Projection:
        return Projection("a", "b", weight, None, connection, pool)

    twice = Sparse([3, 0, 3, 1, 3, 5], [2, 1, 2, 0, 0, 1])
    shared = Sparse(twice.source, twice.target, element=[1, 0, 1, 1, 0, 0])
    average, total = Pooling("average", 2), Pooling("sum", (3, 2), (2, 1), 1)
    conv = Convolution(padding=(0, 1), groups=2)
    return {
        "dense": (of(AllToAll(), random(4, 6)), (6,), (4,)),
        "dense of images": (of(AllToAll(), random(6, 20)), (1, 4, 5), (1, 2, 3)),
        "one to one": (of(OneToOne(), random(6)), (6,), (2, 3)),
        "one to one, one weight": (of(OneToOne(), random(1)), (2, 1, 3), (6,)),
        "sparse": (of(twice, random(6)), (6,), (3,)),
        "sparse, two weights": (of(shared, random(2)), (6,), (3,)),
        "no synapses": (of(Sparse([], []), np.zeros(0)), (6,), (3,)),
        "mean, dense": (of(AllToAll(), random(3, 8), average), (2, 5, 4), (3,)),
        "mean, one to one": (of(OneToOne(), random(8), average), (2, 5, 4), (8,)),
        "sum, one to one": (of(OneToOne(), np.ones(1), total), (5, 4), (1, 3, 5)),
        "mean, sparse": (of(twice, random(6), average), (2, 4, 6), (3,)),
        "mean, convolution": (of(conv, random(4, 1, 2, 3), average), (2, 6, 5), (4, 2, 2)),
        "sum, convolution": (of(conv, random(4, 1, 2, 3), total), (2, 5, 4), (4, 2, 5)),
        "sum, transposed": (
            of(TransposedConvolution(2), random(2, 1, 2, 2), Pooling("sum", 2)),
            (2, 5, 4), (1, 4, 4),
        ),
        "convolution of (h, w)": (of(Convolution(), random(2, 1, 2, 2)), (3, 4), (2, 2, 3)),
    }  # fmt: skip


#: By name: a projection, and the shapes of the populations at its ends.
PROJECTIONS: dict[str, tuple[Projection, Shape, Shape]] = {
    **_others(),
    **{f"convolution, {name}": convolved(case) for name, case in CONVOLUTIONS.items()},
    **{f"transposed, {name}": transposed(case) for name, case in TRANSPOSED.items()},
}
