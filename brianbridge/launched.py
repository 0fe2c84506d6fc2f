"""Tell whether torchrun started this process as one of several."""

from __future__ import annotations

import os

__all__ = ["launched_rank"]


def launched_rank() -> int | None:
    """Return the number of this process if torchrun started several, counted from 0; else None.

    Examples
    --------
    >>> launched_rank() is None
    True
    """
    environment = os.environ
    if "TORCHELASTIC_RUN_ID" not in environment or environment.get("WORLD_SIZE", "1") == "1":
        return None
    return int(environment["RANK"])
