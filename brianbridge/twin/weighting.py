"""Apply the weights of a connection in torch, chosen by the kind of connection.

Any connection can be applied by its list of synapses. Kinds that torch has a faster operation for
are registered below. To register one for a kind of your own::

    @weighting.register(MyConnection)
    def _mine(connection, weight, source, target):
        return lambda weight, x: ...
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import singledispatch

from torch import Tensor
from torch.nn import functional as F

from brianbridge.network.connections import (
    AllToAll,
    Connection,
    Convolution,
    OneToOne,
    TransposedConvolution,
)
from brianbridge.network.images import image_shape
from brianbridge.twin.sparse import ListedWeights

__all__ = ["Apply", "weighting"]

Shape = tuple[int, ...]
#: ``apply(weight, x)`` returns one value per target neuron, for x of shape ``(batch, *source)``.
Apply = Callable[[Tensor, Tensor], Tensor]


@singledispatch
def weighting(connection: Connection, weight: Shape, source: Shape, target: Shape) -> Apply:
    """Return the function that applies the weights of a connection.

    Parameters
    ----------
    connection : Connection
        Which neurons are connected.
    weight : tuple of int
        Shape of the weight.
    source, target : tuple of int
        Shapes of the populations.

    Returns
    -------
    callable
        Maps the weight and spikes ``(batch, *source)`` to ``(batch, ...)``, one value for each
        neuron of the target. A `torch.nn.Module` becomes part of the projection's twin.

    Examples
    --------
    >>> import torch
    >>> apply = weighting(AllToAll(), (2, 3), (3,), (2,))
    >>> apply(torch.ones(2, 3), torch.ones(4, 3)).shape
    torch.Size([4, 2])
    """
    pairs = connection.pairs(weight, source, target)
    return ListedWeights(pairs, math.prod(weight), math.prod(source), math.prod(target))


@weighting.register(AllToAll)
def _matrix(connection: AllToAll, weight: Shape, source: Shape, target: Shape) -> Apply:
    return lambda weight, x: F.linear(x.reshape(len(x), -1), weight)


@weighting.register(OneToOne)
def _matching(connection: OneToOne, weight: Shape, source: Shape, target: Shape) -> Apply:
    return lambda weight, x: x.reshape(len(x), -1) * weight


@weighting.register(Convolution)
def _convolution(connection: Convolution, weight: Shape, source: Shape, target: Shape) -> Apply:
    image = image_shape(source, "source of a convolution")
    options = (connection.stride, connection.padding, connection.dilation, connection.groups)
    return lambda weight, x: F.conv2d(x.reshape(-1, *image), weight, None, *options)


@weighting.register(TransposedConvolution)
def _transposed_convolution(
    connection: TransposedConvolution, weight: Shape, source: Shape, target: Shape
) -> Apply:
    image = image_shape(source, "source of a transposed convolution")
    extra = connection.output_padding(source, target, (weight[2], weight[3]))
    options = (connection.stride, connection.padding, extra, connection.groups, connection.dilation)
    return lambda weight, x: F.conv_transpose2d(x.reshape(-1, *image), weight, None, *options)
