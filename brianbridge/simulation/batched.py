"""Run a spiking network in Brian2 by the batched path: whole test sets in one run.

The neurons of B samples are one ordinary `NeuronGroup`, stepped, thresholded and reset by Brian2
from its equations; projections are `BatchedProjection` objects that hold the weights once. One
`run` presents one chunk of samples after another: at the start of a chunk a `Presenter` sets all
state back and loads the next input. (Starting a run costs as much as thousands of samples.)

Spikes are those of the reference path; tests hold both against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from brian2 import BrianObject, Clock, Network, PoissonGroup, hertz, prefs, second
from brian2.core.variables import ArrayVariable
from brian2.utils.stringtools import get_identifiers

from ..encoding import EncodedInput
from ..errors import InputError
from ..network import INPUT, Sparse, SpikingNetwork
from ..neurons.model import NeuronModel
from ..recording import Recording
from . import kernels
from .arithmetic import little_garbage, strict_arithmetic
from .delivery import delivery
from .drive import Drives
from .kernels import SpikeList
from .memory import fitting_batch
from .projections import BatchedProjection
from .recorder import SpikeRecorder, StateWatch, TraceRecorder
from .request import Request
from .schedule import position_in_order, put_in_order
from .threaded import SMALL, run_threaded

__all__ = ["run_batched"]

_FIRST, _LAST = -(10**6), 10**6


class RasterSource(BrianObject):
    """Replay the input spikes of a chunk; those of a coarse step fall on its start.

    Parameters
    ----------
    inputs : int
        Number of input neurons.
    samples : int
        Samples in a chunk.
    coarse : int
        Steps that make one of the raster's.
    dtype : numpy.dtype
        Type of spike values.
    """

    def __init__(self, inputs: int, samples: int, coarse: int, dtype: Any, **keywords: Any) -> None:
        super().__init__(name=INPUT, **keywords)
        self.N, self._samples = inputs * samples, samples
        self._coarse, self._empty = coarse, np.empty(0, dtype)
        self._silent = SpikeList(
            np.zeros(samples + 1, np.int64), np.empty(0, np.int32), self._empty
        )
        self.variables: dict[str, Any] = {}
        self.rewind(None)

    def rewind(self, raster: np.ndarray | None) -> None:
        """Start again, with a raster ``(steps, samples, *inputs)``."""
        self._raster, self._step = raster, 0
        self._graded = raster is not None and _graded(raster)
        self.spike_list = self._silent

    def run(self) -> None:
        """Show the spikes of this step."""
        step, rest = divmod(self._step, self._coarse)
        self._step += 1
        if self._raster is None or rest:
            self.spike_list = self._silent
            return
        raster = self._raster[step].reshape(self._samples, -1)
        found = kernels.from_dense(raster, self._empty, self._graded)
        self.spike_list = SpikeList(*found)


def _graded(raster: np.ndarray) -> bool:
    """Tell whether any spike value is not 1."""
    if raster.dtype.kind == "f":
        return bool(((raster != 0) & (raster != 1)).any())
    return bool((raster.max() > 1) or (raster.min() < 0))


@dataclass(frozen=True)
class _Built:
    """Hold the Brian2 objects of the batched path."""

    brian2: Network
    groups: Mapping[str, Any]
    source: RasterSource | PoissonGroup | None
    projections: tuple[BatchedProjection, ...]
    spikes: Mapping[str, SpikeRecorder]
    traces: Mapping[str, TraceRecorder]
    batch: int


class Presenter(BrianObject):
    """Present chunk after chunk within one run.

    Parameters
    ----------
    built : _Built
        What is presented to.
    request : Request
        What was asked for.
    finish : callable
        Called with the first sample of a chunk when its last step is over.
    """

    def __init__(
        self, built: _Built, request: Request, finish: Callable[[int], None], clock: Clock
    ) -> None:
        super().__init__(clock=clock, when="start", order=_FIRST, name="presenter")
        self._built, self._request, self._finish = built, request, finish
        self._drives = Drives(request.network)
        self._initial = {
            name: {v: a.copy() for v, a in _changing(group).items()}
            for name, group in built.groups.items()
        }
        self._low, self._step = 0, 0

    def run(self) -> None:
        """Go on to the next chunk where one is over."""
        if self._step == self._request.steps:
            self.close()
        if self._step == 0:
            self.load()
        self._step += 1

    def close(self) -> None:
        """Hand on the chunk that is over."""
        self._finish(self._low)
        self._low, self._step = self._low + self._built.batch, 0

    def load(self) -> None:
        """Set all state back and load the input of the next chunk."""
        built, request = self._built, self._request
        for name, group in built.groups.items():
            for variable, values in self._initial[name].items():
                group.variables[variable].get_value()[...] = values
        for projection in built.projections:
            projection.forget()
        for spikes in built.spikes.values():
            spikes.rewind()
        for traces in built.traces.values():
            traces.rewind()
        encoded = request.encode(self._low, self._low + built.batch)
        for name, values in self._drives(encoded).items():
            group = built.groups[name]
            drive = group.variables[request.network.population(name).neuron.drive].get_value()
            rows = drive.reshape(built.batch, -1)
            rows[: encoded.samples] = values
            rows[encoded.samples :] = 0
        if isinstance(built.source, RasterSource):
            built.source.rewind(padded(encoded, built.batch))
        elif built.source is not None:
            rates = built.source.variables["rates"].get_value().reshape(built.batch, -1)
            rates[: encoded.samples] = request.rates(self._low, self._low + encoded.samples)
            rates[encoded.samples :] = 0


def padded(encoded: EncodedInput, batch: int) -> np.ndarray:
    """Return the raster ``(steps, batch, *inputs)``; samples that are missing stay silent."""
    given = encoded.raster
    assert given is not None
    if given.shape[1] == batch:
        return given
    raster = np.zeros((len(given), batch, *given.shape[2:]), given.dtype)
    raster[:, : given.shape[1]] = given
    return raster


def _changing(group: Any) -> dict[str, np.ndarray]:
    """Return the arrays of a group that a run may change."""
    own = {
        name: variable.get_value()
        for name, variable in group.variables.items()
        if isinstance(variable, ArrayVariable)
        and variable.owner is not None
        and variable.owner.name == group.name
        and not (variable.constant or variable.scalar)
    }
    return {name: values for name, values in own.items() if name not in ("i", "t", "dt")}


def run_batched(
    request: Request,
    *,
    batch_size: int | None = None,
    dtype: Any = np.float64,
    threads: int | None = None,
    watch: bool = False,
) -> Recording:
    """Simulate by the batched path.

    Parameters
    ----------
    request : Request
        What is to be done.
    batch_size : int, optional
        Samples in a chunk; what memory and caches suggest if not given.
    dtype : numpy.dtype
        Type of state and weights.
    threads : int, optional
        Threads of the compiled loops; numba's setting if not given.
    watch : bool
        Whether to look for NaN after every step, not only after every chunk.
    """
    import numba

    network = request.network
    _check_delays(network)
    number = len(request.numbers)
    batch = batch_size or fitting_batch(network, traced=len(request.variables))
    chunks = -(-number // min(number, batch))
    batch = -(-number // chunks)  # as even as possible, so that no chunk is mostly padding
    before = numba.get_num_threads(), prefs["core.default_float_dtype"]
    parts: list[Recording] = []
    try:
        numba.set_num_threads(threads or before[0])
        prefs["core.default_float_dtype"] = np.dtype(dtype).type
        with strict_arithmetic(), little_garbage():
            built, clock = _build(request, batch, np.dtype(dtype), watch)

            def finish(low: int) -> None:
                samples = min(batch, number - low)
                part = _recording(request, built, samples)
                _check_finite(request, built, low, samples, watch)
                parts.append(request.hand_on(part))

            presenter = Presenter(built, request, finish, clock)
            built.brian2.add(presenter)
            runs = chunks if any(_tells_time(p.neuron) for p in network.populations) else 1
            if runs > 1:
                built.brian2.store("start")
            for _ in range(runs):
                if runs > 1:
                    built.brian2.restore("start")
                length = request.steps * (chunks // runs)
                built.brian2.run(length * request.dt * second, namespace={})
                presenter.close()  # before anything is set back
    finally:
        numba.set_num_threads(before[0])
        prefs["core.default_float_dtype"] = before[1]
    return Recording.concatenate(parts)


def _check_delays(network: SpikingNetwork) -> None:
    for projection in network.projections:
        connection = projection.connection
        if isinstance(connection, Sparse) and connection.delays is not None:
            raise InputError(
                f"projection '{projection.name}' has a delay for each synapse, which only the "
                "reference path follows; use path = 'reference', or split it by delay"
            )


def _tells_time(model: NeuronModel) -> bool:
    """Return whether a model depends on the time since the start of the presentation."""
    refractory = model.refractory if isinstance(model.refractory, str) else ""
    code = " ".join((model.equations.replace("/dt", ""), model.emit, model.reset, refractory))
    return "t" in get_identifiers(code)


def _build(request: Request, batch: int, dtype: np.dtype, watch: bool) -> tuple[_Built, Clock]:
    network, canonical = request.network, request.schedule == "canonical"
    clock = Clock(dt=request.dt * second, name="simulation_clock")
    groups: dict[str, Any] = {}
    source: Any = None
    if any(network.delivers_spikes(p) and p.source == INPUT for p in network.projections):
        inputs = int(np.prod(network.input_shape))
        if request.poisson:
            rates = np.zeros(inputs * batch) * hertz
            # The first in the order of populations.
            source = PoissonGroup(inputs * batch, rates, clock=clock, order=-1, name=INPUT)
        else:
            source = RasterSource(inputs, batch, request.coarse, dtype, clock=clock, when="start")
    for population in network.populations:
        group = population.neuron.group(
            batch * population.size,
            fires=network.fires(population.name),
            clock=clock,
            name=population.name,
        )
        if group.N >= SMALL:
            run_threaded(group)
        groups[population.name] = group
    positions = [INPUT, *groups]
    projections = []
    for projection in network.projections:
        if not network.delivers_spikes(projection):
            continue
        ends = network.shape_of(projection.source), network.shape_of(projection.target)
        # A feedback projection reads its source before that emits: the spikes of the last step.
        early = 1 if projection.feedback and canonical else 0
        projections.append(
            BatchedProjection(
                source if projection.source == INPUT else groups[projection.source],
                groups[projection.target],
                delivery(projection, *ends, dtype.type),
                receive=network.receive_of(projection),
                samples=batch,
                delay_steps=network.delay_steps(projection, request.dt) - early,
                name=projection.name,
            )
        )
    if canonical:
        for name, group in groups.items():
            put_in_order(positions.index(name), group)
        for part in projections:
            part.when, part.order = position_in_order(positions.index(part.target.name))
    spikes = {
        p.name: SpikeRecorder(groups[p.name], p.neuron, batch, request, clock)
        for p in network.firing
    }
    traces = {
        p.name: TraceRecorder(groups[p.name], variables, p.shape, batch, request.steps, clock)
        for p in network.populations
        if (variables := [v for v in request.variables if v in p.neuron.state_variables])
    }
    watches = [
        StateWatch(groups[p.name], p.neuron.state_variables, clock)
        for p in network.populations
        if watch
    ]
    parts = [*groups.values(), *projections, *spikes.values(), *traces.values(), *watches]
    parts += [r.start for r in spikes.values() if r.start is not None]
    parts += [source] if source is not None else []
    built = _Built(Network(*parts), groups, source, tuple(projections), spikes, traces, batch)
    return built, clock


def _recording(request: Request, built: _Built, samples: int) -> Recording:
    """Return what was recorded of the chunk that is over."""
    network = request.network
    events = {name: recorder.events(samples) for name, recorder in built.spikes.items()}
    last = network.output
    if network.fires(last.name):
        output = events[last.name].counts(samples, last.size)
    else:
        potential = built.groups[last.name].variables[last.neuron.potential].get_value()
        output = np.array(potential, dtype=np.float64).reshape(built.batch, last.size)[:samples]
    return Recording(
        dt=request.dt,
        steps=request.steps,
        samples=samples,
        shapes={p.name: p.shape for p in network.firing},
        all_events=events,
        output=output,
        traces={
            p.name: built.traces[p.name].values(samples) if p.name in built.traces else {}
            for p in network.populations
        },
    )


def _check_finite(request: Request, built: _Built, low: int, samples: int, watched: bool) -> None:
    """Refuse a chunk that ended in NaN; present it once more to find where that began."""
    for population in request.network.populations:
        group = built.groups[population.name]
        for name in population.neuron.state_variables:
            values = group.variables[name].get_value()
            if watched or not np.isnan(values[: samples * population.size]).any():
                continue
            again = replace(
                request,
                samples=request.encode(low, low + samples),
                numbers=request.numbers[low : low + samples],
                on_chunk=None,
            )
            run_batched(again, batch_size=samples, dtype=values.dtype, watch=True)
            raise InputError(f"population '{population.name}': '{name}' is not a number")
