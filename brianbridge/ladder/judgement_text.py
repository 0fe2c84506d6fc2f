"""Describe tolerances, and how one was judged, in one line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from brianbridge.ladder.judgement import Judgement

__all__ = ["describe_judgement", "describe_tolerances"]

#: For each tolerance: name of the number, how it is written, what is allowed, and the unit.
_TEXTS = {
    "max_accuracy_drop": ("accuracy drop", "percent", "at most {} allowed", " points"),
    "min_agreement": ("agreement", "percent", "at least {} wanted", " %"),
    "min_count_correlation": ("count correlation", "number", "at least {} wanted", ""),
    "max_spikes_change": ("spikes per sample changed by", "percent", "at most {} allowed", " %"),
    "max_spike_mismatches": ("differing cells:", "count", "at most {} allowed", ""),
}

#: For each tolerance: its wording before anything is measured.
_LIMITS = {
    "max_accuracy_drop": "accuracy may drop by at most {} points",
    "min_agreement": "at least {} % of the predictions must be the twin's",
    "min_count_correlation": "spike counts must correlate with the twin's by at least {}",
    "max_spikes_change": "the number of spikes may change by at most {} %",
    "max_spike_mismatches": "at most {} cells may differ",
}
_NONE_ALLOWED = {
    "max_accuracy_drop": "accuracy must not drop",
    "max_spike_mismatches": "no cell may differ",
}


def describe_tolerances(tolerances: Mapping[str, Any]) -> str:
    """Say what a rung must keep.

    Parameters
    ----------
    tolerances : mapping
        The limits by name; one that is None, or a drop of accuracy by 1, is no limit.

    Examples
    --------
    >>> describe_tolerances({"max_accuracy_drop": 0.02, "max_spike_mismatches": 0})
    'accuracy may drop by at most 2 points; no cell may differ'
    >>> describe_tolerances({"max_accuracy_drop": 1.0})
    'no limit'
    """
    texts = []
    for name, limit in tolerances.items():
        if limit is None or name not in _LIMITS or (name == "max_accuracy_drop" and limit >= 1):
            continue
        if not limit and name in _NONE_ALLOWED:
            texts.append(_NONE_ALLOWED[name])
        else:
            texts.append(_LIMITS[name].format(_limit(limit, _TEXTS[name][1])))
    return "; ".join(texts) or "no limit"


def describe_judgement(name: str, judged: Judgement, samples: int, runs: int) -> str:
    """Describe a judgement in one line.

    Parameters
    ----------
    name : str
        Name of the tolerance.
    judged : Judgement
        The judgement.
    samples, runs : int
        Number of samples, and of runs.

    Examples
    --------
    >>> from brianbridge.ladder.judgement import Measured, judge
    >>> from brianbridge.measures.confidence_intervals import proportion_interval
    >>> measured = Measured(0.92, lambda times: proportion_interval(92 * times, 100 * times))
    >>> judged = judge("min_agreement", 0.9, measured, "interval")
    >>> describe_judgement("min_agreement", judged, samples=100, runs=1)
    'agreement 92.00 % (85.00 to 95.89), at least 90 % wanted; about 870 samples would decide'
    """
    label, form, allowed, unit = _TEXTS[name]
    text = f"{label} {_number(judged.estimate, form)}{unit}"
    if judged.by == "interval" and judged.interval is not None:
        low, high = (_number(end, form) for end in judged.interval)
        text += f" ({low} to {high})"
    text += f", {allowed.format(_limit(judged.limit, form) + unit)}"
    if judged.outcome != "undecided":
        return text
    times = judged.times_to_decide
    if judged.interval is None:
        return f"{text}; one sample decides nothing"
    if times is None:
        return f"{text}; no number of samples would decide: it is at the limit"
    if runs > 1:
        return f"{text}; about {_rounded(times)} times the samples and repeats would decide"
    return f"{text}; about {_rounded(times * samples)} samples would decide"


def _number(value: float, form: str) -> str:
    if form == "count":
        return f"{value:,.0f}"
    return f"{round(100 * value, 2) + 0.0:.2f}" if form == "percent" else f"{value:.3g}"


def _limit(value: float, form: str) -> str:
    return f"{100 * value:.4g}" if form == "percent" else _number(value, form)


def _rounded(number: float) -> str:
    """Return a forecast, rounded up to two digits."""
    step = 10 ** max(math.floor(math.log10(number)) - 1, 0) if number >= 10 else 0.1
    return f"{math.ceil(number / step - 1e-9) * step:,.{0 if number >= 10 else 1}f}"
