"""The exception that bad input raises, and the hint in its message.

Each message names the object, the value and a remedy. The command line turns an `InputError` into
one line on standard error and exit status 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["InputError", "ProcessEnded", "did_you_mean"]


#: Number of characters of a name that are compared; the time grows with its square.
_LONGEST = 100


class InputError(ValueError):
    """Report input that cannot be used, and say what to give instead."""


class ProcessEnded(InputError):
    """Report that another of several processes, which work together, has ended."""


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Suggest the nearest known name, or list all of them.

    Parameters
    ----------
    name : object
        The name that the user gave, which may be no text.
    known : iterable of str
        The names that exist.

    Returns
    -------
    str
        A sentence to append to an error message.

    Examples
    --------
    >>> did_you_mean("lfi", ["lif", "adex"])
    "Did you mean 'lif'?"
    >>> did_you_mean("foo", ["lif", "adex"])
    "Choose from: 'adex', 'lif'."
    """
    known = sorted(known)
    near = get_close_matches(str(name)[:_LONGEST], known, n=1, cutoff=0.5)
    if near:
        return f"Did you mean '{near[0]}'?"
    if not known:
        return "There are none."
    return "Choose from: " + ", ".join(f"'{k}'" for k in known) + "."
