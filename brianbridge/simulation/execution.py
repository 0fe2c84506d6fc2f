"""How a simulation runs: the path, the device, and how samples are shared out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from brianbridge.errors import InputError
from brianbridge.recording import Recording
from brianbridge.simulation.request import Request, check_choice

__all__ = ["Device", "Execution", "Path"]

Path = Literal["batched", "reference"]
Device = Literal["runtime", "cpp_standalone"]


@dataclass(frozen=True)
class Execution:
    """How `simulate` runs a request; none of it changes which spikes are simulated.

    Parameters
    ----------
    path, device, dtype, threads, batch_size
        As in `brianbridge.simulate`.

    Raises
    ------
    InputError
        If a value is not supported, or the path does not run on the device.
    """

    path: Path | None = None
    device: Device = "runtime"
    dtype: Any = np.float64
    threads: int | None = None
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.path is not None:
            check_choice("path", self.path, Path)
        check_choice("device", self.device, Device)
        if self.device == "cpp_standalone" and self.path == "batched":
            raise InputError(
                "device = 'cpp_standalone' does not support path = 'batched'; use path = "
                "'reference'"
            )
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"batch_size = {self.batch_size}; give at least 1")
        if not _is_float(self.dtype):
            raise InputError(f"dtype = {self.dtype!r}; give float64 or float32")
        threads = self.threads
        if threads is not None and (not isinstance(threads, int | np.integer) or threads < 1):
            raise InputError(f"threads = {threads!r}; give an integer of at least 1")

    def run(self, request: Request) -> Recording:
        """Simulate a request on the chosen path and device."""
        if self.device == "cpp_standalone":
            from brianbridge.simulation.reference.standalone import run_standalone

            return run_standalone(request, batch_size=self.batch_size)
        if self.path == "reference":
            from brianbridge.simulation.reference.run import run_reference

            return run_reference(request, batch_size=self.batch_size)
        from brianbridge.simulation.batched.run import run_batched

        return run_batched(
            request, batch_size=self.batch_size, dtype=self.dtype, threads=self.threads
        )


def _is_float(dtype: Any) -> bool:
    """Return whether a dtype is float64 or float32."""
    try:
        return np.dtype(dtype) in (np.float64, np.float32)
    except TypeError:
        return False
