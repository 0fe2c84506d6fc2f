"""Read TOML files into pydantic models, with one-line errors that name the file and the key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from .errors import InputError, did_you_mean

__all__ = ["read_toml", "validated"]

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
    for part in location[:-1]:
        if isinstance(part, int):
            continue  # the position in a list, whose entries are of the type just found
        field = model.model_fields.get(str(part))
        candidates = [a for a in _annotations(field) if issubclass(a, BaseModel)] if field else []
        if not candidates:
            return set()
        model = candidates[0]
    return set(model.model_fields)


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
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            hint = did_you_mean(str(first["loc"][-1]), _keys(model, first["loc"]))
            raise InputError(f"{what}: unknown key '{key}'. {hint}") from None
        if first["type"] == "missing":
            raise InputError(f"{what}: the key '{key}' is missing") from None
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{what}: '{key}' = {first['input']!r}: {message}") from None
