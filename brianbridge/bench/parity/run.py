"""``brianbridge bench parity``: compare random networks until there are enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from brianbridge.bench.memory import give_back_memory, peak_memory_mb, resident_memory_mb
from brianbridge.bench.parity.check import Checked, check
from brianbridge.bench.parity.draw import Drawn, draw
from brianbridge.bench.parity.tally import Tally
from brianbridge.errors import InputError
from brianbridge.io.networks.file import save_network
from brianbridge.provenance import collect

__all__ = ["bench_parity"]

Report = Callable[[str], None]
#: Seconds between two lines of progress.
_EVERY = 10.0


def bench_parity(
    *,
    seed: int = 1,
    seconds: float | None = 60.0,
    neuron_steps: float | None = None,
    only: int | None = None,
    out: Path | None = None,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Compare twin and Brian2 on random networks, spike by spike.

    Parameters
    ----------
    seed : int
        Seed of all networks and samples.
    seconds : float, optional
        Time after which no further network is started.
    neuron_steps : float, optional
        Number of neuron-steps of the twin to compare: neurons times steps times samples. Each
        counts once, however many paths are compared with it.
    only : int, optional
        Number of the only network to run.
    out : Path, optional
        Folder for networks that differ and their samples; the current folder by default.
    report : callable
        Called with a line of progress from time to time.

    Returns
    -------
    dict
        The result, ready for JSON. ``passed`` is true if no spike differs, outputs agree and no
        path refused a network. ``interrupted`` is true if a KeyboardInterrupt ended the run; the
        unfinished network does not count.

    Raises
    ------
    InputError
        If no end is given.

    Examples
    --------
    >>> outcome = bench_parity(seed=1, only=17)
    >>> outcome["networks"], outcome["differing"]
    (1, 0)
    """
    if seconds is None and neuron_steps is None and only is None:
        raise InputError("bench parity would never end; give it seconds or neuron steps")
    started = time.monotonic()
    tally, failures, interrupted = Tally(), list[dict[str, Any]](), False
    provenance = collect(seed=seed)  # before the source may change

    def enough() -> bool:
        return (
            only is not None
            or (seconds is not None and time.monotonic() - started >= seconds)
            or (neuron_steps is not None and tally.totals["neuron_steps"] >= neuron_steps)
        )

    try:
        _run(tally, failures, seed, only or 0, enough, out or Path(), report)
    except KeyboardInterrupt:
        interrupted = True
    return {
        "seed": seed,
        "passed": not failures,
        "interrupted": interrupted,
        **tally.to_dict(),
        "failures": failures,
        "seconds": round(time.monotonic() - started, 1),
        "peak_memory_mb": peak_memory_mb(),
        "provenance": provenance,
    }


def _run(
    tally: Tally, failures: list[dict[str, Any]], seed: int, number: int,
    enough: Callable[[], bool], out: Path, report: Report,
) -> None:  # fmt: skip
    """Compare one network after the other, from `number` on, until there are enough."""
    started = reported = time.monotonic()
    while True:
        with _one_thread_for_sums():
            failure = _one(tally, draw(seed, number))
        if failure is not None:
            failure |= {"seed": seed, "number": number, "reproduce": _command(seed, number)}
            failures.append(failure)
            report(f"network {number}: {_description(failure)}")
            failure["files"] = _keep(draw(seed, number), seed, failure, out)
        give_back_memory()
        number, done, now = number + 1, enough(), time.monotonic()
        if done or now - reported >= _EVERY:
            report(_progress(tally, now - started))
            reported = now
        if done:
            return


@contextmanager
def _one_thread_for_sums() -> Iterator[None]:
    """Use one thread, so that sums have the same order on every machine; matrices are small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def _one(tally: Tally, drawn: Drawn) -> dict[str, Any] | None:
    """Compare one network; return its failure, or None."""
    try:
        checked: Checked = check(drawn)
    except InputError as error:
        return {"refused": str(error), "differences": [], "outputs": []}
    tally.add(drawn, checked)
    if checked.differences or checked.outputs:
        return {"refused": None, **checked.to_dict()}
    return None


def _command(seed: int, number: int) -> str:
    return f"brianbridge bench parity --seed {seed} --only {number}"


def _keep(drawn: Drawn, seed: int, failure: dict[str, Any], out: Path) -> list[str]:
    """Save a network and its samples; return the names of the files."""
    name = f"parity-{seed}-{drawn.number}"
    out.mkdir(parents=True, exist_ok=True)
    save_network(drawn.network.with_weights({}, parity=failure), out / f"{name}.h5")
    np.save(out / f"{name}-samples.npy", drawn.x)
    return [f"{name}.h5", f"{name}-samples.npy"]


def _description(failure: dict[str, Any]) -> str:
    """Return one line with the failure of a network and the command that repeats it."""
    again = f"repeat with: {failure['reproduce']}"
    if failure["refused"]:
        return f"refused: {failure['refused']}; {again}"
    reasons = [
        f"{d['path']} differs from {d['against']} in {d['cells']} spikes, first in step "
        f"{d['step']}, sample {d['sample']}, neuron {d['neuron']} of '{d['population']}': "
        f"{d['values'][0]:g}, not {d['values'][1]:g}"
        for d in failure["differences"]
    ]
    reasons += [f"the output of path {name} differs" for name in failure["outputs"]]
    return "; ".join([*reasons, again])


def _progress(tally: Tally, seconds: float) -> str:
    totals, memory = tally.totals, resident_memory_mb()
    return (
        f"{seconds:6.0f} s: {totals['networks']:,} networks, {totals['neuron_steps']:.3g} "
        f"neuron-steps, {totals['spikes']:.3g} spikes, {totals['differing']} differing"
        + ("" if memory is None else f"; {memory:.0f} MB")
    )
