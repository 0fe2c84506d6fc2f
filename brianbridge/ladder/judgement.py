"""Judge a tolerance: it held, fell short, or is undecided.

A number that was measured on some samples is an estimate of the number on all possible samples. A
tolerance *held* if the whole 95 % interval is within the limit, *fell short* if the whole interval
is beyond it, and is *undecided* otherwise. Numbers that are counted rather than estimated are
judged exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from brianbridge.errors import InputError, did_you_mean
from brianbridge.measures.confidence_intervals import Interval

__all__ = ["DecideBy", "Judgement", "Measured", "decided_by", "judge", "worst_outcome"]

DecideBy = Literal["interval", "estimate"]
Outcome = Literal["held", "fell short", "undecided"]

#: Margin for rounding, so that 2 lost samples in 100 meet a limit of 0.02.
_TINY = 1e-9
#: Largest multiple of the present number of samples that is considered.
_MOST = 1e5
#: The values that each tolerance allows, as an interval that depends on the limit.
_ALLOWED: Mapping[str, Callable[[float], Interval]] = {
    "max_accuracy_drop": lambda limit: (-math.inf, limit),
    "min_agreement": lambda limit: (limit, math.inf),
    "min_count_correlation": lambda limit: (limit, math.inf),
    "max_spikes_change": lambda limit: (-limit, limit),
    "max_spike_mismatches": lambda limit: (-math.inf, limit),
}


def worst_outcome(outcomes: Iterable[str]) -> str:
    """Return the worst of several outcomes; ``undecided`` if there are none.

    From worst to best these are: fell short, undecided, held, no limit.

    Examples
    --------
    >>> worst_outcome(["held", "undecided", "no limit"])
    'undecided'
    """
    found = set(outcomes) or {"undecided"}
    return next(o for o in ("fell short", "undecided", "held", "no limit") if o in found)


def decided_by(value: str) -> DecideBy:
    """Check a value of `decide_by` and return it.

    Raises
    ------
    InputError
        If it is neither ``interval`` nor ``estimate``.
    """
    known: tuple[DecideBy, ...] = ("interval", "estimate")
    for one in known:
        if value == one:
            return one
    raise InputError(f"decide_by = {value!r}. {did_you_mean(str(value), known)}")


@dataclass(frozen=True)
class Measured:
    """Hold the measured number that a tolerance limits.

    Parameters
    ----------
    estimate : float
        The number on these samples.
    interval_at : callable, optional
        Returns the interval that a multiple of the samples and runs would give, or None if there is
        none. Without this function, the estimate is judged.
    fact : bool
        Whether the number is a count on these samples rather than an estimate.
    reason : str
        Why there is no interval.
    """

    estimate: float
    interval_at: Callable[[float], Interval | None] | None = None
    fact: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Judgement:
    """The judgement of one tolerance.

    Parameters
    ----------
    limit : float
        The limit.
    estimate : float
        The number that was measured.
    interval : tuple of float, optional
        Its 95 % interval; None if there is none.
    by : {"interval", "estimate", "fact"}
        What the judgement is based on.
    outcome : {"held", "fell short", "undecided"}
        The judgement.
    times_to_decide : float, optional
        About how many times the samples (and the runs of a rung that is repeated) would decide an
        undecided tolerance if the estimate stays the same. None if it is decided, or if no number
        of samples would decide.
    reason : str
        Why it was not judged by an interval.
    """

    limit: float
    estimate: float
    interval: Interval | None
    by: Literal["interval", "estimate", "fact"]
    outcome: Outcome
    times_to_decide: float | None = None
    reason: str = ""


def judge(name: str, limit: float, measured: Measured, decide_by: DecideBy) -> Judgement:
    """Judge one tolerance.

    Parameters
    ----------
    name : str
        Name of the tolerance.
    limit : float
        Its limit.
    measured : Measured
        The number that was measured.
    decide_by : {"interval", "estimate"}
        Whether to judge the interval or the estimate alone.

    Examples
    --------
    >>> drop = Measured(0.01, lambda times: (0.01 - 0.02 / times**0.5, 0.01 + 0.02 / times**0.5))
    >>> judged = judge("max_accuracy_drop", 0.02, drop, "interval")
    >>> judged.outcome, round(judged.times_to_decide, 2)
    ('undecided', 4.0)
    >>> judge("max_accuracy_drop", 0.02, drop, "estimate").outcome
    'held'
    """
    allowed = _ALLOWED[name](limit)
    value, at = measured.estimate, measured.interval_at
    interval = None if at is None else at(1.0)
    if at is None or decide_by == "estimate":
        reason = measured.reason if at is None else "decide_by = estimate"
        by: Literal["estimate", "fact"] = "fact" if measured.fact else "estimate"
        return Judgement(
            limit, value, interval, by, _outcome((value, value), allowed), None, reason
        )
    outcome, times = _outcome(interval, allowed), None
    if outcome == "undecided" and interval is not None:
        times = _least(lambda times: _outcome(at(times), allowed) != "undecided")
    return Judgement(limit, value, interval, "interval", outcome, times)


def _outcome(interval: Interval | None, allowed: Interval) -> Outcome:
    """Compare an interval with the values that are allowed."""
    if interval is None:
        return "undecided"
    low, high = allowed[0] - _TINY, allowed[1] + _TINY
    if low <= interval[0] and interval[1] <= high:
        return "held"
    return "fell short" if interval[0] > high or interval[1] < low else "undecided"


def _least(enough: Callable[[float], bool]) -> float | None:
    """Return about the smallest number from 1 that is enough; None if even the largest is not."""
    high = 1.0
    while not enough(high):
        high *= 2
        if high > _MOST:
            return None
    low = high / 2
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
