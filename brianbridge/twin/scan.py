"""Run the populations of a twin through one presentation.

Populations run one after the other (`run`): each takes all T steps before the next one starts, so
that the input of a whole presentation is one product, and only the step of the neurons is a loop.
Populations that form a loop are run together (`run_together`): all take a step before any takes the
next. One that excites itself is such a loop of its own, and runs as one operation where it can.

Both functions return spikes ``(T, batch, *shape)`` and the state at the end ``(batch, *shape)``,
by population.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional as F

from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.network.samples import recorded_of
from brianbridge.twin.fused.recurrent import Feedback
from brianbridge.twin.modules import NetworkModules
from brianbridge.twin.noise import Noise
from brianbridge.twin.received import inputs_of, masked, steps_of
from brianbridge.twin.state import TwinState
from brianbridge.twin.together import Outcome, run_together

__all__ = ["first_steps", "parts_of", "run"]


def run(
    twin: NetworkModules,
    current: Tensor | None,
    raster: Tensor | None,
    batch: int,
    record: Sequence[str],
    noise: Noise | None = None,
    start: TwinState | None = None,
    steps: int | None = None,
) -> Outcome:
    """Run all populations, one after the other as far as their loops allow.

    Parameters
    ----------
    twin : NetworkModules
        The twin.
    current : Tensor, shape (batch, *input_shape), optional
        Constant input.
    raster : Tensor, shape (T, batch, *input_shape), optional
        Input spikes.
    batch : int
        Number of samples.
    record : sequence of str
        State variables to record.
    noise : Noise, optional
        Random numbers of the neurons.
    start : TwinState, optional
        The state to continue from.
    steps : int, optional
        Number of steps of a constant input; those of the network if not given.
    """
    network, start = twin.network, start or TwinState()
    steps = steps_of(twin, raster, steps)
    if not network.has_loops:
        parts: list[tuple[str, ...]] = [(layer.name,) for layer in network.layers]
    elif network.modelled or twin.normalises:
        # What leads into a loop from outside may depend on every step, too.
        return run_together(twin, current, raster, batch, record, noise, start, steps=steps)
    else:
        parts = parts_of(network)
    sources = {} if raster is None else {INPUT: raster}
    spikes: dict[str, Tensor] = {}
    state: dict[str, dict[str, Tensor]] = {}
    traces: dict[str, dict[str, Tensor]] = {}
    for part in parts:
        if len(part) > 1 or (loops := _loops_of(twin, part[0])) is None:
            found = run_together(
                twin, current, raster, batch, record, noise, start, part, sources, steps
            )
            spikes.update(found[0])
            state.update(found[1])
            traces.update(found[2])
            sources.update(found[0])
            continue
        name = part[0]
        x, constant = inputs_of(twin, name, sources, current, start.emitted, noise, start.step)
        population = twin.population(name)
        wanted = recorded_of(name, population.rendered.state, record)
        for feedback in loops:
            if feedback.variable not in x:
                x[feedback.variable] = twin.like.new_zeros(steps, batch, *population.shape)
            if loops and name in start.emitted:
                x[loops[0].variable] = _with_earlier(
                    x[loops[0].variable], loops[0], start.emitted[name]
                )
        result = population.run(
            x or None, twin.drive(name, constant), steps=steps, batch=batch,
            record=wanted, noise=noise, parameters=twin.parameters_of(name),
            state=start.values.get(name), first=start.step,
            feedback=loops[0] if loops else None,
        )  # fmt: skip
        state[name], traces[name] = result.state, result.traces
        if result.spikes is not None:
            values = twin.emitted_spikes(name, result.spikes)
            spikes[name] = masked(values, twin.mask(name, batch))
            sources[name] = spikes[name]
    return spikes, state, traces


def parts_of(network: SpikingNetwork) -> list[tuple[str, ...]]:
    """Return the populations in an order in which none precedes one that it receives from.

    Populations that reach each other are one part.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    """
    names = [population.name for population in network.populations]
    place = {name: i for i, name in enumerate(names)}
    pairs = [(place[p.source], place[p.target]) for p in network.projections if p.source != INPUT]
    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    graph = csr_matrix((np.ones(len(rows)), (rows, columns)), (len(names),) * 2)
    _, group = connected_components(graph, connection="strong")
    # SciPy numbers strong components from sinks to sources.
    return [
        tuple(name for name in names if group[place[name]] == number)
        for number in sorted(set(group.tolist()), reverse=True)
    ]


def _loops_of(twin: NetworkModules, name: str) -> list[Feedback] | None:
    """Return the synapses of a population with itself, at most one; None if it is stepped."""
    network = twin.network
    own = [p for p in network.incoming(name) if p.source == name]
    if not own:
        return []
    weights, steps = twin.projection(own[0].name), network.delay_steps(own[0])
    stepped = len(own) > 1 or steps < 1 or twin.replaces_spikes or twin.drops(name)
    if stepped or not weights.is_matrix:
        return None
    return [Feedback(weights.effective()[0], network.receive_of(own[0]), steps)]


def _with_earlier(x: Tensor, own: Feedback, before: Tensor) -> Tensor:
    """Add what a population sent to itself in the steps before, where it arrives in `x`."""
    late, known = own.lag, len(before)
    low, high = max(0, late - known), min(late, len(x))
    if low >= high:
        return x
    sent = before[known - late + low : known - late + high]
    arriving = F.linear(sent.flatten(2), own.weight).view(high - low, *x.shape[1:])
    return torch.cat([x[:low], x[low:high] + arriving, x[high:]])


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
