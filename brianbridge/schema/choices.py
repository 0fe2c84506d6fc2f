"""Annotations for keys whose values a registry knows; they change only the JSON Schema.

pydantic accepts any string or table for such a key. The registry checks it when the object is made,
with its own messages.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, get_type_hints

from pydantic import GetJsonSchemaHandler, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic.json_schema import JsonSchemaValue

from brianbridge.schema.docstrings import parameter_texts, text_before_sections

__all__ = ["NameIn", "TableBy", "TablesByName"]


class _Names(Protocol):
    """The part of `brianbridge.registry.Registry` that is used here."""

    def __iter__(self) -> Iterator[str]: ...

    def __getitem__(self, name: str, /) -> Any: ...


@dataclass(frozen=True)
class NameIn:
    """Mark a string that is a name in a registry.

    Parameters
    ----------
    registry : Registry
        The registry.
    """

    registry: _Names

    def __get_pydantic_json_schema__(
        self, core: Any, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(core), "enum": list(self.registry)}


@dataclass(frozen=True)
class TableBy:
    """Mark a table in which one key names an entry of a registry and the others are its options.

    Parameters
    ----------
    registry : Registry
        The registry; its entries are dataclasses.
    key : str
        The key that names the entry.
    default : str, optional
        The entry to use if the key is missing. Without a default, the key is required.
    changes : bool
        Whether a table without the key may instead change some options of an entry that is
        named elsewhere.
    """

    registry: _Names
    key: str
    default: str | None = None
    changes: bool = False

    def __get_pydantic_json_schema__(
        self, core: Any, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        tables = {name: _options(self.registry[name], handler) for name in self.registry}
        choices = []
        for name, table in tables.items():
            tag = {"const": name, "description": table["description"]}
            required = [self.key] if name != self.default or self.changes else []
            choices.append(
                {
                    **table,
                    "properties": {self.key: tag, **table["properties"]},
                    "required": [*required, *table["required"]],
                }
            )
        if self.changes:
            some = {k: v for table in tables.values() for k, v in table["properties"].items()}
            choices.append({"type": "object", "properties": some, "additionalProperties": False})
        return {"type": "object", "anyOf": choices}


@dataclass(frozen=True)
class TablesByName:
    """Mark a table whose keys are names in a registry and whose values are their options.

    Parameters
    ----------
    registry : Registry
        The registry; its entries are dataclasses.
    """

    registry: _Names

    def __get_pydantic_json_schema__(
        self, core: Any, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        tables = {name: _options(self.registry[name], handler) for name in self.registry}
        return {"type": "object", "properties": tables, "additionalProperties": False}


def _options(cls: type, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    """Return the schema of the options of a dataclass."""
    hints, texts = get_type_hints(cls, include_extras=True), parameter_texts(cls)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for field in dataclasses.fields(cls):
        if not field.init:
            continue
        entry = _type(hints[field.name], handler)
        if field.name in texts:
            entry["description"] = texts[field.name]
        if field.default is not dataclasses.MISSING:
            if isinstance(field.default, bool | int | float | str):
                entry["default"] = field.default
        elif field.default_factory is dataclasses.MISSING:
            required.append(field.name)
        properties[field.name] = entry
    return {
        "type": "object",
        "description": text_before_sections(cls),
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _type(hint: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    """Return the schema of a type; a type that pydantic does not know allows any value."""
    try:
        return dict(handler(TypeAdapter(hint).core_schema))
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema):
        return {}
