"""Check what users write, files and options, and tell in a line what is wrong."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, ValidationError

from brianbridge.errors import InputError, did_you_mean

__all__ = ["check_kinds", "find_toml", "read_toml", "validated"]

Model = TypeVar("Model", bound=BaseModel)


#: Bytes of a TOML file.
_LARGEST_FILE = 1_000_000
#: Tables and arrays in one another; nothing that is read here has half as many.
_DEEPEST = 20


def find_toml(name: str, folder: Path, what: str) -> Path:
    """Return the file of something that ships, by its name, or a user's own, by its path.

    Parameters
    ----------
    name : str
        The name of a file in `folder`, without ``.toml``; or the path of any ``.toml`` file.
    folder : Path
        What ships.
    what : str
        What it is, for the message: ``"neuron model"``.

    Raises
    ------
    InputError
        If there is no such file; the near name is suggested.
    """
    known = {path.stem: path for path in folder.glob("*.toml")}
    name = os.fspath(name) if isinstance(name, os.PathLike) else name
    if not isinstance(name, str):
        raise InputError(f"{what} {name!r:.80} is no name; give a text or a path")
    if name in known:
        return known[name]
    try:
        if name.endswith(".toml") and Path(name).exists():
            return Path(name)
    except (OSError, ValueError):
        pass  # a name that no file can have
    raise InputError(
        f"there is no {what} '{_short(name)}'. {did_you_mean(Path(name[:255]).stem, known)} "
        f"A {what} of your own is named by the path of its .toml file"
    )


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Return the entries of a TOML file, which need not be trusted.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it is, for the message: ``"study file"``.

    Raises
    ------
    InputError
        If the file cannot be read, is no TOML, is nested too deeply, or has a number that is not
        finite or not of 64 bits.
    """
    what = f"{what} '{path}'"
    try:
        if not path.is_file():
            raise InputError(
                f"{what} cannot be read: it is no regular file; give the path of a .toml file"
            )
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise InputError(f"{what} has {size} bytes; give at most {_LARGEST_FILE}")
        text = path.read_text(encoding="utf-8")
        _check_keys(text, what)
        entries = tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{what}: {_TOO_DEEP}") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # the latter also of a number of 5,000 digits
        raise InputError(f"{what} cannot be read: {error}") from None
    _check_values(entries, what)
    return entries


def _check_keys(text: str, what: str) -> None:
    """Refuse ``a.a.a...`` of thousands of parts, for which `tomllib` takes minutes."""
    for line in text.splitlines():
        parts = "".join(line.split()).translate(_ENDS_OF_KEYS).split()
        if any(part.count(".") > _LONGEST_KEY for part in parts):
            raise InputError(f"{what}: a key has more than {_LONGEST_KEY} parts; take levels out")


_LONGEST_KEY = 100
_ENDS_OF_KEYS = str.maketrans(dict.fromkeys(",=[]{}", " "))
_TOO_DEEP = f"tables or arrays are nested more than {_DEEPEST} deep; take levels out"


def _check_values(entries: Mapping[str, Any], what: str) -> None:
    """Refuse depth and numbers that other code need not expect; level by level, not recursing."""
    level: list[tuple[str, Any]] = [("", entries)]
    for _ in range(_DEEPEST):
        deeper: list[tuple[str, Any]] = []
        for key, value in level:
            if isinstance(value, Mapping):
                deeper += [(f"{key}.{_short(k)}".lstrip("."), v) for k, v in value.items()]
            elif isinstance(value, list):
                deeper += [(f"{key}.{n}", v) for n, v in enumerate(value)]
            elif isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise InputError(f"{what}: '{key}' has more than 64 bits; give a smaller number")
            elif isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"{what}: '{key}' = {value} is not finite; give a finite number")
        level = deeper
    if level:
        raise InputError(f"{what}: {_TOO_DEEP}")


def _short(text: str) -> str:
    """Return a text of a user in at most 80 characters, without control characters."""
    return "".join(c if c.isprintable() else "?" for c in shorten(text, 80, placeholder="..."))


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
        table = isinstance(first["input"], Mapping | BaseModel)
        shown = "" if table else f" = {_short(repr(first['input']))}"
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
                raise InputError(f"{what}: {name} = {_short(repr(value))}; give {wanted}")
        if hints[name] == tuple[str, ...] and (
            isinstance(value, str)
            or not isinstance(value, Collection)
            or not all(isinstance(entry, str) for entry in value)
        ):
            raise InputError(f"{what}: {name} = {_short(repr(value))}; give a list of names")
