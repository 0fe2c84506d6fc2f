"""The function `simulate`, the entry point of both paths through Brian2.

The path ``batched`` (see `brianbridge.simulation.batched.run`) is fast. The path ``reference`` (see
`brianbridge.simulation.reference.run`) is plain Brian2: slow, but authoritative. Both emit equal
spikes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from brianbridge import preferences  # noqa: F401  (registers prefs.brianbridge.memory)
from brianbridge.encoding.moments import Timing
from brianbridge.errors import InputError
from brianbridge.io.spikes.file import SpikeFileWriter
from brianbridge.network import SpikingNetwork
from brianbridge.network.given import check_network_given
from brianbridge.neurons.plain_seconds import warn_of_seconds
from brianbridge.progress import Progress
from brianbridge.provenance import collect
from brianbridge.recording import Recording
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.cache_limit import trim_caches
from brianbridge.simulation.device import check_runtime_device
from brianbridge.simulation.interrupts import interruptible
from brianbridge.simulation.request import Request

__all__ = ["simulate"]

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
    poisson: bool = False,
    timing: Timing = "start",
    seed: int | None = None,
    backend: Backend | None = None,
    on_chunk: Callable[[Recording], None] | None = None,
    keep: bool = True,
    spikes: str | os.PathLike[str] | None = None,
) -> Recording:
    """Present samples to a spiking network in Brian2.

    Every sample is a separate presentation, which starts from the initial state. The code is
    compiled without fast-math (see `strict_arithmetic`).

    Parameters
    ----------
    network : SpikingNetwork
        The network, with weights.
    x : array, shape (samples, *input_shape), or EncodedInput
        The samples, or the samples encoded by the network's encoding. Spike trains, values for
        several sources and None are taken as `brianbridge.network.samples.checked_samples` says.
    dt : Quantity or float, optional
        Brian2's time step (seconds if a plain number); the twin's if not given. Input currents
        do not depend on it; `timing` says when input spikes occur.
    record : sequence of str
        ``"spikes"``; ``"t_crossing"``, the times within a step at which potentials crossed their
        threshold; and state variables, recorded in all populations that have them, or in one:
        ``"output.v"``.
    index : array of int, shape (samples,), optional
        Number of each sample in its data set; 0, 1, 2, ... if not given.
    schedule : {"canonical", "default"}, optional
        Order of operations within a step; that of the network if not given.
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
        of its own, whose numbers also depend on the backend's `batch_size`. The global generators
        of NumPy and Brian2 are not used.
    backend : Backend, optional
        The path through Brian2, its device, the type of numbers, threads and the number of samples
        at once; if not given, the batched path with float64.
    on_chunk : callable, optional
        Called with the recording of each batch as soon as it is complete.
    keep : bool
        Whether the result holds spikes and traces. With `on_chunk` it need not, and the memory
        use is then independent of the number of samples.
    spikes : path-like, optional
        A file (``spikes.h5``, see `brianbridge.io.SpikeFileWriter`) that takes the spikes. The
        result then holds the output and the traces only. On the batched path a long presentation
        is written piece by piece, so that memory does not grow with its length.

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
    >>> import numpy as np
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((4,), [Dense(3, neuron_model("if"))], encoding=Current(5))
    >>> fast = simulate(net, np.ones((2, 4)))
    >>> fast.spikes["output"].shape
    (5, 2, 3)

    The reference path, which is slow, emits the same spikes:

    >>> slow = simulate(net, np.ones((2, 4)), backend=Backend(path="reference"))
    >>> np.array_equal(fast.spikes["output"], slow.spikes["output"])
    True
    """
    chosen = Backend() if backend is None else backend
    if not isinstance(chosen, Backend):
        raise InputError(f"backend = {backend!r}; give one, such as bb.Backend(path='reference')")
    check_network_given(network, "simulate")
    warn_of_seconds(dt, "dt")
    check_runtime_device("simulate")
    request = Request.checked(
        network, x, dt=dt, record=record, index=index, schedule=schedule, poisson=poisson,
        timing=timing, seed=seed, on_chunk=on_chunk, keep=keep,
    )  # fmt: skip
    progress = Progress().count("Brian2", len(request.numbers), "samples", alone=True)
    with _ONE_AT_A_TIME, interruptible(), progress as on_done:
        request = replace(request, on_done=on_done)
        try:
            if spikes is None:
                return _run(request, chosen)
            with _spike_file(request, spikes) as writer:
                return _run(replace(request, spikes=writer), chosen)
        finally:
            trim_caches()


def _spike_file(request: Request, path: str | os.PathLike[str]) -> SpikeFileWriter:
    """Return the file that takes the spikes of a request."""
    shapes = {p.name: p.shape for p in request.network.firing}
    origin = collect(seed=request.seed, schedule=request.schedule)
    return SpikeFileWriter(path, shapes, request.dt, request.steps, origin)


def _run(request: Request, backend: Backend) -> Recording:
    """Simulate a request on the path and the device of a backend."""
    if request.network.modelled:
        backend = _for_models(backend, request.network.modelled[0].name)
    if backend.device == "cpp_standalone":
        from brianbridge.simulation.reference.standalone import run_standalone

        return run_standalone(request, batch_size=backend.batch_size)
    if backend.path == "reference":
        from brianbridge.simulation.reference.run import run_reference

        return run_reference(request, batch_size=backend.batch_size)
    from brianbridge.simulation.batched.run import run_batched

    return run_batched(
        request, batch_size=backend.batch_size, dtype=backend.dtype, threads=backend.threads
    )


def _for_models(backend: Backend, projection: str) -> Backend:
    """Return the backend on the reference path; refuse what only the batched path has."""
    models = f"the synapses of projection '{projection}' have a model"
    if backend.path == "batched":
        raise InputError(
            f"path = 'batched' only adds weights, but {models}; use bb.Backend(path='reference'), "
            "or give no path"
        )
    several = backend.threads is not None and backend.threads > 1
    given = [f"threads = {backend.threads}"] if several else []
    given += ["dtype = float32"] if np.dtype(backend.dtype) != np.float64 else []
    if given:
        raise InputError(
            f"{given[0]} needs path = 'batched', but {models}, which runs on path = 'reference'; "
            f"drop {given[0].split()[0]}"
        )
    return replace(backend, path="reference")
