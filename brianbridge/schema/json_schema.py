"""Describe a file as JSON Schema, with which editors complete and explain keys and find errors."""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from brianbridge.schema.docstrings import parameter_texts, text_before_sections

__all__ = ["json_schema"]


def json_schema(model: type[BaseModel], documented_by: type | None = None) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what a model reads from a TOML file.

    Descriptions come from the docstrings of the model and of the dataclasses in it.

    Parameters
    ----------
    model : type of pydantic.BaseModel
        The model of the file.
    documented_by : type, optional
        A class whose docstring describes the keys of the file, if the model's own does not.

    Examples
    --------
    >>> class Point(BaseModel, extra="forbid"):
    ...     '''A point.
    ...
    ...     Parameters
    ...     ----------
    ...     x : float
    ...         Distance to the right.
    ...     '''
    ...     x: float
    >>> found = json_schema(Point)
    >>> found["description"], found["properties"]["x"]
    ('A point.', {'description': 'Distance to the right.', 'type': 'number'})
    """
    schema = model.model_json_schema(schema_generator=_ForEditors, mode="validation")
    if documented_by is not None:
        schema = _described(schema, documented_by)
    return {"$schema": _ForEditors.schema_dialect, **schema}


class _ForEditors(GenerateJsonSchema):
    """Add the descriptions of docstrings; leave out what means nothing in a TOML file."""

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        return _described(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
        described = _described(super().dataclass_schema(schema), schema["cls"])
        # Models of files have no other keys; early versions of pydantic leave it out here.
        return {**described, "additionalProperties": False}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # "Batch Size" adds nothing to batch_size

    def nullable_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])  # TOML has no null: the key is left out

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        default = schema.get("default")
        if default is None or dataclasses.is_dataclass(default) or isinstance(default, BaseModel):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def _described(schema: JsonSchemaValue, cls: type) -> JsonSchemaValue:
    """Add the descriptions of a class and of its fields."""
    texts = parameter_texts(cls)
    for name, entry in schema.get("properties", {}).items():
        if name in texts:
            entry.setdefault("description", texts[name])
    return {**schema, "description": text_before_sections(cls)}
