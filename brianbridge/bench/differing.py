"""The error of a benchmark whose contestants differ."""

from __future__ import annotations

__all__ = ["DifferentSpikesError"]


class DifferentSpikesError(RuntimeError):
    """Two paths that should produce the same spikes do not."""
