"""Run the populations of a twin through one presentation.

Without loops between populations (`run_in_turn`) each population runs over all T steps before the
next one starts: the input of a whole presentation is one matrix product, and only the step of the
neurons is a loop. With loops (`run_together`), all populations take a step before any takes the
next.

Both functions return spikes ``(T, batch, *shape)`` and the state at the end ``(batch, *shape)``,
by population.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor

from brianbridge.network import INPUT
from brianbridge.twin.lag import Arriving
from brianbridge.twin.modules import NetworkModules
from brianbridge.twin.noise import Noise
from brianbridge.twin.state import TwinState
from brianbridge.twin.synapses.run import Coupling

__all__ = [
    "Outcome",
    "batch_of",
    "first_steps",
    "inputs_of",
    "run_in_turn",
    "run_together",
    "total",
]

#: Spikes, state at the end, and traces, each by population. The state of synapses with a model is
#: there, too, by projection.
Outcome = tuple[dict[str, Tensor], dict[str, dict[str, Tensor]], dict[str, dict[str, Tensor]]]


def batch_of(current: Tensor | None, raster: Tensor | None) -> int:
    """Return the number of samples of an encoded batch."""
    if raster is not None:
        return raster.shape[1]
    assert current is not None, "give a current or a raster"
    return len(current)


def run_in_turn(
    twin: NetworkModules,
    current: Tensor | None,
    raster: Tensor | None,
    batch: int,
    record: Sequence[str],
    noise: Noise | None = None,
    start: TwinState | None = None,
) -> Outcome:
    """Run population after population, each over all steps."""
    network, start = twin.network, start or TwinState()
    steps = network.steps if raster is None else len(raster)
    sources = {} if raster is None else {INPUT: raster}
    spikes: dict[str, Tensor] = {}
    state: dict[str, dict[str, Tensor]] = {}
    traces: dict[str, dict[str, Tensor]] = {}
    for name in (layer.name for layer in network.layers):
        x, constant = inputs_of(twin, name, sources, current, start.emitted)
        population = twin.population(name)
        wanted = [v for v in record if v in population.rendered.state]
        result = population.run(
            x or None, twin.drive(name, constant), steps=steps, batch=batch,
            record=wanted, noise=noise, parameters=twin.parameters_of(name),
            state=start.values.get(name), first=start.step,
        )  # fmt: skip
        state[name], traces[name] = result.state, result.traces
        if result.spikes is not None:
            mask = twin.mask(name, batch)
            values = twin.emitted_spikes(name, result.spikes)
            spikes[name] = values if mask is None else values * mask
            sources[name] = spikes[name]
    return spikes, state, traces


def inputs_of(
    twin: NetworkModules,
    name: str,
    sources: Mapping[str, Tensor],
    current: Tensor | None,
    earlier: Mapping[str, Tensor] = MappingProxyType({}),
) -> tuple[dict[str, Tensor], Tensor | None]:
    """Return the input of a population during a presentation.

    Parameters
    ----------
    twin : NetworkModules
        The twin, without loops.
    name : str
        The population.
    sources : mapping of str to Tensor, shape (T, batch, *shape)
        Spikes of the populations before it, and of the input if it has spikes.
    current : Tensor, shape (batch, *input_shape), optional
        Constant input.
    earlier : mapping of str to Tensor, shape (steps, batch, *shape)
        Spikes of the steps before, by population.

    Returns
    -------
    x : dict of str to Tensor, shape (T, batch, *shape)
        Weighted spikes, by the variable that they add to.
    constant : Tensor or None, shape (batch, *shape) or (*shape)
        Constant input in every step.
    """
    network = twin.network
    x: dict[str, Tensor] = {}
    constants: list[Tensor | None] = []
    for projection in network.incoming(name):
        weights = twin.projection(projection.name)
        if network.delivers_spikes(projection):
            steps = network.delay_steps(projection)
            spikes, before = sources[projection.source], earlier.get(projection.source)
            if before is None:
                weighted = weights.over_time(spikes, steps)
            else:
                weighted = weights.over_time(torch.cat([before, spikes]), steps)[len(before) :]
            weighted, constant = weights.normalised(weighted, weighted.mean(0))
            _add(x, network.receive_of(projection), weighted)
            constants.append(constant)
        else:
            assert current is not None, "the input of this network is a current"
            weighted = weights(current)
            weighted, constant = weights.normalised(weighted, weighted)
            constants += [constant, weighted]
    return x, total(constants)


def total(constants: Iterable[Tensor | None]) -> Tensor | None:
    """Return the sum of all tensors that are not None, or None if there is none."""
    found = [c for c in constants if c is not None]
    return functools.reduce(operator.add, found) if found else None


def run_together(
    twin: NetworkModules,
    current: Tensor | None,
    raster: Tensor | None,
    batch: int,
    record: Sequence[str],
    noise: Noise | None = None,
    start: TwinState | None = None,
) -> Outcome:
    """Run step after step, and in each step all populations."""
    network, start = twin.network, start or TwinState()
    steps = network.steps if raster is None else len(raster)
    canonical = network.schedule == "canonical"
    drives = {n: twin.drive(n, _constant_input(twin, n, current)) for n in twin.populations}
    masks = {name: twin.mask(name, batch) for name in drives}
    running = {
        name: twin.present(name, drives[name], batch, noise, start.values.get(name))
        for name in drives
    }
    emitted = {name: list(start.emitted.get(name, ())) for name in drives if network.fires(name)}
    if raster is not None:
        emitted[INPUT] = [*start.emitted.get(INPUT, ()), *raster.unbind(0)]
    before = start.known
    wanted = {n: [v for v in record if v in twin.population(n).rendered.state] for n in drives}
    traces: dict[str, dict[str, list[Tensor]]] = {n: {v: [] for v in wanted[n]} for n in drives}
    incoming = {name: _spike_projections(twin, name) for name in drives}
    coupling = Coupling(twin, running, start)
    in_order = sorted(drives, key=network.update_ranks.__getitem__)

    def emit(name: str, values: Tensor | None) -> None:
        if values is None:
            return
        mask = masks[name]
        values = twin.emitted_spikes(name, values, len(emitted[name]) - before)
        emitted[name].append(values if mask is None else values * mask)

    for k in range(steps):
        now = start.step + k
        if not canonical:
            coupling.before_neurons(now)
            computed = {}
            for name in in_order:
                coupling.before(name, now)
                computed[name] = running[name].fire(now)
            for name in drives:
                emit(name, computed[name])
            coupling.after_neurons(now, emitted)
        for name in drives:
            x = _arrived(incoming[name], before + k, emitted)
            if canonical:
                emit(name, running[name].step(now, x))
            else:
                running[name].settle(now, computed[name], x)
            for variable, values_so_far in traces[name].items():
                values_so_far.append(running[name][variable])
    return (
        {name: torch.stack(emitted[name][before:]) for name in drives if network.fires(name)},
        {name: running[name].states() for name in drives} | coupling.states(),
        {n: {v: torch.stack(values) for v, values in t.items()} for n, t in traces.items()},
    )


def _arrived(
    incoming: Iterable[tuple[str, str, Arriving]], k: int, emitted: Mapping[str, Sequence[Tensor]]
) -> dict[str, Tensor]:
    """Return what arrives at a population in a step, by the variable that it is added to."""
    x: dict[str, Tensor] = {}
    for source, receive, arrivals in incoming:
        weighted = arrivals(k, emitted[source])
        if weighted is not None:
            _add(x, receive, weighted)
    return x


def _spike_projections(twin: NetworkModules, name: str) -> list[tuple[str, str, Arriving]]:
    """Return source, variable, and what arrives in a step, of all projections with spikes."""
    network = twin.network
    return [
        (
            p.source,
            network.receive_of(p),
            twin.projection(p.name).arrivals(network.delay_steps(p)),
        )
        for p in network.incoming(name)
        if network.delivers_spikes(p) and p.model is None
    ]


def _constant_input(twin: NetworkModules, name: str, current: Tensor | None) -> Tensor | None:
    """Return the sum of a population's biases and of its weighted constant input.

    Parameters
    ----------
    twin : NetworkModules
        The twin.
    name : str
        The population.
    current : Tensor, shape (batch, *input_shape), optional
        The encoded samples, if they are a current.

    Returns
    -------
    Tensor, shape (batch, *shape) or (*shape), or None
    """
    constants = []
    for projection in twin.network.incoming(name):
        weights = twin.projection(projection.name)
        constants.append(weights.bias_of_neurons())
        if projection.source == INPUT and current is not None:
            constants.append(weights(current))
    return total(constants)


def first_steps(spikes: Tensor) -> Tensor:
    """Return the step of each neuron's first spike, ``(batch, *shape)``.

    The spikes have shape ``(T, batch, *shape)``. The result has their type, and is T for a neuron
    without a spike.

    Examples
    --------
    >>> first_steps(torch.tensor([[0.0, 0], [1, 0], [1, 0]]))
    tensor([1., 3.])
    """
    never = len(spikes)
    times = torch.arange(never, dtype=spikes.dtype, device=spikes.device)
    each = times.reshape(-1, *(1,) * (spikes.ndim - 1))
    return torch.where(spikes != 0, each, never).amin(0)


def _add(x: dict[str, Tensor], name: str, values: Tensor) -> None:
    x[name] = x[name] + values if name in x else values
