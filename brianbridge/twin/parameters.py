"""Parameters of neurons and synapses that training changes, as torch modules.

What an optimiser sees of a parameter is 0 at the start and of order one; a parametrization
(`torch.nn.utils.parametrize`) turns it into the value in SI units, which stays in its range:

===================  =====================================================
range                value
===================  =====================================================
low and high         ``low + (high - low)*sigmoid(raw + start)``
low                  ``low + (start - low)*exp(raw)``
high                 ``high - (high - start)*exp(raw)``
none                 ``start + unit*raw``, in natural units
===================  =====================================================

Weight decay thus pulls parameters towards their initial values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from brian2 import Quantity
from torch import Tensor, nn
from torch.nn.utils import parametrize

from brianbridge.errors import InputError
from brianbridge.network import SpikingNetwork
from brianbridge.neurons.quantities import parse_quantity, si_array, unit_name
from brianbridge.neurons.quantity_text import quantity_text
from brianbridge.twin.constants import constant_tensor
from brianbridge.twin.learn import Learn
from brianbridge.twin.owners import Owner, owner_of, shared_values
from brianbridge.twin.parameter_range import range_of

__all__ = ["LearnedParameters", "check_used", "learned_parameters"]


class Ranged(nn.Module):
    """Keep a parameter in its range, as a parametrization; see the docstring of the module.

    Parameters
    ----------
    start : numpy.ndarray
        The initial value, in SI units.
    low, high : float or None
        The limits.
    unit : float
        One natural unit of a parameter without limits, in SI units.
    what : str
        What it is, for messages.
    """

    def __init__(
        self, start: np.ndarray, low: float | None, high: float | None, unit: float, what: str
    ) -> None:
        super().__init__()
        self._what = what
        self._start = torch.as_tensor(start, dtype=torch.float64)
        self._low, self._high, self._unit = low, high, unit

    def forward(self, raw: Tensor) -> Tensor:
        """Return the value. It is exactly the initial one where `raw` is 0."""
        start = constant_tensor(self._start.numpy(), raw)
        low, high = self._low, self._high
        if low is not None and high is not None:
            first = torch.logit((start - low) / (high - low))
            # A factor keeps the relative precision of small values, which never become 0.
            if low == 0:
                moved = start * (torch.sigmoid(first + raw) / torch.sigmoid(first))
            elif high == 0:
                moved = start * (torch.sigmoid(-first - raw) / torch.sigmoid(-first))
            else:
                moved = start + (high - low) * (torch.sigmoid(first + raw) - torch.sigmoid(first))
            return moved.clamp(low, high)
        if 0 in (low, high):
            return start * raw.exp()
        if low is not None:
            return start + (start - low) * torch.expm1(raw)
        if high is not None:
            return start - (high - start) * torch.expm1(raw)
        return start + self._unit * raw

    def right_inverse(self, value: Tensor) -> Tensor:
        """Return the raw parameter that `forward` turns into `value`.

        Raises
        ------
        InputError
            If a value is not within the limits.
        """
        raw = self._raw(value)
        if not torch.isfinite(raw).all():
            limits = " and ".join(
                f"{side} {limit:g}"
                for side, limit in (("above", self._low), ("below", self._high))
                if limit is not None
            )
            raise InputError(f"{self._what}: give values {limits or 'that are finite'} (SI units)")
        return raw

    def _raw(self, value: Tensor) -> Tensor:
        start, low, high = self._start.to(value), self._low, self._high
        if low is not None and high is not None:
            inside, first = ((v - low) / (high - low) for v in (value, start))
            return torch.logit(inside) - torch.logit(first)
        if low is not None:
            return torch.log((value - low) / (start - low))
        if high is not None:
            return torch.log((high - value) / (high - start))
        return (value - start) / self._unit

    def get_extra_state(self) -> Tensor:
        """Return the limits, the unit and the initial value.

        With these, a state dict holds the value of the parameter.
        """
        low = -math.inf if self._low is None else self._low
        high = math.inf if self._high is None else self._high
        scale = torch.tensor([low, high, self._unit], dtype=torch.float64)
        return torch.cat([scale, self._start.ravel().cpu()])

    def set_extra_state(self, state: Tensor) -> None:
        """Take the initial value and the unit of a state dict.

        Raises
        ------
        InputError
            If it has other limits, or another number of values.
        """
        low, high = self.get_extra_state()[:2].tolist()
        there_low, there_high, unit, *start = state.tolist()
        if len(start) != self._start.numel():
            raise InputError(
                f"{self._what} has {self._start.numel()} values, but {len(start)} in the state "
                "dict; make the twin with the same each"
            )
        if (low, high) != (there_low, there_high):
            raise InputError(
                f"{self._what} lies between {low:g} and {high:g}, but between {there_low:g} and "
                f"{there_high:g} in the state dict (SI units); make the twin with these limits"
            )
        self._unit = unit
        self._start = torch.tensor(start, dtype=torch.float64).reshape(self._start.shape)


class LearnedParameters(nn.Module):
    """Hold the learned parameters of one owner, as attributes of the same names.

    Parameters
    ----------
    owner : Owner
        What they belong to; see `brianbridge.twin.owners`.
    learn : sequence of Learn
        What it learns.
    dtype : torch.dtype
        Floating point type.

    Raises
    ------
    InputError
        If a range does not fit the parameter, or the owner does not have what is learned for each.

    Examples
    --------
    >>> import brianbridge as bb
    >>> layer = bb.Dense(3, bb.neuron_model("lif"))
    >>> network = bb.SpikingNetwork.sequential((2,), [layer], encoding=bb.Current(5))
    >>> owner = owner_of(network, "output")
    >>> learned = LearnedParameters(owner, [Learn("tau", each="neuron")], torch.float64)
    >>> learned.tau.tolist()
    [0.01, 0.01, 0.01]
    >>> [name for name, _ in learned.named_parameters()]
    ['parametrizations.tau.original']
    """

    def __init__(self, owner: Owner, learn: Sequence[Learn], dtype: torch.dtype) -> None:
        super().__init__()
        self._owner, self._names = owner, tuple(one.name for one in learn)
        self._given = owner, tuple(learn), dtype
        for one in learn:
            what = f"learn: '{one.name}' of {owner.label}"
            if hasattr(self, one.name):
                raise InputError(f"{what} has a name that torch's modules use; rename it")
            start = shared_values(owner, one.name, one.each, what)
            low, high = range_of(owner, one, start, what)
            unit = owner.unit(one.name) if low is high is None else 1.0
            if unit is None:
                raise InputError(
                    f"{what} may be 0, so that its size is unknown; give it a range, "
                    f"bb.Learn('{one.name}', low=..., high=...)"
                )
            self.register_parameter(one.name, nn.Parameter(torch.as_tensor(start, dtype=dtype)))
            parametrize.register_parametrization(
                self, one.name, Ranged(start, low, high, unit, what)
            )

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # torch makes a class for each module with parametrizations, which pickle cannot find.
        return LearnedParameters, self._given, self.__dict__.copy()

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a parameter to a number, Quantity, array or tensor, in its own type and shape."""
        if name in self.__dict__.get("_names", ()):
            value = self._values(name, value)
        super().__setattr__(name, value)

    def _values(self, name: str, given: Any) -> Tensor:
        like = getattr(self, name).detach()
        what, dim = f"learn: '{name}' of {self._owner.label}", self._owner.dimensions(name)
        if not isinstance(given, Tensor):
            given = parse_quantity(given, what)
            if isinstance(given, Quantity) and given.dim is not dim:
                raise InputError(
                    f"{what} = {quantity_text(given)} is not in {unit_name(dim)}; give that unit"
                )
            given = si_array(given)
        value = torch.as_tensor(given).to(like)
        if value.ndim and value.shape != like.shape:
            raise InputError(
                f"{what} has values of shape {tuple(like.shape)}, not {tuple(value.shape)}; give "
                "this shape, or one number"
            )
        return value.expand(like.shape).clone()

    def forward(self) -> dict[str, Tensor]:
        """Return the present values, in SI units."""
        return {name: getattr(self, name) for name in self._names}

    @torch.no_grad()
    def quantities(self) -> dict[str, Any]:
        """Return the present values in double precision and with their unit.

        There is one value, or one for each neuron or synapse.
        """
        found = {}
        for name in self._names:
            held: Any = self.parametrizations[name]  # type: ignore[index]
            value = held[0](held.original.double()).cpu().numpy()
            each = np.broadcast_to(value, self._owner.start(name).shape).ravel()
            dim = self._owner.dimensions(name)
            found[name] = Quantity.with_dimensions(each if value.ndim else value, dim)
        return found


def learned_parameters(
    network: SpikingNetwork, learn: Mapping[str, Sequence[Learn]], dtype: torch.dtype
) -> nn.ModuleDict:
    """Return all learned parameters, by population or projection."""
    return nn.ModuleDict(
        {n: LearnedParameters(owner_of(network, n), chosen, dtype) for n, chosen in learn.items()}
    )


def check_used(owner: str, unused: Sequence[str]) -> None:
    """Refuse learned parameters that nothing depends on.

    Parameters
    ----------
    owner : str
        What they belong to, for messages.
    unused : sequence of str
        Their names.

    Raises
    ------
    InputError
        If there is one; it would have no gradient.
    """
    for name in unused:
        raise InputError(
            f"learn: nothing that {owner} computes depends on '{name}', so it has no gradient; "
            "leave it out"
        )
