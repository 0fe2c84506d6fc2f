"""Readout by spike counts."""

from __future__ import annotations

from typing import Any, ClassVar

from brianbridge.network.readouts.base import OutputRun, Readout

__all__ = ["Counts"]


class Counts(Readout):
    """Read the summed spike values."""

    name: ClassVar[str] = "counts"
    counts_spikes: ClassVar[bool] = True

    def output(self, run: OutputRun) -> Any:
        """Return the summed spike values."""
        return run.counts()
