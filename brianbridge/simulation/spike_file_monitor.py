"""Stream the spikes of a Brian2 group to a spike file while it runs."""

from __future__ import annotations

import os
import time
import weakref
from typing import Any, NoReturn

import numpy as np
from brian2 import EventMonitor

from brianbridge.errors import InputError
from brianbridge.events import Events
from brianbridge.io.spikes.file import SpikeFileWriter
from brianbridge.provenance import collect
from brianbridge.recording import Recording
from brianbridge.simulation.device import check_runtime_device

__all__ = ["SpikeFileMonitor"]

_MOST = 1 << 16  # spikes in memory, but for those of the last step
_SECONDS = 1.0  # that a spike is in memory only
_CALLS = 1000  # steps between two looks at the clock


class SpikeFileMonitor(EventMonitor):
    """Stream the spikes of a group to a file, with bounded memory.

    It is used like Brian2's `SpikeMonitor`, in a `Network` or in the magic network. Its spikes are
    in the file, not in memory. The file appears when the monitor is closed: by `close`, at the end
    of a ``with`` block, or at the end of the program. Until then, and if the program is killed, its
    spikes are in the hidden file ``.NAME.part`` beside it, which `brianbridge.read_spikes` opens;
    at most those of the last second or so are missing.

    Parameters
    ----------
    source : NeuronGroup, Subgroup or other SpikeSource
        The group. The file counts its neurons from 0, also those of a subgroup.
    filename : path-like
        The spike file to write. An earlier one is replaced when the monitor is closed.
    event : str
        The event that is recorded.
    when, order, name, codeobj_class
        As for `SpikeMonitor`.

    Attributes
    ----------
    num_spikes : int
        Number of spikes so far.
    count : VariableView
        Number of spikes so far of each neuron.

    Raises
    ------
    InputError
        If the file cannot be written, or a standalone device is active. In a run, if the disk is
        full.

    Examples
    --------
    >>> import tempfile
    >>> from brian2 import Network, NeuronGroup, ms
    >>> from brianbridge.io.spikes.file import read_spikes
    >>> cells = NeuronGroup(2, "dv/dt = (i + 1)/(3*ms) : 1", threshold="v > 1", reset="v = 0",
    ...                     method="euler", name="cells", dt=1*ms)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with SpikeFileMonitor(cells, f"{folder}/spikes.h5") as monitor:
    ...         Network(cells, monitor).run(8*ms)
    ...     read_spikes(f"{folder}/spikes.h5").populations["cells"]
    Spikes of population 'cells': 2 neurons, 8 steps of 1 ms, 6 spikes
    """

    def __init__(
        self,
        source: Any,
        filename: str | os.PathLike[str],
        event: str = "spike",
        when: str | None = None,
        order: int | None = None,
        name: str = "spikefilemonitor*",
        codeobj_class: type | None = None,
    ) -> None:
        check_runtime_device("SpikeFileMonitor")
        self._file = _File(filename, source.name, len(source))
        super().__init__(
            source, event, when=when, order=order, name=name, codeobj_class=codeobj_class
        )
        self._pace = _Pace(max(1, min(_CALLS, _MOST // len(source))))
        # Called at the end of the program, too; without a reference to the monitor.
        self._finalizer = weakref.finalize(self, self._file.close)

    def before_run(self, run_namespace: Any) -> None:
        """Open the file at the first run."""
        super().before_run(run_namespace)
        self._file.open(float(self.clock.dt), self.name)

    def run(self) -> None:
        """Record the spikes of one step; from time to time, write."""
        for codeobj in self._code_objects:
            codeobj()
        pace = self._pace
        pace.left -= 1
        if pace.left:
            return
        pace.left = pace.every
        pending = self.variables["N"].get_value()[0]
        if pending >= _MOST or (pending and time.monotonic() - pace.written_at > _SECONDS):
            self._write()

    def after_run(self) -> None:
        """Write what is left of a run."""
        super().after_run()
        self._write()
        self._file.running = False

    def close(self) -> None:
        """Complete the file. A later run with this monitor is refused."""
        if self._file.is_open and not self._file.running:
            self._write()
        self._finalizer()

    def __enter__(self) -> SpikeFileMonitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def num_spikes(self) -> int:
        """Number of spikes so far."""
        return int(self.variables["count"].get_value().sum())

    num_events = num_spikes

    @property
    def i(self) -> NoReturn:
        """Refuse: the spikes are in the file."""
        raise InputError(
            f"the spikes of '{self.name}' are in its file: close the monitor, and give "
            f"'{self._file.path}' to brianbridge.read_spikes"
        )

    t = i_ = t_ = it = it_ = i

    def _full_state(self) -> NoReturn:
        raise InputError(
            f"'{self.name}' writes to a file, which restore() cannot take back: leave the monitor "
            "out of networks that are stored"
        )

    def _write(self) -> None:
        """Move the spikes from memory to the file."""
        number = self.variables["N"].get_value()
        if not number[0]:
            self._file.reach(self.clock)
            return
        index = np.array(self.variables["i"].get_value()[: number[0]])
        times = np.array(self.variables["t"].get_value()[: number[0]])
        self._file.append(index, times, self.clock)
        number[0] = 0
        self.resize(0)
        self._pace.written_at = time.monotonic()


class _Pace:
    """Count the steps until the next look at what is in memory; cheaper than in a Brian2 object."""

    def __init__(self, every: int) -> None:
        self.every = self.left = every
        self.written_at = time.monotonic()


class _File:
    """Hold the writer of a monitor, which outlives it."""

    def __init__(self, path: str | os.PathLike[str], population: str, neurons: int) -> None:
        self._population, self._neurons = population, neurons
        self._writer = SpikeFileWriter(path, {population: (neurons,)}, 1.0, None)
        self.path = self._writer.path
        self._dt = 0.0
        self._steps = 1
        self.is_open = self._closed = self.running = False

    def open(self, dt: float, name: str) -> None:
        """Open the file if it is not open; refuse a run after the end, or with another step."""
        if self._closed:
            raise InputError(
                f"'{name}' was closed: make a new monitor, with another file, for this run"
            )
        if self.is_open and dt != self._dt:
            raise InputError(
                f"'{name}' was run with steps of {self._dt} s, not {dt} s: a file has one time step"
            )
        if not self.is_open:
            shapes = {self._population: (self._neurons,)}
            self._writer = SpikeFileWriter(self.path, shapes, dt, None, collect())
            self._writer.__enter__()
        self.is_open = self.running = True
        self._dt = dt

    def reach(self, clock: Any) -> None:
        """Note how far the run has come."""
        self._steps = max(self._steps, int(clock.variables["timestep"].get_value()[0]))

    def append(self, index: np.ndarray, times: np.ndarray, clock: Any) -> None:
        """Write spikes."""
        self.reach(clock)
        step = np.rint(times / self._dt).astype(np.int64)
        self._steps = max(self._steps, int(step[-1]) + 1)
        zeros = np.zeros(len(step), np.int8)
        events = Events(zeros, index, step, zeros + np.int8(1), self._dt)
        self._writer.append(self._recording(events), goes_on=True)

    def _recording(self, events: Events) -> Recording:
        name = self._population
        return Recording(
            self._dt, self._steps, 1, {name: (self._neurons,)}, {name: events}, np.zeros((1, 0))
        )

    def close(self) -> None:
        """Complete the file; after a run that failed, leave the hidden one."""
        if self._closed or not self.is_open:
            self._closed = True
            return
        self._closed, self.is_open = True, False
        failed = RuntimeError if self.running else None
        if failed is None:
            nothing = np.zeros(0, np.int64)
            self._writer.append(
                self._recording(Events(nothing, nothing, nothing, nothing, self._dt))
            )
        self._writer.__exit__(failed, None, None)
