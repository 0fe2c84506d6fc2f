"""Read JSON from untrusted files."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from brianbridge.errors import InputError

__all__ = ["parse_json"]

#: Deepest nesting of lists and objects: values are shown by recursion.
_DEEPEST = 50
#: Limit of the digits of a whole number. Seeds may have more than 64 bits.
_DIGITS = 100


def parse_json(text: bytes | str, what: str) -> Any:
    """Return the value of a JSON text.

    Parameters
    ----------
    text : bytes or str
        The text; bytes are UTF-8.
    what : str
        The origin of the text, for the message.

    Raises
    ------
    InputError
        If it is not JSON, is nested more than 50 levels deep, or has a number that is too large.

    Examples
    --------
    >>> parse_json('{"seed": 1}', "'/provenance'")
    {'seed': 1}
    >>> parse_json("[1e999]", "'/provenance'")
    Traceback (most recent call last):
    brianbridge.errors.InputError: '/provenance' is not JSON: 1e999 is too large
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        value = json.loads(
            decoded, parse_constant=_no_constant, parse_float=_finite, parse_int=_short
        )
    except ValueError as error:
        raise InputError(f"{what} is not JSON: {error}") from None
    except RecursionError:
        raise _too_deep(what) from None
    level = [value]
    for _ in range(_DEEPEST):
        level = [entry for item in level for entry in _entries(item)]
        if not level:
            return value
    raise _too_deep(what)


def _entries(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []


def _too_deep(what: str) -> InputError:
    return InputError(f"{what} is nested more than {_DEEPEST} levels deep; use fewer levels")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large")
    return value


def _short(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"{text[:20]}... has {len(text)} digits")
    return int(text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
