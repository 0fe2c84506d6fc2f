"""How a simulation runs: its path, device and type of numbers, threads and batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from brianbridge.errors import InputError
from brianbridge.simulation.request import check_choice

__all__ = ["Backend", "Device", "Path"]

Path = Literal["batched", "reference"]
Device = Literal["runtime", "cpp_standalone"]


@dataclass(frozen=True, kw_only=True)
class Backend:
    """Choose how Brian2 runs a simulation.

    Spikes do not depend on the choice, with two exceptions: with float32 they may differ, and a C++
    program draws its own random numbers.

    Parameters
    ----------
    path : {"batched", "reference"}, optional
        Path through Brian2; the batched one if not given, and the device and the synapses of the
        network allow it. Synapses with a model (`brianbridge.network.synapses`) do not.
    device : {"runtime", "cpp_standalone"}
        Device of Brian2; ``cpp_standalone`` compiles the reference path to a C++ program, once
        for all samples.
    dtype : numpy.dtype
        Type of state and weights, float64 or float32; float32 on the batched path only.
    threads : int, optional
        Number of threads that share the samples. If not given, as many as are worth their
        set-up, at most one per core; more than one on the batched path only.
    batch_size : int, optional
        Number of samples simulated at once; as many as fit ``prefs.brianbridge.memory`` if not
        given.

    Raises
    ------
    InputError
        If a value is not supported, or the path does not run on the device.

    Examples
    --------
    Plain Brian2, a C++ program, and the batched path in two threads, 500 samples at once:

    >>> plain = Backend(path="reference")
    >>> program = Backend(device="cpp_standalone")
    >>> fast = Backend(threads=2, batch_size=500)

    `brianbridge.simulate` takes one of them:

    >>> import brianbridge as bb
    >>> layer = bb.Dense(3, bb.neuron_model("if"))
    >>> network = bb.SpikingNetwork.sequential((4,), [layer], encoding=bb.Current(5))
    >>> bb.simulate(network, np.ones((2, 4)), backend=fast).samples
    2
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
        if not _is_float(self.dtype):
            raise InputError(f"dtype = {self.dtype!r}; give float64 or float32")
        _check_count("threads", self.threads)
        _check_count("batch_size", self.batch_size)
        self._check_batched_only()

    def _check_batched_only(self) -> None:
        """Refuse options that only the batched path has on another path, which ignores them."""
        if self.path != "reference" and self.device != "cpp_standalone":
            return
        name = "path = 'reference'" if self.path == "reference" else "device = 'cpp_standalone'"
        if np.dtype(self.dtype) != np.float64:
            raise InputError(f"dtype = float32 with {name}, which computes in float64; drop dtype")
        if self.threads is not None and self.threads > 1:
            raise InputError(
                f"threads = {self.threads} with {name}, which runs in one thread; drop threads"
            )


def _check_count(what: str, value: Any) -> None:
    """Refuse a value that is neither None nor an integer of at least 1."""
    if value is not None and (not isinstance(value, int | np.integer) or value < 1):
        raise InputError(f"{what} = {value!r}; give an integer of at least 1")


def _is_float(dtype: Any) -> bool:
    """Return whether a dtype is float64 or float32."""
    try:
        return np.dtype(dtype) in (np.float64, np.float32)
    except TypeError:
        return False
