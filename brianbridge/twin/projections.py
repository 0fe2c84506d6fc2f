"""Projections as torch modules: trainable weights, applied by the kind of connection.

Every module maps spikes or a current ``(..., *source)`` to input ``(..., *target)``; the bias is
kept apart, for it is a constant input and no synapse. A connection that a module cannot apply is
refused when the twin is built.

In training the weighted input may be normalised (`brianbridge.twin.normalisation`), and the
weights rounded to few bits (`brianbridge.twin.quantisation`); `effective` says what weights
and bias come of it, and a module in evaluation mode computes with these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brianbridge.errors import InputError
from brianbridge.network import (
    AllToAll,
    Connection,
    Convolution,
    OneToOne,
    Pooling,
    Projection,
    Sparse,
    TransposedConvolution,
)
from brianbridge.network.convolution import image_shape
from brianbridge.twin.normalisation import BatchNorm, Normalised
from brianbridge.twin.quantisation import Quantisation
from brianbridge.twin.sparse import SparseProduct

__all__ = ["ProjectionTwin"]

Shape = tuple[int, ...]
#: ``apply(weight, x)`` for x of shape (batch, *source), to (batch, *target).
Apply = Callable[[Tensor, Tensor], Tensor]


class ProjectionTwin(nn.Module):
    """Hold the weights of a projection: ``weight``, and ``bias`` or None.

    Parameters
    ----------
    projection : Projection
        The description, with the initial weights. Frozen weights become buffers.
    source, target : tuple of int
        Shapes of the populations.
    dtype : torch.dtype
        Floating point type.
    batch_norm : bool or "potential"
        Whether to normalise the weighted input in training; of "potential", what it sums up to.
    quantisation : Quantisation, optional
        How to round the weights.
    theta : float
        Threshold of the neurons of the target, which the rounding wants to know.

    Raises
    ------
    InputError
        If synapses have delays of their own, which only the reference path follows.

    Examples
    --------
    >>> import numpy as np
    >>> dense = Projection("input", "a", np.ones((2, 3)))
    >>> ProjectionTwin(dense, (3,), (2,), torch.float32)(torch.ones(5, 4, 3)).shape
    torch.Size([5, 4, 2])
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        projection: Projection,
        source: Shape,
        target: Shape,
        dtype: torch.dtype,
        *,
        batch_norm: Normalised = False,
        quantisation: Quantisation | None = None,
        theta: float = 1.0,
    ) -> None:
        super().__init__()
        self.source, self.target = source, target
        self._quantisation, self._theta = quantisation, theta
        for name in ("weight", "bias"):
            values = getattr(projection, name)
            tensor = None if values is None else torch.tensor(values, dtype=dtype)
            if projection.frozen or tensor is None:
                self.register_buffer(name, tensor)
            else:
                self.register_parameter(name, nn.Parameter(tensor))
        seen = projection.pooled_shape(source)
        self._pool = None if projection.pool is None else _pooling(projection.pool, source)
        self._apply_weight = self._how(projection.connection, seen, target, projection.name)
        # As many as there are biases: one for each channel, or for each neuron.
        images = isinstance(projection.connection, Convolution)
        self._channels = image_shape(target, "")[0] if images else int(np.prod(target))
        self._each = int(np.prod(target)) // self._channels
        self.norm = BatchNorm(self._channels, dtype) if batch_norm else None
        self.of_potential = batch_norm == "potential"

    def _how(self, connection: Connection, source: Shape, target: Shape, name: str) -> Apply:
        match connection:
            case AllToAll():
                return lambda weight, x: F.linear(_flat(x), weight)
            case OneToOne():
                return lambda weight, x: _flat(x) * weight
            case Convolution():
                image = image_shape(source, name)
                options = (connection.stride, connection.padding, connection.dilation)
                return lambda weight, x: F.conv2d(
                    x.reshape(-1, *image), weight, None, *options, connection.groups
                )
            case TransposedConvolution():
                image = image_shape(source, name)
                kernel = (self.weight.shape[2], self.weight.shape[3])
                extra = connection.output_padding(source, target, kernel)
                return lambda weight, x: F.conv_transpose2d(
                    x.reshape(-1, *image), weight, None, connection.stride, connection.padding,
                    extra, connection.groups, connection.dilation,
                )  # fmt: skip
            case Sparse():
                return self._sparse(connection, source, target, name)
        raise InputError(
            f"projection '{name}': connection '{connection.kind}' has no torch twin; register a "
            "connection that has, or list its synapses in a Sparse"
        )

    def _sparse(self, connection: Sparse, source: Shape, target: Shape, name: str) -> Apply:
        if connection.delays is not None:
            raise InputError(
                f"projection '{name}' has a delay for each synapse, which only Brian2's reference "
                "path follows; give the projection one delay, or split it by delay"
            )
        sizes = int(np.prod(source)), int(np.prod(target))
        self._synapses = SparseProduct(connection.source, connection.target, *sizes)
        return lambda weight, x: self._synapses(weight, _flat(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return the weighted input without the bias, ``(..., *target)`` of ``(..., *source)``."""
        lead = x.shape[: x.ndim - len(self.source)]
        flat = x.reshape(-1, *self.source)
        pooled = flat if self._pool is None else self._pool(flat)
        weight = self._rounded() if self._normalises else self.effective()[0]
        return self._apply_weight(weight, pooled).reshape(*lead, *self.target)

    def normalised(self, weighted: Tensor, mean: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return a weighted input as it reaches the neurons, and the constant that comes with it.

        Parameters
        ----------
        weighted : Tensor, shape (..., *target)
            The outcome of `forward`.
        mean : Tensor, shape (batch, *target)
            Its mean over the presentation, which it is normalised by in training.

        Returns
        -------
        weighted : Tensor, shape (..., *target)
            Scaled, where there is a normalisation.
        constant : Tensor or None, shape (*target)
            What every neuron gets in every step.
        """
        if not self._normalises:
            return weighted, self.bias_of_neurons()
        assert self.norm is not None
        scale, shift = self.norm(mean.reshape(len(mean), self._channels, -1))
        return weighted * self._spread(scale), self._spread(shift)

    def normalised_potential(self, summed: Tensor) -> Tensor:
        """Return what a potential gets from here, normalised over steps, batch and places.

        Parameters
        ----------
        summed : Tensor, shape (T, batch, *target)
            The outcome of `forward`, of all that was heard by each step.
        """
        if self.norm is None:
            return summed
        if not self.training:
            return summed + self._spread(self.norm.running()[1])
        scale, shift = self.norm(summed.reshape(-1, self._channels, self._each))
        return summed * self._spread(scale) + self._spread(shift)

    def shift_of_potential(self) -> Tensor | None:
        """Return what the normalisation adds to a potential from the start, or None."""
        if self.norm is None or not self.of_potential:
            return None
        return self._spread(self.norm.running()[1])

    def bias_of_neurons(self) -> Tensor | None:
        """Return the constant input of every neuron, shape `target`, or None."""
        if self.of_potential:
            return None
        # Not by `effective`, which would round and scale all weights for it.
        bias = self.bias if self.norm is None else self.norm.running()[1]
        return None if bias is None else self._spread(bias)

    def effective(self) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias as they are deployed: rounded, with the normalisation folded in.

        The formula is that of `brianbridge.network.fold.fold_batch_norm`; a bias beside a
        normalisation would be subtracted with the mean, and so counts for nothing.
        """
        weight = self._rounded()
        if self.norm is None:
            return weight, self.bias
        scale, shift = self.norm.running()
        folded = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))
        return folded, None if self.of_potential else shift

    @property
    def _normalises(self) -> bool:
        return self.norm is not None and self.training

    def _rounded(self) -> Tensor:
        quantisation = self._quantisation
        return self.weight if quantisation is None else quantisation(self.weight, self._theta)

    def _spread(self, values: Tensor) -> Tensor:
        """Return one value for each neuron, shape `target`, of one for each channel."""
        return values.repeat_interleave(self._each * self._channels // values.numel()).reshape(
            self.target
        )


def _pooling(pool: Pooling, source: Shape) -> Callable[[Tensor], Tensor]:
    image = image_shape(source, "pooling")
    # A sum is not the mean times the size: that would be off by a bit for some sizes.
    divisor = 1 if pool.mode == "sum" else None
    windows = nn.AvgPool2d(pool.size, pool.stride, pool.padding, divisor_override=divisor)
    return lambda x: cast(Tensor, windows(x.reshape(-1, *image)))


def _flat(x: Tensor) -> Tensor:
    return x.reshape(len(x), -1)
