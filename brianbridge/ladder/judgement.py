"""Whether a rung keeps its tolerances: held, fell short or undecided, each tolerance by itself.

A number that was found on some samples is an estimate of that on all samples that there might be. A
tolerance is *held* if the whole 95 % interval is within it, *fell short* if the whole interval is
beyond it, and *undecided* otherwise. What is counted, and not estimated, is judged exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from brianbridge.errors import InputError, did_you_mean
from brianbridge.measures.confidence_intervals import Interval

__all__ = ["DecideBy", "Measured", "decided_by", "in_words", "judge", "worst_outcome"]

DecideBy = Literal["interval", "estimate"]

#: So that a tolerance of 2 samples in 100 is not missed by rounding.
_TINY = 1e-9
#: So many times the samples that there are is more than anybody will simulate.
_MOST = 1e5
#: What each tolerance allows: values from here to there, by the limit.
_ALLOWED: Mapping[str, Callable[[float], Interval]] = {
    "max_accuracy_drop": lambda limit: (-math.inf, limit),
    "min_agreement": lambda limit: (limit, math.inf),
    "min_count_correlation": lambda limit: (limit, math.inf),
    "max_spikes_change": lambda limit: (-limit, limit),
    "max_spike_mismatches": lambda limit: (-math.inf, limit),
}


def worst_outcome(outcomes: Iterable[str]) -> str:
    """Return the first of fell short, undecided, held and no limit that is there.

    Where there is none at all, nothing is decided.

    Examples
    --------
    >>> worst_outcome(["held", "undecided", "no limit"])
    'undecided'
    """
    found = set(outcomes) or {"undecided"}
    return next(o for o in ("fell short", "undecided", "held", "no limit") if o in found)


def decided_by(value: str) -> DecideBy:
    """Return a way to decide, checked.

    Raises
    ------
    InputError
        If there is no such way.
    """
    known: tuple[DecideBy, ...] = ("interval", "estimate")
    for one in known:
        if value == one:
            return one
    raise InputError(f"decide_by = {value!r}. {did_you_mean(str(value), known)}")


@dataclass(frozen=True)
class Measured:
    """Hold what was found for a tolerance.

    Parameters
    ----------
    estimate : float
        On these samples.
    interval_at : callable, optional
        Its interval if there were so many times the samples and runs, which may be None if they
        tell nothing; not given if the estimate is judged without one.
    fact : bool
        Whether it is a count on these samples, and no estimate.
    reason : str
        Why it has no interval.
    """

    estimate: float
    interval_at: Callable[[float], Interval | None] | None = None
    fact: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Judgement:
    """Hold how one tolerance was judged; a verdict has it as a mapping.

    Parameters
    ----------
    limit, estimate : float
        What is allowed, and what was found.
    interval : tuple of float, optional
        Of what was found; None where there is none.
    by : {"interval", "estimate", "fact"}
        What it was judged by.
    outcome : {"held", "fell short", "undecided"}
        The judgement.
    times_to_decide : float, optional
        About how many times the samples (and runs, where a rung has several) would decide what is
        undecided, if the estimate stays what it is; None if it is decided, or no number would do.
    reason : str
        Why it was not judged by an interval.
    """

    limit: float
    estimate: float
    interval: Interval | None
    by: Literal["interval", "estimate", "fact"]
    outcome: Literal["held", "fell short", "undecided"]
    times_to_decide: float | None = None
    reason: str = ""


def judge(name: str, limit: float, found: Measured, decide_by: DecideBy) -> dict[str, Any]:
    """Judge one tolerance.

    Parameters
    ----------
    name : str
        Of the tolerance.
    limit : float
        What it allows.
    found : Measured
        What was found.
    decide_by : {"interval", "estimate"}
        Whether chance is to be reckoned with.

    Returns
    -------
    dict
        The fields of `Judgement`.

    Examples
    --------
    >>> found = Measured(0.01, lambda times: (0.01 - 0.02 / times**0.5, 0.01 + 0.02 / times**0.5))
    >>> judged = judge("max_accuracy_drop", 0.02, found, "interval")
    >>> judged["outcome"], round(judged["times_to_decide"], 2)
    ('undecided', 4.0)
    >>> judge("max_accuracy_drop", 0.02, found, "estimate")["outcome"]
    'held'
    """
    low, high = _ALLOWED[name](limit)

    def outcome(ends: Interval | None) -> Literal["held", "fell short", "undecided"]:
        if ends is None:
            return "undecided"
        if low - _TINY <= ends[0] and ends[1] <= high + _TINY:
            return "held"
        beyond = ends[0] > high + _TINY or ends[1] < low - _TINY
        return "fell short" if beyond else "undecided"

    value, at = found.estimate, found.interval_at
    interval = None if at is None else at(1.0)
    if at is None or decide_by == "estimate":
        by: Literal["estimate", "fact"] = "fact" if found.fact else "estimate"
        reason = found.reason if at is None else "decide_by = estimate"
        return asdict(Judgement(limit, value, interval, by, outcome((value, value)), None, reason))
    verdict, times = outcome(interval), None
    if verdict == "undecided" and interval is not None:
        times = _least(lambda times: outcome(at(times)) != "undecided")
    return asdict(Judgement(limit, value, interval, "interval", verdict, times))


def _least(enough: Callable[[float], bool]) -> float | None:
    """Return about the least number from 1 that is enough; None if none up to the most is."""
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


# ---------------------------------------------------------------------- in words


def in_words(name: str, judged: Mapping[str, Any], samples: int, runs: int) -> str:
    """Tell a judgement in a line.

    Parameters
    ----------
    name : str
        Of the tolerance.
    judged : mapping
        The fields of `Judgement`.
    samples, runs : int
        How many there were.

    Examples
    --------
    >>> from brianbridge.measures.confidence_intervals import proportion_interval
    >>> found = Measured(0.92, lambda times: proportion_interval(92 * times, 100 * times))
    >>> judged = judge("min_agreement", 0.9, found, "interval")
    >>> in_words("min_agreement", judged, samples=100, runs=1)
    'agreement 92.00 % (85.00 to 96.00), at least 90 % wanted; about 1,300 samples would decide'
    """
    kind, how, allowed, unit = _WORDS[name]
    estimate, interval, limit = judged["estimate"], judged["interval"], judged["limit"]
    text = f"{kind} {_number(estimate, how)}{unit}"
    if judged["by"] == "interval" and interval is not None:
        low, high = (_number(end, how) for end in interval)
        text += f" ({low} to {high})"
    text += f", {allowed.format(_limit(limit, how) + unit)}"
    if judged["outcome"] != "undecided":
        return text
    times = judged["times_to_decide"]
    if interval is None:
        return f"{text}; one sample decides nothing"
    if times is None:
        return f"{text}; no number of samples would decide: it is at the limit"
    if runs > 1:
        return f"{text}; about {_rounded(times)} times the samples and repeats would decide"
    return f"{text}; about {_rounded(times * samples)} samples would decide"


#: What is found, how it is written, what is allowed, and its unit, by tolerance.
_WORDS = {
    "max_accuracy_drop": ("accuracy drop", "percent", "at most {} allowed", " points"),
    "min_agreement": ("agreement", "percent", "at least {} wanted", " %"),
    "min_count_correlation": ("count correlation", "number", "at least {} wanted", ""),
    "max_spikes_change": ("spikes per sample changed by", "percent", "at most {} allowed", " %"),
    "max_spike_mismatches": ("differing cells:", "count", "at most {} allowed", ""),
}


def _number(value: float, how: str) -> str:
    if how == "count":
        return f"{value:,.0f}"
    return f"{round(100 * value, 2) + 0.0:.2f}" if how == "percent" else f"{value:.3g}"


def _limit(value: float, how: str) -> str:
    return f"{100 * value:.4g}" if how == "percent" else _number(value, how)


def _rounded(number: float) -> str:
    """Return a number to two digits, upwards: it is a forecast."""
    step = 10 ** max(math.floor(math.log10(number)) - 1, 0) if number >= 10 else 0.1
    return f"{math.ceil(number / step - 1e-9) * step:,.{0 if number >= 10 else 1}f}"
