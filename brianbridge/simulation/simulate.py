"""The function `simulate`, the entry point of both paths through Brian2.

The path ``batched`` (see `brianbridge.simulation.batched.run`) is fast. The path ``reference`` (see
`brianbridge.simulation.reference.run`) is plain Brian2: slow, but authoritative. Both emit equal
spikes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from brianbridge import preferences  # noqa: F401  (registers prefs.brianbridge.memory)
from brianbridge.network import SpikingNetwork
from brianbridge.recording import Recording
from brianbridge.simulation.cache_limit import trim_caches
from brianbridge.simulation.device import check_runtime_device
from brianbridge.simulation.execution import Device, Execution, Path
from brianbridge.simulation.input_timing import Timing
from brianbridge.simulation.interrupts import interruptible
from brianbridge.simulation.request import Request

__all__ = ["Path", "simulate"]

#: Brian2's preferences and device are global, so that only one thread simulates at a time.
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

    Every sample is a separate presentation, which starts from the initial state. The code is
    compiled without fast-math (see `strict_arithmetic`).

    Parameters
    ----------
    network : SpikingNetwork
        The network, with weights.
    x : array, shape (samples, *input_shape), or EncodedInput
        The samples, or the samples encoded by the network's encoding.
    dt : Quantity or float, optional
        Brian2's time step (seconds if a plain number); the twin's if not given. Input currents
        do not depend on it; `timing` says when input spikes occur.
    record : sequence of str
        ``"spikes"``; ``"t_crossing"``, the times within a step at which potentials crossed their
        threshold; and state variables, recorded in all populations that have them.
    index : array of int, shape (samples,), optional
        Number of each sample in its data set; 0, 1, 2, ... if not given.
    schedule : {"canonical", "default"}, optional
        Order of operations within a step; that of the network if not given.
    path : {"batched", "reference"}, optional
        Path through Brian2; the batched one if not given and the device supports it.
    device : {"runtime", "cpp_standalone"}
        Device of Brian2; ``cpp_standalone`` compiles the reference path to a C++ program, once
        for all samples.
    dtype : numpy.dtype
        Type of state and weights, float64 or float32; for the batched path only.
    poisson : bool
        Whether Brian2 draws the input spikes itself, in each of its steps, at the rates of
        encoding `Poisson`; otherwise it replays the input spikes of the twin.
    timing : {"start", "uniform"}
        When input spikes occur if `dt` is finer than the twin's: in the first fine step of their
        coarse step, or in any of its fine steps with equal probability.
    seed : int, optional
        Seed of all random numbers; a fresh one each time if not given. Each number is a function
        of the seed, the population, the number of the sample in its data set, the step and the
        neuron. It does not depend on batches, threads or the path. A C++ program has a generator
        of its own, whose numbers also depend on `batch_size`. The global generators of NumPy and
        Brian2 are not used.
    threads : int, optional
        Number of threads that share the samples on the batched path.
        As many as are worth their set-up, and at most one per core, if not given.
    batch_size : int, optional
        Number of samples simulated at once; as many as fit ``prefs.brianbridge.memory`` if not
        given.
    on_chunk : callable, optional
        Called with the recording of each batch as soon as it is complete.
    keep : bool
        Whether the result holds spikes and traces. With `on_chunk` it need not, and the memory
        use is then independent of the number of samples.

    Returns
    -------
    Recording
        The recording, of the same type as that of the twin.

    Raises
    ------
    InputError
        If a standalone device is active, the samples do not fit the network or are not finite,
        no population has a variable to record, `dt` does not divide the twin's step, one sample
        does not fit the memory, or the state becomes NaN (checked at the end of each chunk; a C++
        program does not report the step in which this happened).

    Examples
    --------
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((4,), [Dense(3, neuron_model("if"))], encoding=Current(5))
    >>> simulate(net, np.ones((2, 4))).spikes["output"].shape
    (5, 2, 3)
    """
    execution = Execution(path, device, dtype, threads, batch_size)
    check_runtime_device("simulate")
    request = Request.checked(
        network, x, dt=dt, record=record, index=index, schedule=schedule, poisson=poisson,
        timing=timing, seed=seed, on_chunk=on_chunk, keep=keep,
    )  # fmt: skip
    with _ONE_AT_A_TIME, interruptible():
        try:
            return execution.run(request)
        finally:
            trim_caches()
