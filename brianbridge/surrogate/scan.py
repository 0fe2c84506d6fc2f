"""Step the populations of a twin through one presentation.

Without loops between populations (`run_in_turn`) each runs over all T steps before the next one
starts: the input of a whole presentation is one matrix product, and only the neurons' own step is
a loop. With feedback, or in Brian2's default order (`run_together`), all populations take a step
before any takes the next.

Both return spikes ``(T, batch, *shape)`` and the state at the end ``(batch, *shape)`` by
population.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..network import INPUT

if TYPE_CHECKING:
    from .network import SurrogateNetwork

__all__ = ["Outcome", "run_in_turn", "run_together"]

Drives = Mapping[str, Tensor | None]
#: Spikes, state at the end, and traces, each by population.
Outcome = tuple[dict[str, Tensor], dict[str, dict[str, Tensor]], dict[str, dict[str, Tensor]]]


def run_in_turn(
    twin: SurrogateNetwork,
    drives: Drives,
    raster: Tensor | None,
    batch: int,
    record: Sequence[str],
) -> Outcome:
    """Run population after population, each over all steps."""
    network = twin.network
    sources = {} if raster is None else {INPUT: raster}
    spikes: dict[str, Tensor] = {}
    state: dict[str, dict[str, Tensor]] = {}
    traces: dict[str, dict[str, Tensor]] = {}
    for name in twin.populations:
        x: dict[str, Tensor] = {}
        for projection in network.incoming(name):
            if network.delivers_spikes(projection):
                emitted = _later(sources[projection.source], network.delay_steps(projection))
                _add(x, network.receive_of(projection), twin.projection(projection.name)(emitted))
        population = twin.population(name)
        wanted = [v for v in record if v in population.rendered.state]
        result = population.run(
            x or None, drives[name], steps=network.steps, batch=batch, record=wanted
        )
        state[name], traces[name] = result.state, result.traces
        if result.spikes is not None:
            spikes[name] = sources[name] = result.spikes
    return spikes, state, traces


def run_together(
    twin: SurrogateNetwork,
    drives: Drives,
    raster: Tensor | None,
    batch: int,
    record: Sequence[str],
) -> Outcome:
    """Run step after step, in each all populations."""
    network = twin.network
    canonical = network.schedule == "canonical"
    steps = network.steps
    running = {name: twin.population(name).present(drives[name], batch) for name in drives}
    emitted: dict[str, list[Tensor]] = {name: [] for name in drives if network.fires(name)}
    emitted |= {} if raster is None else {INPUT: list(raster.unbind(0))}
    wanted = {n: [v for v in record if v in twin.population(n).rendered.state] for n in drives}
    traces: dict[str, dict[str, list[Tensor]]] = {n: {v: [] for v in wanted[n]} for n in drives}
    into = {
        name: [
            (p.source, network.delay_steps(p), network.receive_of(p), twin.projection(p.name))
            for p in network.incoming(name)
            if network.delivers_spikes(p)
        ]
        for name in drives
    }

    def arriving(name: str, k: int) -> dict[str, Tensor]:
        x: dict[str, Tensor] = {}
        for source, delay, receive, projection in into[name]:
            if k >= delay:
                _add(x, receive, projection(emitted[source][k - delay]))
        return x

    for k in range(steps):
        fired = {} if canonical else {name: running[name].fire(k) for name in drives}
        if not canonical:
            for name, values in fired.items():
                if values is not None:
                    emitted[name].append(values)
        for name in drives:
            if canonical:
                values = running[name].step(k, arriving(name, k))
                if values is not None:
                    emitted[name].append(values)
            else:
                running[name].settle(k, fired[name], arriving(name, k))
            for variable, values_so_far in traces[name].items():
                values_so_far.append(running[name][variable])
    return (
        {name: torch.stack(emitted[name]) for name in drives if network.fires(name)},
        {name: running[name].states() for name in drives},
        {n: {v: torch.stack(values) for v, values in t.items()} for n, t in traces.items()},
    )


def _later(raster: Tensor, steps: int) -> Tensor:
    """Return a raster ``(T, ...)`` delayed by some steps; what arrives after the end is lost."""
    if not steps:
        return raster
    silent = raster.new_zeros((min(steps, len(raster)), *raster.shape[1:]))
    return torch.cat([silent, raster[: len(raster) - len(silent)]])


def _add(x: dict[str, Tensor], name: str, values: Tensor) -> None:
    x[name] = x[name] + values if name in x else values
