"""Types of the fields of layers, as files have them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import GetPydanticSchema, NonNegativeInt, PositiveInt, Strict

__all__ = ["Padding", "Size", "Time"]

# A file has lists, which strict models would not take for tuples.

#: One number for height and width, or one for each.
Size = PositiveInt | Annotated[tuple[PositiveInt, PositiveInt], Strict(False)]

#: The same, where 0 is allowed.
Padding = NonNegativeInt | Annotated[tuple[NonNegativeInt, NonNegativeInt], Strict(False)]

#: A Brian2 quantity, a text such as "2 ms", or seconds. A file has a text or a number.
Time = Annotated[Any, GetPydanticSchema(lambda _, handler: handler(str | float))]
