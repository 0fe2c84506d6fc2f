"""Share the chunks of a simulation between threads.

Each thread has a Brian2 network of its own and never waits for another. Compiled loops release
Python's lock, so that threads run at the same time.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from brianbridge.network import SpikingNetwork
from brianbridge.recording import Recording

__all__ = ["cores", "shared_out", "worthwhile_threads"]

#: Number of neurons times steps that take as long as setting up a thread (about 0.1 s; Python sets
#: up one at a time), and number of weights that take as long as a neuron. Weights are counted and
#: not synapses: listing those of a pooled convolution takes longer than many a simulation.
_LEAST_WORK, _WEIGHTS = 2_000_000, 200

#: Simulate the chunks that begin with these samples; hand their recordings over.
Run = Callable[[range, Callable[[Recording], Any]], None]


class _StoppedError(Exception):
    """Stop a thread, because another one failed."""


def cores() -> int:
    """Return how many cores this process may use, or how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worthwhile_threads(network: SpikingNetwork, steps: int) -> int:
    """Return how many threads make a simulation fast: at most one per core.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    steps : int
        Number of steps, summed over samples.
    """
    neurons = sum(p.size for p in network.populations)
    weights = sum(p.weight.size for p in network.projections)
    work = steps * (neurons + weights / _WEIGHTS)
    return int(min(max(work // _LEAST_WORK, 1), cores()))


def shared_out(run: Run, lows: range, workers: int) -> Iterator[Recording]:
    """Yield the recordings of all chunks in order, simulated by several threads.

    Parameters
    ----------
    run : callable
        Simulates the chunks that begin with some samples, and hands over their recordings.
    lows : range
        First sample of each chunk.
    workers : int
        Number of threads; each holds at most two recordings.
    """
    results: list[queue.Queue[Any]] = [queue.Queue(maxsize=1) for _ in range(workers)]
    stopped = threading.Event()

    def work(worker: int) -> None:
        def hand_over(part: Any) -> None:
            while not stopped.is_set():
                try:
                    return results[worker].put(part, timeout=0.1)
                except queue.Full:
                    continue
            raise _StoppedError

        try:
            run(lows[worker::workers], hand_over)
        except _StoppedError:
            return
        except BaseException as error:
            with suppress(_StoppedError):
                hand_over(error)

    threads = [threading.Thread(target=work, args=(w,), daemon=True) for w in range(workers)]
    for thread in threads:
        thread.start()
    try:
        for chunk in range(len(lows)):
            part = results[chunk % workers].get()
            if isinstance(part, BaseException):
                raise part
            yield part
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
