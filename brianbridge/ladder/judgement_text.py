"""Describe in one line how a tolerance was judged."""

from __future__ import annotations

import math

from brianbridge.ladder.judgement import Judgement

__all__ = ["describe_judgement"]

#: For each tolerance: name of the number, how it is written, what is allowed, and the unit.
_TEXTS = {
    "max_accuracy_drop": ("accuracy drop", "percent", "at most {} allowed", " points"),
    "min_agreement": ("agreement", "percent", "at least {} wanted", " %"),
    "min_count_correlation": ("count correlation", "number", "at least {} wanted", ""),
    "max_spikes_change": ("spikes per sample changed by", "percent", "at most {} allowed", " %"),
    "max_spike_mismatches": ("differing cells:", "count", "at most {} allowed", ""),
}


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
