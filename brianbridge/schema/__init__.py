"""Check what users write in files and options, and describe it as JSON Schema for editors.

A frozen dataclass of options is its own file schema: pydantic reads its types, defaults and ranges,
and its docstring gives the descriptions. So a new option is written once, in its dataclass.

`toml_files` finds and reads TOML, `tables` compares a table with a model, `options` checks a
dataclass that is made in Python, `json_schema`, `docstrings` and `choices` describe all of it. May
import `brianbridge.errors` only.
"""

from brianbridge.schema.choices import NameIn, TableBy, TablesByName
from brianbridge.schema.json_schema import json_schema
from brianbridge.schema.options import check_kinds, check_options
from brianbridge.schema.tables import MadeInPython, validated
from brianbridge.schema.toml_files import files_by_name, find_toml, read_toml

__all__ = [
    "MadeInPython",
    "NameIn",
    "TableBy",
    "TablesByName",
    "check_kinds",
    "check_options",
    "files_by_name",
    "find_toml",
    "json_schema",
    "read_toml",
    "validated",
]
