"""Access to the fields of an outcome by key, which is deprecated."""

from __future__ import annotations

import warnings
from typing import Any

__all__ = ["ByKey"]


class ByKey:
    """Let ``outcome["accuracy"]`` stand for ``outcome.accuracy``, with a warning.

    These outcomes used to be dictionaries.
    """

    def __getitem__(self, key: str) -> Any:
        try:
            value = getattr(self, key)
        except (AttributeError, TypeError):
            raise KeyError(key) from None
        warnings.warn(
            f"{type(self).__name__}[{key!r}] is deprecated; use the attribute '{key}'",
            DeprecationWarning,
            stacklevel=2,
        )
        return value
