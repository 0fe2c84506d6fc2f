"""Functions of time in equations: the values of a Brian2 `TimedArray`, as plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError
from brianbridge.neurons.quantities import from_json, seconds, si_array, to_json

__all__ = ["TimedValues", "timed_values"]


@dataclass(frozen=True, eq=False)
class TimedValues:
    """Hold values that are in force one after another, each for a time `dt`.

    Equations call them as a function, ``stimulus(t)`` or ``stimulus(t, i)``. As in Brian2's
    `TimedArray`, the last value stays in force.

    Parameters
    ----------
    values : Quantity or array, shape (times,) or (times, columns)
        The values.
    dt : Quantity, str or float
        How long each is in force (seconds if a plain number).

    Examples
    --------
    >>> from brian2 import mV, ms
    >>> stimulus = TimedValues([1, 2]*mV, dt=5*ms)
    >>> stimulus.function("stimulus")(7*ms)
    2. * mvolt
    """

    values: Any
    dt: Any

    def __post_init__(self) -> None:
        array = si_array(self.values)
        if array.ndim not in (1, 2) or not array.size or not np.isfinite(array).all():
            raise InputError(
                f"timed values have shape {array.shape}; give finite values, (times,) or (times, "
                "columns)"
            )
        object.__setattr__(self, "dt", seconds(self.dt, "dt of timed values"))

    def function(self, name: str) -> Any:
        """Return Brian2's `TimedArray`, to be called as `name`."""
        from brian2 import TimedArray, second

        # Names that depend on the values alone let Brian2 find its compiled code again.
        digest = hashlib.sha256(self._identity()).hexdigest()[:8]
        return TimedArray(self.values, dt=self.dt * second, name=f"{name}_{digest}")

    def _identity(self) -> bytes:
        """Return the bytes that the name of the function depends on."""
        return si_array(self.values).tobytes()

    def to_dict(self) -> dict[str, Any]:
        """Return the values and `dt`, for JSON."""
        return {"values": to_json(self.values), "dt": self.dt}


def timed_values(given: Any, what: str) -> TimedValues:
    """Return timed values, given as such, as a `TimedArray`, or as the result of `to_dict`.

    Examples
    --------
    >>> from brian2 import TimedArray, ms
    >>> timed_values(TimedArray([1, 2], dt=5*ms), "stimulus").dt
    0.005
    """
    from brian2 import Quantity, TimedArray

    if isinstance(given, TimedArray):
        return TimedValues(Quantity(given.values, dim=given.dim), given.dt)
    if isinstance(given, Mapping) and set(given) == {"values", "dt"}:
        return TimedValues(from_json(given["values"]), given["dt"])
    if not isinstance(given, TimedValues):
        raise InputError(f"{what}: {type(given).__name__} is no TimedArray; give one")
    return given
