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
import operator
from collections.abc import Sequence
from functools import partial, reduce

import numpy as np
import torch
from torch import Tensor, nn

from brianbridge.errors import InputError
from brianbridge.network import Projection
from brianbridge.network.connections import AllToAll
from brianbridge.twin.delays import DelayedSynapses, shifted
from brianbridge.twin.lag import Arriving, lagging, lagging_arrivals
from brianbridge.twin.noise import Noise
from brianbridge.twin.normalisation import BatchNorm, Normalised
from brianbridge.twin.quantisation import Quantisation
from brianbridge.twin.signs import WeightSigns
from brianbridge.twin.standardisation import StandardisedWeights
from brianbridge.twin.unreliable import UnreliableWeights
from brianbridge.twin.weighting import pooling, weighting

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
    batch_norm : bool, "potential" or "weights"
        Whether to normalise the weighted input in training, its sum over steps, or the weights.
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

    #: Steps by which all spikes arrive later, of shape (batch, 1, ...); its derivative is that of a
    #: delay.
    lag: Tensor | None = None
    weight: Tensor
    bias: Tensor | None
    delay: Tensor
    _steps: Tensor

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
        self.signs, self._what = WeightSigns(projection, dtype), f"projection '{projection.name}'"
        self.check_signs("change these weights, or give sign = 'kept' or 'any'")
        connection, seen = projection.connection, projection.pooled_shape(source)
        self._pool = None if projection.pool is None else pooling(projection.pool, source)
        self._all_to_all = type(connection) is AllToAll
        self._apply_weight = weighting(connection, projection.weight.shape, seen, target)
        self._unreliable: UnreliableWeights | None = None
        if projection.failure is not None:
            self._unreliable = UnreliableWeights(projection, source, target, dt)
        self._delayed: DelayedSynapses | None = None
        self._dt, self._longest = dt, projection.longest_delay
        # The last step that a delay may be rounded to.
        self._last = math.floor((self._longest or 0.0) / dt + 1e-9) * dt
        if connection.delays is not None:
            pairs = connection.pairs(projection.weight.shape, source, target)
            self._delayed = DelayedSynapses(pairs, math.prod(source), math.prod(target))
            steps = torch.as_tensor(np.rint(connection.delays / dt).astype(np.int64))
            self.register_buffer("_steps", steps, persistent=False)
            if self._longest is not None:
                self.delay = nn.Parameter(torch.tensor(connection.delays, dtype=dtype))
        # One channel for each bias; without channels, that is one for each neuron.
        self._channels = math.prod(connection.bias_shape(target))
        self._each = math.prod(target) // self._channels
        by_weights = batch_norm == "weights"
        self.norm: BatchNorm | None = None
        if batch_norm and not by_weights:
            self.norm = BatchNorm(self._channels, dtype, unit=unit)
        self.standardised = StandardisedWeights(self.weight) if by_weights else None
        self.of_potential = batch_norm == "potential"

    def over_time(
        self, raster: Tensor, later: int, noise: Noise | None = None, first: int = 0
    ) -> Tensor:
        """Return the weighted input of a whole presentation, without the bias.

        Parameters
        ----------
        raster : Tensor, shape (T, batch, *source)
            The spikes of the source.
        later : int
            Steps after which all of them arrive, on top of the delays of single synapses.
        noise : Noise, optional
            Decides which spikes fail to arrive, if some do; fresh if not given.
        first : int
            The step of the presentation in which the first of them are sent.

        Returns
        -------
        Tensor, shape (T, batch, *target)
        """
        raster, weight = shifted(raster, later), self._applied_weight()
        deliver, fails = self._all_over_time, self._unreliable
        if fails is None:
            found = deliver(raster, weight)[0]
        else:
            found = fails.over_time(deliver, noise, first, raster, weight, training=self.training)
        return found if self.lag is None else lagging(found, shifted(found, 1), self.lag)

    def _all_over_time(self, raster: Tensor, *weights: Tensor) -> list[Tensor]:
        """Return the weighted input if all spikes arrive, by each of some weights.

        The gradient of the spikes is that by the first weights.
        """
        if self._delayed is None:
            return self._weighted_each(raster, weights)
        found, flat = [], raster.flatten(2)
        for weight in weights:
            parts = (self._delayed(w, steps, flat) for w, steps in self._delayed_parts(weight))
            found.append(reduce(operator.add, parts).reshape(*raster.shape[:2], *self.target))
            flat = flat.detach()
        return found

    def arrivals(self, later: int, noise: Noise | None = None, first: int = 0) -> Arriving:
        """Start a presentation whose spikes become known step by step.

        Parameters
        ----------
        later, noise
            As in `over_time`.
        first : int
            The step of the presentation that ``k = 0`` stands for.

        Returns
        -------
        callable
            ``arriving(k, emitted)`` returns the weighted input in step k, ``(batch, *target)``,
            from the spikes of all steps so far; None before the first spike can arrive.
        """
        start, fails = partial(self._arrivals, later), self._unreliable
        if fails is not None:
            start = partial(fails.arrivals, start, later, noise, first, training=self.training)
        arriving = start(self._applied_weight())
        return arriving if self.lag is None else lagging_arrivals(arriving, self.lag)

    def _arrivals(self, later: int, weight: Tensor) -> Arriving:
        if self._delayed is None:
            return lambda k, emitted: (
                self.weighted(emitted[k - later], weight) if k >= later else None
            )
        run = self._delayed.arrivals(self._delayed_parts(weight))

        def arriving(k: int, emitted: Sequence[Tensor]) -> Tensor | None:
            found = run.at(k - later, emitted)
            return None if found is None else found.reshape(-1, *self.target)

        return arriving

    def _delayed_parts(self, weight: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return weights and delays in steps of all synapses; what they deliver is added.

        In training, a learned delay between two steps delivers a part of the weight in each.
        """
        assert self._delayed is not None
        each = self._delayed.each(weight)
        if self._longest is None:
            return [(each, self._steps)]
        if not self.training:
            return [(each, self._delay_steps())]
        steps = self.delay / self._dt
        first = steps.detach().floor()
        part, first = steps - first, first.long()
        return [(each * part, first + 1), (each * (1 - part), first)]

    def _delay_steps(self) -> Tensor:
        """Return the delays of all synapses, rounded to steps."""
        return (self.delay.detach() / self._dt).round().long()

    def longest_delay(self) -> int:
        """Return the longest delay of a single synapse in steps; 0 if they have none."""
        if self._longest is not None:
            return round(self._last / self._dt) + 1  # in training, a spike is shared by two steps
        return 0 if self._delayed is None or not len(self._steps) else int(self._steps.max())

    def delays(self) -> Tensor | None:
        """Return the learned delays in seconds, rounded to steps; None if they are not learned.

        Raises
        ------
        InputError
            If one is not within its range.
        """
        if self._longest is None:
            return None
        steps, last = self._delay_steps(), round(self._last / self._dt)
        outside = int(((steps < 0) | (steps > last)).sum())
        if outside:
            raise InputError(
                f"{self._what}: {outside} of {steps.numel()} delays are not between 0 and "
                f"{1e3 * self._longest:g} ms; call twin.keep_bounds() after each optimiser step"
            )
        return steps.double() * self._dt

    def forward(self, x: Tensor) -> Tensor:
        """Return the weighted input without the bias, ``(..., *target)`` for ``(..., *source)``.

        All synapses deliver `x`, also those with a delay of their own; see `over_time`. Where
        spikes may fail to arrive, the result is what arrives on average.
        """
        found = self.weighted(x, self._applied_weight())
        return found if self._unreliable is None else self._unreliable.arriving * found

    def weighted(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return the input ``(..., *target)`` by other weights, of the same shape."""
        return self._weighted_each(x, [weight])[0]

    def _weighted_each(self, x: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
        lead, found = x.shape[: x.ndim - len(self.source)], []
        flat = x.reshape(math.prod(lead), *self.source)
        pooled = flat if self._pool is None else self._pool(flat)
        for weight in weights:
            found.append(self._apply_weight(weight, pooled).reshape(*lead, *self.target))
            pooled = pooled.detach()
        return found

    def _applied_weight(self) -> Tensor:
        """Return the weight that input is multiplied with."""
        return self._rounded() if self.normalises else self.effective()[0]

    def normalised(
        self, weighted: Tensor, *, over_time: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Return the weighted input that reaches the neurons, and the constant input added to it.

        Parameters
        ----------
        weighted : Tensor, shape ([T,] batch, *target)
            The result of `forward`.
        over_time : bool
            Whether its first axis is time; statistics are then those of the mean over all steps.

        Returns
        -------
        weighted : Tensor, shape (..., *target)
            The weighted input, scaled if there is a normalisation.
        constant : Tensor or None, shape (*target)
            Constant input of every neuron in every step.
        """
        if not self.normalises:
            return weighted, self.bias_of_neurons()
        assert self.norm is not None
        mean = weighted.mean(0) if over_time else weighted
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
        self.signs.check(self.weight, remedy)

    @torch.no_grad()
    def keep_bounds(self) -> None:
        """Set weights to 0 that have another sign than allowed, and delays back into their range.

        See `brianbridge.network.Projection`, `sign` and `longest_delay`.
        """
        if self._longest is not None:
            self.delay.clamp_(0, self._last)
        if not self.signs:
            return
        self.weight.copy_(self.signs.kept(self.weight))
        if self.norm is not None:
            self.norm.gamma.clamp_(min=0)

    def natural_units(self) -> dict[str, float]:
        """Return one natural unit of each parameter, in SI units, by the parameter's name."""
        units = {"weight": self.unit, "bias": self.bias_unit}
        units |= dict.fromkeys(("norm.gamma", "norm.beta", "standardised.gain"), self.unit)
        # A delay has its whole range to move in.
        units |= {} if self._longest is None else {"delay": self._longest}
        return {name: units[name] for name, _ in self.named_parameters() if name in units}

    @property
    def is_matrix(self) -> bool:
        """Whether each spike only adds its row of a matrix of weights."""
        special = self._pool, self._delayed, self._unreliable, self.lag, self.norm
        return self._all_to_all and all(one is None for one in special)

    @property
    def normalises(self) -> bool:
        """Whether the input is normalised by the statistics of the batch."""
        return self.norm is not None and self.training

    def _rounded(self) -> Tensor:
        weight = self.weight if self.standardised is None else self.standardised(self.weight)
        return weight if self._quantisation is None else self._quantisation(weight, self._theta)

    def _spread(self, values: Tensor) -> Tensor:
        """Return one value per neuron, shape `target`, from one value per channel."""
        return values.repeat_interleave(self._each * self._channels // values.numel()).reshape(
            self.target
        )
