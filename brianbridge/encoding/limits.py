"""The limits of the values that an encoding takes, which data may exceed by rounding alone."""

from __future__ import annotations

__all__ = ["ROUNDING", "exceeds", "shown_above"]

#: How far values may exceed a limit, as a share of it. Scaled data do so by a few units in the last
#: place, which is 1e-16 for float64 and 1e-7 for float32.
ROUNDING = 1e-6


def exceeds(value: float, limit: float) -> bool:
    """Return whether a value is above a limit by more than rounding.

    Examples
    --------
    >>> exceeds(1.0000000000000002, 1.0), exceeds(1.00001, 1.0)
    (False, True)
    """
    return value > limit * (1 + ROUNDING)


def shown_above(value: float, limit: float) -> str:
    """Return a value above a limit, with so many digits that it is above it as text, too.

    Examples
    --------
    >>> shown_above(1.28, 1.0), shown_above(1.0000021, 1.0)
    ('1.28', '1.0000021')
    """
    text = f"{value:g}"
    return text if float(text) > limit else f"{value:.9g}"
