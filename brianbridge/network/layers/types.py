"""The types of the layers' fields in files."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import GetPydanticSchema, NonNegativeInt, PositiveInt, Strict

from brianbridge.network.connections import CONNECTIONS
from brianbridge.schema import TableBy

__all__ = ["ConnectionTable", "Padding", "Shape", "Size", "Time"]

# Files have lists, which strict pydantic models do not accept as tuples.

#: One number for height and width, or one for each.
Size = PositiveInt | Annotated[tuple[PositiveInt, PositiveInt], Strict(False)]

#: The same, where 0 is allowed.
Padding = NonNegativeInt | Annotated[tuple[NonNegativeInt, NonNegativeInt], Strict(False)]

#: A shape; a plain number is a flat one.
Shape = PositiveInt | Annotated[tuple[PositiveInt, ...], Strict(False)]

#: A connection. A file has a table of its ``kind`` and options.
ConnectionTable = Annotated[
    Any,
    GetPydanticSchema(lambda _, handler: handler(dict[str, Any])),
    TableBy(CONNECTIONS, "kind"),
]

#: A Brian2 quantity, a string such as "2 ms", or seconds. A file has a string or a number.
Time = Annotated[Any, GetPydanticSchema(lambda _, handler: handler(str | float))]
