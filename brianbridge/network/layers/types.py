"""Types of the fields of layers, as files have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from annotated_types import Len
from pydantic import GetPydanticSchema, NonNegativeInt, PositiveInt

__all__ = ["Padding", "Size", "Time"]

#: One number for height and width, or one for each.
Size = PositiveInt | Annotated[Sequence[PositiveInt], Len(2, 2)]

#: The same, where 0 is allowed.
Padding = NonNegativeInt | Annotated[Sequence[NonNegativeInt], Len(2, 2)]

#: A Brian2 quantity, a text such as "2 ms", or seconds. A file has a text or a number.
Time = Annotated[Any, GetPydanticSchema(lambda _, handler: handler(str | float))]
