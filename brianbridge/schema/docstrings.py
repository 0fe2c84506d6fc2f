"""Read the descriptions of parameters from numpydoc docstrings."""

from __future__ import annotations

import inspect
import re

__all__ = ["parameter_texts", "text_before_sections"]

_SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)


def text_before_sections(cls: type) -> str:
    """Return the docstring of a class up to its first section.

    Examples
    --------
    >>> class Point:
    ...     '''A point.
    ...
    ...     Parameters
    ...     ----------
    ...     x : float
    ...     '''
    >>> text_before_sections(Point)
    'A point.'
    """
    text = inspect.cleandoc(cls.__doc__ or "")
    return _SECTION.split(text)[0].strip()


def parameter_texts(cls: type) -> dict[str, str]:
    """Return the description of each parameter of a class, in one line.

    Parameters that a class does not describe are described by its base classes.

    Examples
    --------
    >>> class Shift:
    ...     '''Shift images.
    ...
    ...     Parameters
    ...     ----------
    ...     x, y : int
    ...         Number of
    ...         pixels.
    ...     '''
    >>> parameter_texts(Shift)
    {'x': 'Number of pixels.', 'y': 'Number of pixels.'}
    """
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        parts = _SECTION.split(inspect.cleandoc(base.__dict__.get("__doc__") or ""))
        sections = dict(zip(parts[1::2], parts[2::2], strict=True))
        found = _texts(sections.get("Parameters", ""))
        # The text of the base class says more than "See `Base`."
        texts |= {k: t for k, t in found.items() if k not in texts or not t.startswith("See `")}
    return texts


def _texts(section: str) -> dict[str, str]:
    """Return the texts of a section "Parameters" by name."""
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line and not line[0].isspace():
            names = [name.strip(" *") for name in line.partition(" : ")[0].split(",")]
            texts |= dict.fromkeys(names, "")
        else:
            for name in names:
                texts[name] = f"{texts[name]} {line.strip()}".strip()
    return {name: text for name, text in texts.items() if text}
