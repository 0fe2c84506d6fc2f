"""Code that neurons run regularly, as by Brian2's `run_regularly`, at the start of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brianbridge.errors import InputError
from brianbridge.neurons.quantities import seconds

__all__ = ["RegularCode", "regular_codes"]


@dataclass(frozen=True)
class RegularCode:
    """Hold statements that all neurons run at the start of a step, before their state update.

    Parameters
    ----------
    code : str
        The statements.
    period : Quantity, str or float, optional
        Time from one run to the next (seconds if a plain number); the first is at time 0. If not
        given, they run in every step.

    Examples
    --------
    >>> from brian2 import ms
    >>> RegularCode("I = 2*I", period=5*ms)
    RegularCode(code='I = 2*I', period=0.005)
    """

    code: str
    period: Any = None

    def __post_init__(self) -> None:
        if self.period is not None:
            object.__setattr__(self, "period", seconds(self.period, "period of regular code"))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        return {"code": self.code, "period": self.period}

    def steps(self, dt: float) -> int:
        """Return how many steps of `dt` (seconds) lie between two runs.

        Raises
        ------
        InputError
            If the period is not a whole number of steps.
        """
        if self.period is None:
            return 1
        number = round(self.period / dt)
        if number < 1 or abs(number * dt - self.period) > 1e-9 * self.period:
            raise InputError(
                f"code '{self.code.strip():.80}' runs every {self.period * 1e3:g} ms, which is no "
                f"multiple of the step of {dt * 1e3:g} ms; change its dt"
            )
        return number


def regular_codes(given: Sequence[Any]) -> tuple[RegularCode, ...]:
    """Return regular code, given as such or as the results of `RegularCode.to_dict`."""
    return tuple(RegularCode(**one) if isinstance(one, Mapping) else one for one in given)
