"""What a fit compares of each sweep if it is a few numbers, such as a rate, and not a trace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.quantities import si_array

__all__ = ["Measure", "Rates", "as_rates"]

#: The most that a measure differs, in scales; one that a sweep does not have differs by this.
_MISSING = 10.0


@dataclass(frozen=True, kw_only=True)
class Measure(ABC):
    """Measurements of each sweep.

    Parameters
    ----------
    names : tuple of str
        What is measured.
    dims : tuple of brian2 Dimension
        The units.
    wanted : numpy.ndarray, shape (sweeps, measures)
        What the recording has, in SI units; NaN where nothing is compared.
    scale : numpy.ndarray, shape (measures,)
        The difference that counts as 1.
    enough : float
        A loss that is as good as 0.
    variable : str
        The state variable that is recorded; empty for spikes.
    """

    names: tuple[str, ...]
    dims: tuple[Any, ...]
    wanted: np.ndarray
    scale: np.ndarray
    enough: float
    variable: str = ""

    @abstractmethod
    def of(self, recorded: Any, dt: float) -> np.ndarray:
        """Return the measures of a neuron, shape (sweeps, measures); NaN where there are none.

        Parameters
        ----------
        recorded : list of numpy.ndarray, or numpy.ndarray
            The spike times of each sweep in seconds, or traces ``(sweeps, times)`` in SI units.
        dt : float
            Seconds between values of a trace.
        """

    def loss(self, measured: np.ndarray) -> float:
        """Return the mean squared difference of measures (sweeps, measures), in scales."""
        compared = np.isfinite(self.wanted)
        differences = abs(measured - self.wanted) / self.scale
        differences = np.minimum(np.where(np.isfinite(differences), differences, np.inf), _MISSING)
        return float(np.mean(differences[compared] ** 2))

    def quantities(self, values: np.ndarray) -> dict[str, Any]:
        """Return values (sweeps, measures) by name, with units."""
        from brian2 import Quantity

        return {
            name: Quantity(one, dim=dim)
            for name, one, dim in zip(self.names, values.T, self.dims, strict=True)
        }


@dataclass(frozen=True, kw_only=True)
class Rates(Measure):
    """Hold the firing rate of each sweep.

    Parameters
    ----------
    first, last : float
        Between which times spikes are counted, in seconds.
    """

    first: float
    last: float

    def of(self, recorded: Sequence[np.ndarray], _: float) -> np.ndarray:
        """Return the rate of each sweep, shape (sweeps, 1)."""
        # Spike times are whole steps, up to rounding.
        from_here = self.first - 1e-9
        counts = [np.count_nonzero(times >= from_here) for times in recorded]
        return np.array(counts)[:, None] / (self.last - self.first)


def as_rates(target: Any) -> Any:
    """Return a rate for each sweep that starts at a time and has a length, if `target` has rates.

    Parameters
    ----------
    target : object
        The target of a fit.

    Returns
    -------
    callable or None
        Takes the number of sweeps, ``t_start`` and the length of the sweeps, in seconds.

    Examples
    --------
    >>> from brian2 import Hz
    >>> from_half_a_second = as_rates([0, 20]*Hz)(2, 0.5, 1.0)
    >>> from_half_a_second.of([np.array([]), np.array([0.4, 0.6, 0.8])], 1e-3).ravel()
    array([0., 4.])
    >>> as_rates([[0.1, 0.2], [0.15]]) is None
    True
    """
    from brian2 import Quantity, hertz
    from brian2.units.fundamentalunits import get_dimensions

    # Spike trains have several lengths, so that a list of them is no Quantity.
    each = target if isinstance(target, list | tuple) and len(target) else [target]
    are_rates = [isinstance(one, Quantity) and get_dimensions(one) is hertz.dim for one in each]
    if not any(are_rates):
        return None
    if not all(are_rates):
        other = each[are_rates.index(False)]
        raise InputError(f"target has {other!r:.80} among rates; give all of them in Hz")
    return partial(_checked, si_array(target))


def _checked(rates: np.ndarray, sweeps: int, first: float, last: float) -> Rates:
    from brian2 import hertz

    rates = np.atleast_1d(rates)
    if rates.shape != (sweeps,):
        raise InputError(
            f"there are {sweeps} sweeps of input, but the rates have the shape {rates.shape}; "
            "give one rate for each sweep"
        )
    if not (np.isfinite(rates) & (rates >= 0)).all():
        bad = rates[~(np.isfinite(rates) & (rates >= 0))][0]
        raise InputError(f"target has a rate of {bad:g} Hz; give rates from 0 on")
    if not rates.any():
        raise InputError("the rates are all 0 Hz; give input at which the neuron fires")
    # Half a spike less or more in each sweep cannot be told from what was counted.
    enough = (0.5 / (last - first) / rates.max()) ** 2 / sweeps
    return Rates(
        names=("rate",), dims=(hertz.dim,), wanted=rates[:, None], scale=rates.max(keepdims=True),
        enough=enough, first=first, last=last,
    )  # fmt: skip
