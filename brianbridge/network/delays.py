"""Delays and times of spikes as whole numbers of steps."""

from __future__ import annotations

import numpy as np

from brianbridge.errors import InputError

__all__ = ["LONGEST_DELAY", "step_of", "steps_in"]

#: Largest number of steps that Brian2 can count.
_MOST_STEPS = 2**53
#: Longest delay in steps. Brian2 and the twin have a buffer of that length.
LONGEST_DELAY = 100_000


def step_of(times: np.ndarray, dt: float) -> np.ndarray:
    """Return the step in which Brian2's `SpikeGeneratorGroup` emits spikes (times in seconds).

    Brian2 shifts times before it rounds them down, so that k*dt belongs to step k.

    Examples
    --------
    >>> step_of(np.array([0.3, 0.35]), 0.1).tolist()
    [3, 3]
    """
    return np.floor((times + 1e-3 * dt) / dt).astype(np.int64)


def steps_in(delay: float, dt: float, what: str) -> int:
    """Return the number of steps of `dt` in a delay (both in seconds).

    Raises
    ------
    InputError
        If it is not a multiple of `dt` (the message gives the nearest one) or is too long.

    Examples
    --------
    >>> steps_in(3e-3, 1e-3, "delay")
    3
    """
    if delay / dt > _MOST_STEPS:
        raise InputError(
            f"{what} = {delay:g} s is more than {_MOST_STEPS:,} steps of {dt * 1e3:g} ms; give a "
            "shorter one"
        )
    steps = round(delay / dt)
    if not np.isclose(steps * dt, delay, rtol=1e-9, atol=0):
        raise InputError(
            f"{what} = {delay * 1e3:g} ms is not a multiple of the step of {dt * 1e3:g} ms; "
            f"the nearest is {steps * dt * 1e3:.12g} ms"
        )
    return steps
