"""Apply the weights of a connection in torch, chosen by the kind of connection.

Any connection can be applied by its list of synapses. Kinds that torch has a faster operation for
are registered below. To register one for a kind of your own::

    @weighting.register(MyConnection)
    def _mine(connection, weight, source, target):
        return my_function

Return a function of a module, a `functools.partial` of one, or a `torch.nn.Module`: a twin with a
``lambda`` or a local function in it cannot be pickled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial, singledispatch
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brianbridge.network import Pooling
from brianbridge.network.connections import (
    AllToAll,
    Connection,
    Convolution,
    OneToOne,
    TransposedConvolution,
)
from brianbridge.network.images import image_shape
from brianbridge.twin.products.convolution import spike_convolution
from brianbridge.twin.products.dense import spike_product
from brianbridge.twin.sparse import ListedWeights
from brianbridge.twin.transforms import runs_compiled

__all__ = ["Apply", "pooling", "weighting"]

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
    return _dense


@weighting.register(OneToOne)
def _matching(connection: OneToOne, weight: Shape, source: Shape, target: Shape) -> Apply:
    return _one_by_one


@weighting.register(Convolution)
def _convolution(connection: Convolution, weight: Shape, source: Shape, target: Shape) -> Apply:
    image = image_shape(source, "source of a convolution")
    options = (connection.stride, connection.padding, connection.dilation, connection.groups)
    return partial(_convolve, spike_convolution, image, options)


@weighting.register(TransposedConvolution)
def _transposed_convolution(
    connection: TransposedConvolution, weight: Shape, source: Shape, target: Shape
) -> Apply:
    image = image_shape(source, "source of a transposed convolution")
    extra = connection.output_padding(source, target, (weight[2], weight[3]))
    options = (connection.stride, connection.padding, extra, connection.groups, connection.dilation)
    return partial(_convolve, _transposed, image, options)


def _dense(weight: Tensor, x: Tensor) -> Tensor:
    return spike_product(_flat(x), weight)


def _one_by_one(weight: Tensor, x: Tensor) -> Tensor:
    shape = x.shape[1:]  # images keep their order in memory
    return x * weight.expand(math.prod(shape)).reshape(shape)


def _flat(x: Tensor) -> Tensor:
    images = x.ndim == 4 and not x.is_contiguous()
    if images and x.requires_grad and runs_compiled(x):
        # The gradient comes row by row: it is put in the order of the images before it is spread
        # out over the windows of a pooling, which would put far more numbers in that order.
        x.register_hook(_by_pixel)
    return x.reshape(len(x), math.prod(x.shape[1:]))  # -1 would be ambiguous for no samples


def _by_pixel(gradient: Tensor) -> Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)


def _convolve(
    function: Callable[..., Tensor],
    image: Shape,
    options: tuple[Any, ...],
    weight: Tensor,
    x: Tensor,
) -> Tensor:
    return function(x.reshape(len(x), *image), weight, *options)


def _transposed(x: Tensor, weight: Tensor, *options: Any) -> Tensor:
    return F.conv_transpose2d(x, weight, None, *options)


def pooling(pool: Pooling, source: Shape) -> nn.Module:
    """Return the module that pools images of a population before its weights apply."""
    image = image_shape(source, "pooling")
    # The mean times the size may differ from the sum in the last bit.
    divisor = 1 if pool.mode == "sum" else None
    windows = nn.AvgPool2d(pool.size, pool.stride, pool.padding, divisor_override=divisor)
    return (
        windows if source == image else nn.Sequential(nn.Flatten(), nn.Unflatten(1, image), windows)
    )
