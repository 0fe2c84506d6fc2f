"""Checkpoints of training. They are written atomically and read without running any code."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from brianbridge.errors import InputError
from brianbridge.io.atomic import write_whole

__all__ = ["checkpoint_from", "file_content", "write_checkpoint"]


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and text to `path`; an interrupted call leaves the previous file."""
    # Write to memory first, because on a full disk torch raises an error of its own.
    content = io.BytesIO()
    torch.save(state, content)
    write_whole(path, content.getbuffer())


def file_content(path: Path | None) -> bytes | None:
    """Return the bytes of a checkpoint; None if there is no such file."""
    if path is None or not path.exists():
        return None
    try:
        return path.read_bytes()
    except OSError:  # such as a folder: it is no checkpoint, as `checkpoint_from` will say
        return b""


def checkpoint_from(content: bytes, path: Path, fingerprint: str) -> dict[str, Any]:
    """Return the checkpoint that the bytes of a file hold.

    Parameters
    ----------
    content : bytes
        The content of the file.
    path : Path
        The file, for messages.
    fingerprint : str
        Identifies data, network, rule and options. Any other checkpoint is refused.

    Raises
    ------
    InputError
        If the file is not a checkpoint, or belongs to another training run.
    """
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True)
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
