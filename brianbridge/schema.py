"""Check what users write, files and options, and tell in a line what is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, ValidationError

from .errors import InputError, did_you_mean

__all__ = ["check_kinds", "read_toml", "validated"]

Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Return the entries of a TOML file.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it is, for the message: ``"study file"``.

    Raises
    ------
    InputError
        If the file cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{what} '{path}' cannot be read: {error}") from None


def _keys(model: type[BaseModel], location: tuple[Any, ...]) -> set[str]:
    """Return the keys that are allowed where an unknown one was found."""
    models = [model]
    for part in location[:-1]:
        if isinstance(part, int):
            continue  # the position in a list, whose entries are of the type just found
        fields = [m.model_fields[part] for m in models if part in m.model_fields]
        if fields:
            found = [a for field in fields for a in _annotations(field)]
            models = [a for a in found if issubclass(a, BaseModel)]
        else:
            models = [m for m in models if _is_tagged(m, part)]
    return {key for m in models for key in m.model_fields}


def _is_tagged(model: type[BaseModel], tag: str) -> bool:
    """Tell whether a member of a union is the one that pydantic calls `tag`."""
    kind = model.model_fields.get("kind")
    return kind is not None and tag in get_args(kind.annotation)


def _path(entries: Mapping[str, Any], location: tuple[Any, ...], last: bool) -> str:
    """Return where an error is, without the names that pydantic gives to members of a union.

    `last` tells whether the last part is a key, though it is not there.
    """
    path, here = [], entries
    for number, part in enumerate(location):
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            if not last or number < len(location) - 1:
                continue
        path.append(str(part))
    return ".".join(path)


def _annotations(field: Any) -> list[type]:
    found, todo = [], [field.annotation]
    while todo:
        annotation = todo.pop()
        todo.extend(getattr(annotation, "__args__", ()))
        if isinstance(annotation, type):
            found.append(annotation)
    return found


def validated(model: type[Model], entries: Mapping[str, Any], what: str) -> Model:
    """Check `entries` against `model` and return it.

    Parameters
    ----------
    model : type of pydantic.BaseModel
        What is expected; it should forbid extra keys.
    entries : mapping
        What was read.
    what : str
        Where it was read, for the message.

    Raises
    ------
    InputError
        One line: the file, the key, what was found and what was expected.

    Examples
    --------
    >>> class Point(BaseModel, extra="forbid"):
    ...     x: float
    >>> validated(Point, {"x": 1}, "file 'p.toml'").x
    1.0
    """
    try:
        return model.model_validate(dict(entries))
    except ValidationError as error:
        # A misspelt key is also a missing one; that it is unknown tells more.
        unknown = [e for e in error.errors() if e["type"] == "extra_forbidden"]
        first = (unknown or error.errors())[0]
        key = _path(entries, first["loc"], last=first["type"] == "missing")
        if first["type"] == "extra_forbidden":
            hint = did_you_mean(str(first["loc"][-1]), _keys(model, first["loc"]))
            raise InputError(f"{what}: unknown key '{key}'. {hint}") from None
        if first["type"] == "missing":
            raise InputError(f"{what}: the key '{key}' is missing") from None
        if first["type"] == "union_tag_invalid":
            kind, known = first["ctx"]["tag"], first["ctx"]["expected_tags"].replace("'", "")
            hint = f"there is no such kind. {did_you_mean(kind, known.split(', '))}"
            raise InputError(f"{what}: '{key}.kind' = '{kind}': {hint}") from None
        message = first["msg"].removeprefix("Value error, ")
        # A whole table would be no help.
        shown = "" if isinstance(first["input"], Mapping | BaseModel) else f" = {first['input']!r}"
        raise InputError(f"{what}: '{key}'{shown}: {message}") from None


#: What a value of a type may be, and how to ask for it.
_KINDS: dict[type, tuple[type, str]] = {
    bool: (bool, "true or false"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "a text"),
}


def check_kinds(cls: type, values: Mapping[str, Any], what: str) -> None:
    """Check that values are of the type that a dataclass states, where that is a simple one.

    Parameters
    ----------
    cls : type
        The dataclass.
    values : mapping of str to object
        Of some of its fields.
    what : str
        Whose they are, for the message.

    Raises
    ------
    InputError
        If not; names the first.
    """
    hints = get_type_hints(cls)
    for name, value in values.items():
        for kind, (accepted, wanted) in _KINDS.items():
            # True is a number to Python, but none that anybody means.
            good = isinstance(value, accepted) and (kind is bool) == isinstance(value, bool)
            if hints[name] is kind and not good:
                raise InputError(f"{what}: {name} = {value!r}; give {wanted}")
        if hints[name] == tuple[str, ...] and (
            isinstance(value, str)
            or not isinstance(value, Collection)
            or not all(isinstance(entry, str) for entry in value)
        ):
            raise InputError(f"{what}: {name} = {value!r}; give a list of names")
