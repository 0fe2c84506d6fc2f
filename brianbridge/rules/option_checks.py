"""Checks of option values that several rules share."""

from __future__ import annotations

import math
from collections.abc import Iterable

from brianbridge.errors import InputError, did_you_mean
from brianbridge.rules.base import LearningRule

__all__ = ["require_above", "require_choice"]


def require_above(rule: LearningRule, *options: str, limit: float = 0.0) -> None:
    """Raise `InputError` unless options are above a limit and finite.

    Examples
    --------
    >>> from brianbridge.rules import SurrogateGradient
    >>> SurrogateGradient(gain=0.0)
    Traceback (most recent call last):
    brianbridge.errors.InputError: learning rule 'surrogate_gradient': gain = 0.0; give more than 0
    """
    for option in options:
        value = getattr(rule, option)
        if not limit < value < math.inf:
            raise InputError(
                f"learning rule '{rule.name}': {option} = {value}; give more than {limit:g}"
            )


def require_choice(rule: LearningRule, option: str, choices: Iterable[str]) -> None:
    """Raise `InputError`, with the nearest choice, unless an option is one of some names."""
    value, known = getattr(rule, option), tuple(choices)
    if value not in known:
        raise InputError(
            f"learning rule '{rule.name}': {option} = '{value}'. {did_you_mean(str(value), known)}"
        )
