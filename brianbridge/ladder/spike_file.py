"""Write the spikes of a rung to a file while it runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from brianbridge.errors import InputError, did_you_mean
from brianbridge.io.spikes.file import SpikeFileWriter
from brianbridge.ladder.execution import TaskRunner
from brianbridge.ladder.plan import RungPlan
from brianbridge.ladder.tasks import Task
from brianbridge.provenance import collect
from brianbridge.recording import Recording

__all__ = [
    "NotSimulated",
    "SpikesOf",
    "check_spikes_of",
    "file_of_rung",
    "unwritten_tasks",
    "write_spikes",
]

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


def unwritten_tasks(plans: Sequence[RungPlan], of: SpikesOf | None) -> list[Task]:
    """Return the tasks whose spikes are not written; all of them if no rung is chosen.

    Workers may begin with them at once, before the twin's results and those spikes are here.
    """
    written = [] if of is None else plans[:1] if of == "first" else plans
    keys = {task.key for plan in written for task in plan.first_run}
    return [task for plan in plans for task in plan.tasks if task.key not in keys]


def write_spikes(plan: RungPlan, runner: TaskRunner, path: Path, compress: bool) -> None:
    """Run a rung, and write its spikes in the order of the samples.

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
    with _writer(plan, runner, path, compress) as writer:
        append, what = _Append(writer), f"spikes of '{plan.rung.name}'"
        tasks = plan.first_run
        with runner.progress.count(what, len(runner.shards.data), "samples") as on_done:
            for task, result in zip(tasks, runner.recorded(tasks, append, on_done), strict=True):
                if append.failed is not None:
                    raise append.failed
                if isinstance(result, InputError):
                    raise NotSimulated(str(result))
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
    failed: InputError | None = field(default=None, init=False)

    def __call__(self, chunk: Recording) -> None:
        try:
            self.writer.append(chunk)
        except InputError as error:
            self.failed = error
            raise
