"""When a neuron of another framework fires, and what its reset does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from brianbridge.errors import InputError, did_you_mean
from brianbridge.neurons.regular import RegularCode

__all__ = ["RESETS", "Firing", "Values"]

#: What happens to the membrane of a neuron that fired.
RESETS = {
    "to_value": "it is set to v_reset",
    "subtract": "the threshold is subtracted at once",
    "subtract_later": "the threshold is subtracted in the next step, after the decay (snnTorch)",
    "subtract_waiting": "subtracted at once; a neuron that is still above its threshold waits "
    "until its input alone exceeds the threshold (snnTorch with reset_delay=False)",
    "zero_later": "the whole next step is set to 0, with its input (snnTorch)",
    "none": "nothing",
}

Values = float | np.ndarray


@dataclass(frozen=True)
class Firing:
    """Say when a neuron fires, and what this does to its membrane.

    Parameters
    ----------
    threshold : float or array
        The threshold.
    strict : bool
        Whether the membrane must exceed the threshold; otherwise it may be equal.
    reset : str
        One of `RESETS`.
    v_reset : float or array
        The value of the reset ``"to_value"``.
    subtract : float or array, optional
        What a reset by subtraction takes away; the threshold if not given.
    most : int
        Largest value of a spike. With more than 1, a spike counts how many thresholds the
        membrane holds.

    Raises
    ------
    InputError
        If there is no such reset.

    Examples
    --------
    >>> Firing(reset="subtract").emit("v")
    'int(v >= theta)'
    """

    threshold: Values = 1.0
    strict: bool = False
    reset: str = "to_value"
    v_reset: Values = 0.0
    subtract: Values | None = None
    most: int = 1

    def __post_init__(self) -> None:
        if self.reset not in RESETS:
            raise InputError(
                f"neurons: reset = {self.reset!r}. " + did_you_mean(self.reset, RESETS)
            )

    def emit(self, membrane: str) -> str:
        """Return the value of a spike."""
        if self.most > 1:
            return f"clip(floor({membrane}/theta), 0, s_max)"
        threshold = "theta*(1 + above)" if self.reset == "subtract_waiting" else "theta"
        condition = f"{membrane} {'>' if self.strict else '>='} {threshold}"
        return f"int({condition}{' and erased < 0.5' if self.reset == 'zero_later' else ''})"

    def code(self, decay: str, shift: str) -> str:
        """Return the reset of ``v = m - shift``, whose ``m`` keeps `decay` of itself in a step."""
        amount = "theta" if self.subtract is None else "step_down"
        match self.reset:
            case "none":
                return ""
            case "to_value":
                return f"v = v_reset - {shift}" if shift else "v = v_reset"
            case "zero_later":
                return "fired = 1"
            case "subtract_later" if decay:
                return f"v -= {amount}*emit/({decay})"
        return f"v -= {amount}*emit"

    def regular(self, membrane: str, erased: tuple[str, ...]) -> tuple[RegularCode, ...]:
        """Return the code for the start of a step; `erased` sets all states to 0."""
        match self.reset:
            case "subtract_waiting":
                comparison = ">" if self.strict else ">="
                return (RegularCode(f"above = int({membrane} {comparison} theta)"),)
            case "zero_later":
                return (RegularCode("\n".join((*erased, "erased = fired", "fired = 0"))),)
        return ()

    @property
    def equations(self) -> tuple[str, ...]:
        """The variables that the reset needs."""
        return {"subtract_waiting": ("above : 1",), "zero_later": ("erased : 1", "fired : 1")}.get(
            self.reset, ()
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """The constants in emit and reset."""
        found: dict[str, Any] = {"theta": self.threshold}
        if self.reset == "to_value":
            found["v_reset"] = self.v_reset
        if self.subtract is not None and self.reset.startswith("subtract"):
            found["step_down"] = self.subtract
        if self.most > 1:
            found["s_max"] = self.most
        return found
