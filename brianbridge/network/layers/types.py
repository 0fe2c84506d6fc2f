"""The types of the layers' fields in files."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import GetPydanticSchema, NonNegativeInt, PositiveInt, Strict

__all__ = ["Padding", "Size", "Time"]

# Files have lists, which strict pydantic models do not accept as tuples.

#: One number for height and width, or one for each.
Size = PositiveInt | Annotated[tuple[PositiveInt, PositiveInt], Strict(False)]

#: The same, where 0 is allowed.
Padding = NonNegativeInt | Annotated[tuple[NonNegativeInt, NonNegativeInt], Strict(False)]

#: A Brian2 quantity, a string such as "2 ms", or seconds. A file has a string or a number.
Time = Annotated[Any, GetPydanticSchema(lambda _, handler: handler(str | float))]
