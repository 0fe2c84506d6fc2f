"""Present samples to a spiking network in Brian2: one front for all the ways there are.

``batched`` (see `brianbridge.simulation.batched.run`) is fast; ``reference`` (see
`brianbridge.simulation.reference.run`) is plain Brian2: slow, and the judge. Their spikes are
equal.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np

from brianbridge import preferences  # noqa: F401  (it registers prefs.brianbridge.memory)
from brianbridge.errors import InputError, did_you_mean
from brianbridge.network import SpikingNetwork
from brianbridge.recording import Recording
from brianbridge.simulation.brian2_caches import forget_oldest
from brianbridge.simulation.counter_random import checked_seed
from brianbridge.simulation.device import check_runtime_device
from brianbridge.simulation.input_timing import Timing
from brianbridge.simulation.interrupts import interruptible
from brianbridge.simulation.request import Request

__all__ = ["Path", "simulate"]

Path = Literal["batched", "reference"]
Device = Literal["runtime", "cpp_standalone"]
#: Preferences and device are Brian2's, not a thread's: threads of the user take turns.
_ONE_AT_A_TIME = threading.RLock()


def simulate(
    network: SpikingNetwork,
    x: Any,
    *,
    dt: Any = None,
    record: Sequence[str] = ("spikes",),
    index: Any = None,
    schedule: str | None = None,
    path: Path | None = None,
    device: Device = "runtime",
    dtype: Any = np.float64,
    poisson: bool = False,
    timing: Timing = "start",
    seed: int | None = None,
    threads: int | None = None,
    batch_size: int | None = None,
    on_chunk: Callable[[Recording], None] | None = None,
    keep: bool = True,
) -> Recording:
    """Present samples to a spiking network in Brian2.

    Every sample is a presentation of its own: all state starts afresh, nothing leaks from one to
    the next. The code is compiled without fast-math (see `strict_arithmetic`).

    Parameters
    ----------
    network : SpikingNetwork
        The description, with weights.
    x : array, shape (samples, *input_shape), or EncodedInput
        The samples, or what the network's encoding made of them.
    dt : Quantity or float, optional
        Brian2's step (seconds if a plain number); the twin's if not given. Input currents
        stay what they are, input spikes fall where `timing` says.
    record : sequence of str
        ``"spikes"``; ``"t_crossing"``, to find when within a step spikes crossed their threshold;
        and state variables to record wherever they exist.
    index : array of int, shape (samples,), optional
        Number of each sample in its data set; counted from 0 if not given.
    schedule : {"canonical", "default"}, optional
        In which order things happen within a step; the network's own if not given.
    path : {"batched", "reference"}, optional
        Which way through Brian2; the batched one if not given, where the device allows it.
    device : {"runtime", "cpp_standalone"}
        Where Brian2 runs; a C++ program is the reference path, compiled once for all samples.
    dtype : numpy.dtype
        Type of state and weights, float64 or float32; of the batched path only.
    poisson : bool
        Whether Brian2 draws the input spikes itself, in every step of its own, at the rates of
        encoding `Poisson`; else it replays those that the twin sees.
    timing : {"start", "uniform"}
        Where input spikes fall if `dt` is finer than the twin's: on the start of their coarse
        step, or on any of its fine steps, each with the same chance.
    seed : int, optional
        Seed of all random numbers; a fresh one each time if not given. Each number is a function
        of the seed, the population, the number of the sample in its data set, the step and the
        neuron, so that batches, threads and paths have the same ones. A C++ program has numbers of
        its own, which also depend on `batch_size`. Nothing is drawn from NumPy's global generator,
        or Brian2's.
    threads : int, optional
        Threads of the batched path, which share the chunks of samples; one for each core if not
        given.
    batch_size : int, optional
        Samples simulated at once; as many as fit ``prefs.brianbridge.memory`` if not given.
    on_chunk : callable, optional
        Called with the recording of each batch as soon as it is done.
    keep : bool
        Whether the result holds spikes and traces; with `on_chunk` it need not, so that memory
        stays the same however many samples there are.

    Returns
    -------
    Recording
        The same type as the twin's.

    Raises
    ------
    InputError
        If a standalone device is active, the samples do not fit the network or are not finite,
        nothing has a variable to record, `dt` does not divide the twin's step, one sample
        does not fit the memory, or the state becomes NaN (looked for at the end of each chunk; a
        C++ program cannot say in which step that began).

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((4,), [Dense(3, neuron_model("if"))], encoding=Current(5))
    >>> simulate(net, np.ones((2, 4))).spikes["output"].shape
    (5, 2, 3)
    """
    choices = (("path", path, Path), ("device", device, Device), ("timing", timing, Timing))
    for what, value, known in choices:
        if value is not None and value not in get_args(known):
            hint = did_you_mean(str(value), get_args(known))
            raise InputError(f"there is no {what} '{value}'. {hint}")
    if device == "cpp_standalone" and path == "batched":
        raise InputError(
            "the batched path runs in Python and cannot be a C++ program; use path = 'reference'"
        )
    check_runtime_device("simulate")
    if batch_size is not None and batch_size < 1:
        raise InputError(f"batch_size = {batch_size}; give at least 1")
    _check_dtype(dtype)
    _check_threads(threads)
    request = Request.checked(
        network, x, dt, record, index, schedule, poisson, timing, checked_seed(seed), on_chunk, keep
    )
    with _ONE_AT_A_TIME, interruptible():
        try:
            return _run(request, path, device, dtype, threads, batch_size)
        finally:
            forget_oldest()


def _run(
    request: Request,
    path: Path | None,
    device: Device,
    dtype: Any,
    threads: int | None,
    batch_size: int | None,
) -> Recording:
    """Simulate in the way that is asked for."""
    if device == "cpp_standalone":
        from brianbridge.simulation.reference.standalone import run_standalone

        return run_standalone(request, batch_size=batch_size)
    if path == "reference":
        from brianbridge.simulation.reference.run import run_reference

        return run_reference(request, batch_size=batch_size)
    from brianbridge.simulation.batched.run import run_batched

    return run_batched(request, batch_size=batch_size, dtype=dtype, threads=threads)


def _check_dtype(dtype: Any) -> None:
    try:
        known = np.dtype(dtype) in (np.float64, np.float32)
    except TypeError:
        known = False
    if not known:
        raise InputError(f"dtype = {dtype!r}; give float64 or float32")


def _check_threads(threads: int | None) -> None:
    if threads is not None and (not isinstance(threads, int | np.integer) or threads < 1):
        raise InputError(f"threads = {threads!r}; give a whole number of at least 1")
