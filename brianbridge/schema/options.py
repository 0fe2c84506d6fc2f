"""Check the options of a dataclass that is made in Python.

The dataclass states ranges in its types (``Annotated[int, Ge(1)]``, ``Literal["a", "b"]``).
pydantic reads the same types where the options come from a file.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from numbers import Integral, Real
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt

from brianbridge.errors import InputError
from brianbridge.schema.text import short

__all__ = ["check_kinds", "check_options"]

#: The values accepted for each type, and their name in messages.
_KINDS: dict[type, tuple[type, str]] = {
    bool: (bool, "true or false"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "a string"),
}

#: The comparison of each bound, and its wording in messages.
_BOUNDS: dict[type, tuple[Callable[[Any, Any], bool], str]] = {
    Ge: (operator.ge, "at least"),
    Gt: (operator.gt, "more than"),
    Le: (operator.le, "at most"),
    Lt: (operator.lt, "less than"),
}


def check_options(options: Any, what: str) -> None:
    """Check all fields of a dataclass against the types and ranges that it states.

    Parameters
    ----------
    options : dataclass
        The options.
    what : str
        Whose options they are, for the message.

    Raises
    ------
    InputError
        If a value is of another type or out of range. The message names the first.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Options:
    ...     epochs: Annotated[int, Ge(1)] = 20
    >>> check_options(Options(0), "training")
    Traceback (most recent call last):
    brianbridge.errors.InputError: training: epochs = 0 is out of range; give at least 1
    """
    values = vars(options)
    check_kinds(type(options), values, what)
    for name, hint in get_type_hints(type(options), include_extras=True).items():
        if name not in values:
            continue
        value = values[name]
        if not _in_range(hint, value):
            wanted = " and ".join(_wanted(hint))
            raise InputError(
                f"{what}: {name} = {short(repr(value))} is out of range; give {wanted}"
            )


def _in_range(hint: Any, value: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is tuple:
        return all(_in_range(get_args(hint)[0], entry) for entry in value)
    return all(_BOUNDS[type(b)][0](value, _limit(b)) for b in _bounds(hint))


def _wanted(hint: Any) -> Iterator[str]:
    if get_origin(hint) is Literal:
        yield " or ".join(repr(choice) for choice in get_args(hint))
    elif get_origin(hint) is tuple:
        yield from _wanted(get_args(hint)[0])
    for bound in _bounds(hint):
        yield f"{_BOUNDS[type(bound)][1]} {_limit(bound):g}"


def _bounds(hint: Any) -> Iterator[Any]:
    """Return the bounds of a type; none if it states none."""
    if get_origin(hint) is not Annotated:
        return
    for entry in hint.__metadata__:
        for part in entry if isinstance(entry, GroupedMetadata) else [entry]:
            if type(part) in _BOUNDS:
                yield part


def _limit(bound: Any) -> Any:
    return getattr(bound, type(bound).__name__.lower())


def check_kinds(cls: type, values: Mapping[str, Any], what: str) -> None:
    """Check values against the simple types that a dataclass states.

    Parameters
    ----------
    cls : type
        The dataclass.
    values : mapping of str to object
        Values of some of its fields.
    what : str
        Whose values they are, for the message.

    Raises
    ------
    InputError
        If a value is of another type. The message names the first.
    """
    hints = get_type_hints(cls)
    for name, value in values.items():
        for kind, (accepted, wanted) in _KINDS.items():
            # True is a number in Python, but nobody means it as one.
            good = isinstance(value, accepted) and (kind is bool) == isinstance(value, bool)
            if hints[name] is kind and not good:
                raise InputError(f"{what}: {name} = {short(repr(value))}; give {wanted}")
        if hints[name] == tuple[str, ...] and (
            isinstance(value, str)
            or not isinstance(value, Collection)
            or not all(isinstance(entry, str) for entry in value)
        ):
            raise InputError(f"{what}: {name} = {short(repr(value))}; give a list of names")
