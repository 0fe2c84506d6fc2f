"""Checkpoints of training. They are written atomically and read without running any code."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from brianbridge.errors import InputError
from brianbridge.io.atomic import write_whole

__all__ = ["read_checkpoint", "write_checkpoint"]


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and text to `path`; an interrupted call leaves the previous file."""
    # Write to memory first, because on a full disk torch raises an error of its own.
    content = io.BytesIO()
    torch.save(state, content)
    write_whole(path, content.getbuffer())


def read_checkpoint(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """Return the checkpoint at `path`, or None if there is none.

    Parameters
    ----------
    path : Path
        The file.
    fingerprint : str
        Identifies data, network, rule and options. Any other checkpoint is refused.

    Raises
    ------
    InputError
        If the file is not a checkpoint, or belongs to another training run.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
        found = state["fingerprint"]
    except Exception:  # torch.load raises many kinds of error
        raise InputError(
            f"'{path}' is not a training checkpoint; remove it to start afresh"
        ) from None
    if found != fingerprint:
        raise InputError(
            f"'{path}' belongs to a training run with other data, network, rule, seed or options; "
            "remove it, or write to another folder"
        )
    return state
