"""Write the spikes of a rung to a file while it runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from brianbridge.errors import InputError, did_you_mean
from brianbridge.io.spikes.file import SpikeFileWriter
from brianbridge.ladder.execution import TaskRunner
from brianbridge.ladder.plan import RungPlan
from brianbridge.ladder.tasks import run_task
from brianbridge.provenance import collect
from brianbridge.recording import Recording

__all__ = ["NotSimulated", "SpikesOf", "check_spikes_of", "file_of_rung", "write_spikes"]

#: Rungs whose spikes are written: the first, those whose spikes differ from the twin's, or all.
SpikesOf = Literal["first", "changed", "all"]


def check_spikes_of(value: str) -> None:
    """Refuse an unknown choice of rungs."""
    if value not in get_args(SpikesOf):
        raise InputError(f"spikes_of = '{value}'. {did_you_mean(value, get_args(SpikesOf))}")


class NotSimulated(InputError):
    """Report that a rung cannot be simulated, as opposed to a file that cannot be written."""


def file_of_rung(path: Path, number: int, name: str) -> Path:
    """Return the spike file of a rung that is not the first one.

    Examples
    --------
    >>> file_of_rung(Path("out/spikes.h5"), 2, "dt/10").name
    'spikes-2-dt-10.h5'
    """
    return path.with_stem(f"{path.stem}-{number}-{re.sub(r'[^A-Za-z0-9.]+', '-', name)[:80]}")


def write_spikes(plan: RungPlan, runner: TaskRunner, path: Path, compress: bool) -> None:
    """Run a rung in this process, in the order of the samples, and write its spikes.

    Parameters
    ----------
    plan : RungPlan
        The rung; its first run is written.
    runner : TaskRunner
        Receives the results.
    path : Path
        The file.
    compress : bool
        Whether to compress the file.

    Raises
    ------
    NotSimulated
        If the rung cannot be simulated.
    InputError
        If the file cannot be written.
    """
    shards = runner.shards
    with _writer(plan, runner, path, compress) as writer:
        append, what = _Append(writer), f"spikes of '{plan.rung.name}'"
        with runner.progress.count(what, len(shards.data), "samples") as told:
            for task in plan.first_run:
                twin = shards.twin(task.shard)[0]
                try:
                    result = run_task(shards, task, twin, on_chunk=[append], told=told)
                except InputError as error:
                    if append.failed:
                        raise
                    raise NotSimulated(str(error)) from None
                runner.add(task, result)


def _writer(plan: RungPlan, runner: TaskRunner, path: Path, compress: bool) -> SpikeFileWriter:
    network, data = runner.shards.network, runner.shards.data
    provenance = {**collect(), "rung": plan.rung.name, "dataset": data.name, "part": data.part}
    shapes = {p.name: p.shape for p in network.firing}
    steps = network.steps * plan.condition.divisor
    return SpikeFileWriter(path, shapes, plan.condition.dt, steps, provenance, compress)


@dataclass
class _Append:
    """Append recordings to a file, and remember whether that failed."""

    writer: SpikeFileWriter
    failed: bool = field(default=False, init=False)

    def __call__(self, chunk: Recording) -> None:
        try:
            self.writer.append(chunk)
        except InputError:
            self.failed = True
            raise
