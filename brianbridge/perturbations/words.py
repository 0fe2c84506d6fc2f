"""Say in a sentence what a perturbation changes, from its name and options."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from brianbridge.errors import InputError
from brianbridge.perturbations.base import PERTURBATIONS

__all__ = ["change_in_words"]


def change_in_words(name: str, options: Mapping[str, Any]) -> str:
    """Return the first line of a perturbation's docstring, with its options.

    Parameters
    ----------
    name : str
        Name of the perturbation. One that is not known here, but in the program that wrote a
        verdict, has its name instead of a sentence.
    options : mapping
        Its options; empty ones are left out.

    Examples
    --------
    >>> change_in_words("weight_noise", {"cv": 0.1})
    'Multiply each weight by a random factor of its own, normally distributed around 1 (cv: 0.1).'
    >>> change_in_words("of_another_program", {})
    'of_another_program.'
    """
    try:
        documented = inspect.getdoc(PERTURBATIONS[name]) or name
    except InputError:
        documented = name
    sentence = documented.splitlines()[0].replace("``", "").rstrip(".")
    given = ", ".join(f"{key}: {_text(v)}" for key, v in options.items() if _says_something(v))
    return f"{sentence} ({given})." if given else f"{sentence}."


def _says_something(value: Any) -> bool:
    empty = isinstance(value, str | list | tuple | Mapping) and not value
    return value is not None and not empty


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return " and ".join(f"{key} = {_text(v)}" for key, v in value.items())
    if isinstance(value, list | tuple):
        return " and ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
