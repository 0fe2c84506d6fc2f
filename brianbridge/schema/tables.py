"""Compare a table of a file with a model, and report the first error in one line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, ValidationError

from brianbridge.errors import InputError, did_you_mean
from brianbridge.schema.text import short

__all__ = ["MadeInPython", "validated"]

Model = TypeVar("Model", bound=BaseModel)

#: pydantic's names for an unknown key, in a model and in a dataclass.
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
#: Whether a file is compared with its model; errors then say where in the file they are.
_IN_FILE: ContextVar[bool] = ContextVar("in_file", default=False)


class MadeInPython(BaseModel):
    """A part of a file that users also make in Python; an error is then one line, too."""

    if not TYPE_CHECKING:  # type checkers see the fields

        def __init__(self, **entries: Any) -> None:
            try:
                super().__init__(**entries)
            except ValidationError as error:
                if _IN_FILE.get():
                    raise
                made = type(self)
                raise InputError(f"{made.__name__}: {_explained(error, made, entries)}") from None


def validated(model: type[Model], entries: Mapping[str, Any], what: str) -> Model:
    """Check `entries` against `model` and return the model.

    Parameters
    ----------
    model : type of pydantic.BaseModel
        The expected entries; it should forbid extra keys. Its fields may be dataclasses.
    entries : mapping
        The entries that were read.
    what : str
        Where the entries come from, for the message.

    Raises
    ------
    InputError
        If they do not fit. The message names the file, the key, the value and what is expected.

    Examples
    --------
    >>> class Point(BaseModel, extra="forbid"):
    ...     x: float
    >>> validated(Point, {"x": 1}, "file 'p.toml'").x
    1.0
    """
    within = _IN_FILE.set(True)
    try:
        return model.model_validate(dict(entries))
    except ValidationError as error:
        raise InputError(f"{what}: {_explained(error, model, entries)}") from None
    finally:
        _IN_FILE.reset(within)


def _explained(error: ValidationError, model: type[BaseModel], entries: Mapping[str, Any]) -> str:
    """Return a message about the most helpful error."""
    # A misspelt key also counts as missing; to call it unknown helps more.
    unknown = [e for e in error.errors() if e["type"] in _UNKNOWN_KEY]
    first = (unknown or error.errors())[0]
    key = _path(entries, first["loc"], last=first["type"] == "missing")
    if unknown:
        hint = did_you_mean(str(first["loc"][-1]), _keys(model, first["loc"]))
        return f"unknown key '{key}'. {hint}"
    if first["type"] == "missing":
        return f"the key '{key}' is missing"
    if first["type"] == "union_tag_invalid":
        kind, known = first["ctx"]["tag"], first["ctx"]["expected_tags"].replace("'", "")
        hint = did_you_mean(kind, known.split(", "))
        return f"'{key}.kind' = '{kind}': there is no such kind. {hint}"
    message = first["msg"].removeprefix("Value error, ")
    # A whole table would not help.
    table = isinstance(first["input"], Mapping | BaseModel) or dataclasses.is_dataclass(
        first["input"]
    )
    shown = "" if table else f" = {short(repr(first['input']))}"
    return f"'{key}'{shown}: {message}"


def _keys(model: type, location: tuple[Any, ...]) -> set[str]:
    """Return the keys that are allowed where an unknown one was found."""
    models = [model]
    for part in location[:-1]:
        if isinstance(part, int):
            continue  # the position in a list, whose entries are of the type just found
        found = [_types_of(m)[part] for m in models if part in _types_of(m)]
        if found:
            models = [a for hint in found for a in _classes(hint) if _types_of(a)]
        else:  # a member of a union, or a key of the user's own
            models = [m for m in models if _is_tagged(m, part)] or models
    return {key for m in models for key in _types_of(m)}


def _types_of(model: type) -> dict[str, Any]:
    """Return the type of each key of a model or dataclass; nothing for any other class."""
    if issubclass(model, BaseModel):
        return {name: field.annotation for name, field in model.model_fields.items()}
    if dataclasses.is_dataclass(model):
        hints = get_type_hints(model)
        return {field.name: hints[field.name] for field in dataclasses.fields(model) if field.init}
    return {}


def _is_tagged(model: type, tag: str) -> bool:
    """Return whether a member of a union is the one that pydantic calls `tag`."""
    return tag in get_args(_types_of(model).get("kind"))


def _path(entries: Mapping[str, Any], location: tuple[Any, ...], last: bool) -> str:
    """Return the key of an error, without the names that pydantic gives to members of a union.

    `last` says whether to keep the last part although the file lacks it.
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


def _classes(annotation: Any) -> Iterator[type]:
    """Return all classes that a type consists of."""
    if isinstance(annotation, type):
        yield annotation
    for part in get_args(annotation):
        yield from _classes(part)
