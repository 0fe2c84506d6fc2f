"""Projections as torch modules: trainable weights, applied by the kind of connection.

A module maps spikes or a current ``(..., *source)`` to input ``(..., *target)``. The bias is
separate: it is a constant input, not a synapse. How weights are applied depends on the kind of
connection: see `brianbridge.twin.weighting`.

In training the weighted input may be normalised (`brianbridge.twin.normalisation`), and the
weights rounded to few bits (`brianbridge.twin.quantisation`). `ProjectionTwin.effective` returns
the weight and bias that result. A module in evaluation mode computes with these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn

from brianbridge.errors import InputError
from brianbridge.network import Pairs, Pooling, Projection
from brianbridge.network.images import image_shape
from brianbridge.network.sign import allowed_signs
from brianbridge.network.split import groups_by_delay
from brianbridge.twin.normalisation import BatchNorm, Normalised
from brianbridge.twin.quantisation import Quantisation
from brianbridge.twin.sparse import DelayedWeights
from brianbridge.twin.weighting import weighting

__all__ = ["ProjectionTwin"]

Shape = tuple[int, ...]


class ProjectionTwin(nn.Module):
    """Hold the weights of a projection: ``weight``, and ``bias`` or None.

    Parameters
    ----------
    projection : Projection
        Description of the projection, with the initial weights. Frozen weights become buffers.
    source, target : tuple of int
        Shapes of the populations.
    dtype : torch.dtype
        Floating point type.
    batch_norm : bool or "potential"
        Whether to normalise the weighted input in training; with "potential", its sum over steps.
    quantisation : Quantisation, optional
        How to round the weights.
    theta : float
        Threshold of the neurons of the target, which the rounding needs.
    dt : float
        Length of a step in seconds, for synapses with individual delays.
    unit, bias_unit : float
        One natural unit of the weights and of the biases, in SI units.

    Raises
    ------
    InputError
        If weights have signs that the projection does not allow.

    Examples
    --------
    >>> import numpy as np
    >>> dense = Projection("input", "a", np.ones((2, 3)))
    >>> ProjectionTwin(dense, (3,), (2,), torch.float32)(torch.ones(5, 4, 3)).shape
    torch.Size([5, 4, 2])
    """

    weight: Tensor
    bias: Tensor | None
    _signs: Tensor | None

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
        dt: float = 1.0,
        unit: float = 1.0,
        bias_unit: float = 1.0,
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
        self.unit, self.bias_unit = unit, bias_unit
        signs = allowed_signs(projection.sign, projection.weight)
        kept = None if signs is None else torch.as_tensor(signs, dtype=dtype)
        self.register_buffer("_signs", kept, persistent=False)
        self._sign, self._what = projection.sign, f"projection '{projection.name}'"
        self.check_signs("change these weights, or give sign = 'kept' or 'any'")
        connection, seen = projection.connection, projection.pooled_shape(source)
        self._pool = None if projection.pool is None else _pooling(projection.pool, source)
        self._apply_weight = weighting(connection, projection.weight.shape, seen, target)
        self._delayed = nn.ModuleList()
        if connection.delays is not None:
            pairs = connection.pairs(projection.weight.shape, source, target)
            for steps, chosen in groups_by_delay(connection.delays, dt):
                part = Pairs(*(column[chosen] for column in pairs))
                self._delayed.append(
                    DelayedWeights(steps, part, math.prod(source), math.prod(target))
                )
        # One channel for each bias; without channels, that is one for each neuron.
        self._channels = math.prod(connection.bias_shape(target))
        self._each = math.prod(target) // self._channels
        self.norm = BatchNorm(self._channels, dtype, unit=unit) if batch_norm else None
        self.of_potential = batch_norm == "potential"

    def arriving(self, emitted: Callable[[int], Tensor | None]) -> Tensor | None:
        """Return the weighted input from spikes that arrive together, without the bias.

        Parameters
        ----------
        emitted : callable
            Returns the spikes ``(..., *source)`` that were emitted so many steps before those of
            the synapses without a delay of their own; None if that was before the start.

        Returns
        -------
        Tensor, shape (..., *target), or None
            None if no synapse had a spike to deliver.
        """
        if not self._delayed:
            spikes = emitted(0)
            return None if spikes is None else self(spikes)
        weight = self._rounded() if self._normalises else self.effective()[0]
        found: Tensor | None = None
        for part in cast(Iterable[DelayedWeights], self._delayed):
            spikes = emitted(part.steps)
            if spikes is not None:
                lead = spikes.shape[: spikes.ndim - len(self.source)]
                delivered = part(weight, spikes.reshape(-1, math.prod(self.source)))
                delivered = delivered.reshape(*lead, *self.target)
                found = delivered if found is None else found + delivered
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Return the weighted input without the bias, ``(..., *target)`` for ``(..., *source)``.

        All synapses deliver `x`, also those with a delay of their own; see `arriving`.
        """
        lead = x.shape[: x.ndim - len(self.source)]
        flat = x.reshape(-1, *self.source)
        pooled = flat if self._pool is None else self._pool(flat)
        weight = self._rounded() if self._normalises else self.effective()[0]
        return self._apply_weight(weight, pooled).reshape(*lead, *self.target)

    def normalised(self, weighted: Tensor, mean: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the weighted input that reaches the neurons, and the constant input added to it.

        Parameters
        ----------
        weighted : Tensor, shape (..., *target)
            The result of `forward`.
        mean : Tensor, shape (batch, *target)
            Mean over the presentation, from which training takes its statistics.

        Returns
        -------
        weighted : Tensor, shape (..., *target)
            The weighted input, scaled if there is a normalisation.
        constant : Tensor or None, shape (*target)
            Constant input of every neuron in every step.
        """
        if not self._normalises:
            return weighted, self.bias_of_neurons()
        assert self.norm is not None
        scale, shift = self.norm(mean.reshape(len(mean), self._channels, -1))
        return weighted * self._spread(scale), self._spread(shift)

    def normalised_potential(self, summed: Tensor) -> Tensor:
        """Return the summed input of the neurons, normalised over steps, batch and positions.

        Parameters
        ----------
        summed : Tensor, shape (T, batch, *target)
            The result of `forward`, summed over all steps up to each one.
        """
        if self.norm is None:
            return summed
        if not self.training:
            return summed + self._spread(self.norm.running()[1])
        scale, shift = self.norm(summed.reshape(-1, self._channels, self._each))
        return summed * self._spread(scale) + self._spread(shift)

    def shift_of_potential(self) -> Tensor | None:
        """Return the constant that the normalisation adds to a potential, or None."""
        if self.norm is None or not self.of_potential:
            return None
        return self._spread(self.norm.running()[1])

    def bias_of_neurons(self) -> Tensor | None:
        """Return the constant input of every neuron, shape `target`, or None."""
        if self.of_potential:
            return None
        # `effective` would round and scale all weights, too.
        bias = self.bias if self.norm is None else self.norm.running()[1]
        return None if bias is None else self._spread(bias)

    def effective(self) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias as they are deployed: rounded, with the normalisation folded in.

        The formula is that of `brianbridge.network.fold.fold_batch_norm`. A bias before a
        normalisation would be subtracted with the mean, and is left out.
        """
        weight = self._rounded()
        if self.norm is None:
            return weight, self.bias
        scale, shift = self.norm.running()
        folded = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))
        return folded, None if self.of_potential else shift

    def check_signs(self, remedy: str) -> None:
        """Refuse weights whose sign the projection does not allow, with a remedy."""
        weight = self.weight
        wrong = 0 if self._signs is None else int((self._signs * weight < 0).sum())
        if wrong:
            raise InputError(
                f"{self._what}: sign = '{self._sign}', but {wrong} of {weight.numel()} weights "
                f"have the other sign; {remedy}"
            )

    @torch.no_grad()
    def keep_signs(self) -> None:
        """Set weights to 0 that have left the signs which `Projection.sign` allows."""
        if self._signs is None:
            return
        self.weight.copy_(self._signs * (self._signs * self.weight).clamp(min=0))
        if self.norm is not None:
            self.norm.gamma.clamp_(min=0)

    def natural_units(self) -> dict[str, float]:
        """Return one natural unit of each parameter, in SI units, by the parameter's name."""
        units = {"weight": self.unit, "bias": self.bias_unit}
        units |= {"norm.gamma": self.unit, "norm.beta": self.unit}
        return {name: units[name] for name, _ in self.named_parameters() if name in units}

    @property
    def _normalises(self) -> bool:
        return self.norm is not None and self.training

    def _rounded(self) -> Tensor:
        quantisation = self._quantisation
        return self.weight if quantisation is None else quantisation(self.weight, self._theta)

    def _spread(self, values: Tensor) -> Tensor:
        """Return one value per neuron, shape `target`, from one value per channel."""
        return values.repeat_interleave(self._each * self._channels // values.numel()).reshape(
            self.target
        )


def _pooling(pool: Pooling, source: Shape) -> Callable[[Tensor], Tensor]:
    image = image_shape(source, "pooling")
    # The mean times the size may differ from the sum in the last bit.
    divisor = 1 if pool.mode == "sum" else None
    windows = nn.AvgPool2d(pool.size, pool.stride, pool.padding, divisor_override=divisor)
    return lambda x: cast(Tensor, windows(x.reshape(-1, *image)))
