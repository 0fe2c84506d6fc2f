"""Run populations together: all take a step before any takes the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor

from brianbridge.network import INPUT
from brianbridge.network.samples import recorded_of
from brianbridge.twin.lag import Arriving
from brianbridge.twin.modules import NetworkModules
from brianbridge.twin.noise import Noise
from brianbridge.twin.received import add, constant_input, masked, over_time, steps_of
from brianbridge.twin.state import TwinState
from brianbridge.twin.synapses.run import Coupling

__all__ = ["Outcome", "run_together"]

#: Spikes, state at the end, and traces, each by population. The state of synapses with a model is
#: there, too, by projection.
Outcome = tuple[dict[str, Tensor], dict[str, dict[str, Tensor]], dict[str, dict[str, Tensor]]]


def run_together(
    twin: NetworkModules,
    current: Tensor | None,
    raster: Tensor | None,
    batch: int,
    record: Sequence[str],
    noise: Noise | None = None,
    start: TwinState | None = None,
    part: Sequence[str] | None = None,
    sources: Mapping[str, Tensor] = MappingProxyType({}),
    steps: int | None = None,
) -> Outcome:
    """Run step after step, and in each step all populations.

    Parameters
    ----------
    twin, current, raster, batch, record, noise, start, steps
        As in `run`.
    part : sequence of str, optional
        The populations to run; all if not given.
    sources : mapping of str to Tensor, shape (T, batch, *shape)
        Spikes of the populations before them, and of the input, if there is a part.
    """
    network, start = twin.network, start or TwinState()
    canonical = network.schedule == "canonical"
    names = [name for name in twin.populations if part is None or name in part]
    drives = {name: twin.drive(name, constant_input(twin, name, current)) for name in names}
    masks = {name: twin.mask(name, batch) for name in drives}
    running = {n: twin.present(n, drives[n], batch, noise, start.values.get(n)) for n in drives}
    emitted = {name: list(start.emitted.get(name, ())) for name in drives if network.fires(name)}
    if raster is not None:
        emitted[INPUT] = [*start.emitted.get(INPUT, ()), *raster.unbind(0)]
    before = start.known
    traces: dict[str, dict[str, list[Tensor]]] = {
        n: {v: [] for v in recorded_of(n, twin.population(n).rendered.state, record)} for n in names
    }
    incoming = {name: _spike_projections(twin, name, sources, start, noise) for name in drives}
    coupling = Coupling(twin, running, start)

    def emit(name: str, values: Tensor | None) -> None:
        if values is not None:
            values = twin.emitted_spikes(name, values, len(emitted[name]) - before)
            emitted[name].append(masked(values, masks[name]))

    for k in range(steps_of(twin, raster, steps)):
        now = start.step + k
        if not canonical:
            coupling.before_neurons(now)
            computed = {}
            for name in sorted(names, key=network.update_ranks.__getitem__):
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
    """Return the input of a population in a step, by the variable that it is added to."""
    x: dict[str, Tensor] = {}
    for source, receive, arrivals in incoming:
        weighted = arrivals(k, emitted.get(source, ()))
        if weighted is not None:
            add(x, receive, weighted)
    return x


def _spike_projections(
    twin: NetworkModules,
    name: str,
    sources: Mapping[str, Tensor],
    start: TwinState,
    noise: Noise | None,
) -> list[tuple[str, str, Arriving]]:
    """Return source, variable, and what arrives in a step, of all projections with spikes."""
    network = twin.network
    found: list[tuple[str, str, Arriving]] = []
    for p in network.incoming(name):
        if network.delivers_spikes(p) and p.model is None:
            weights, steps = twin.projection(p.name), network.delay_steps(p)
            if p.source in sources:  # all its spikes are known
                weighted = over_time(
                    weights, steps, sources[p.source], start.emitted.get(p.source), noise,
                    start.step,
                )  # fmt: skip
                arrivals: Arriving = partial(_known, weighted.unbind(0), start.known)
            else:
                arrivals = weights.arrivals(steps, noise, start.step - start.known)
            found.append((p.source, network.receive_of(p), arrivals))
    return found


def _known(in_steps: Sequence[Tensor], before: int, k: int, emitted: Sequence[Tensor]) -> Tensor:
    return in_steps[k - before]
