"""Checkpoints of a training: written atomically, read without executing anything."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from brianbridge.errors import InputError
from brianbridge.io.atomic import write_whole

__all__ = ["read_checkpoint", "write_checkpoint"]


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and text to `path`; a kill leaves the previous file in place."""
    # Where a disk is full, torch raises its own kind of error. So it writes to memory.
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
        Identifies data, network, rule and options; a checkpoint of anything else is refused.

    Raises
    ------
    InputError
        If the file is no checkpoint, or that of another training.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
        found = state["fingerprint"]
    except Exception:  # torch.load fails in many ways, all of which mean the same here
        raise InputError(
            f"'{path}' is no checkpoint of a training; remove it to start afresh"
        ) from None
    if found != fingerprint:
        raise InputError(
            f"'{path}' belongs to a training with other data, network or options; remove it, or "
            "write to another folder"
        )
    return state
