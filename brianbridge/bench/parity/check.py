"""Run one random network on every path and compare all spikes, values included."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch

from brianbridge.bench.parity.draw import Drawn
from brianbridge.network import INPUT, SpikingNetwork
from brianbridge.recording import Events, Recording
from brianbridge.simulation.backend import Backend, Path
from brianbridge.simulation.simulate import simulate
from brianbridge.twin.network import to_torch

__all__ = ["Checked", "Difference", "check", "differing_cells"]

#: Largest difference of an output that is a potential, relative to the largest potential.
_TOLERANCE = 1e-9
#: Seed of the random numbers of neurons.
_SEED = 0


@dataclass(frozen=True)
class Difference:
    """Describe where the spikes of two paths differ.

    Parameters
    ----------
    path, against : str
        The two paths.
    cells : int
        Number of (step, sample, neuron) cells whose spike values differ, in all populations.
    step, sample, neuron : int
        The earliest of these cells.
    population : str
        The population of that cell.
    values : tuple of float
        Spike value of that cell on `path` and on `against`.
    state : mapping of str to tuple of float
        Both values of each state variable at the end of that step.
    """

    path: str
    against: str
    cells: int
    step: int
    sample: int
    neuron: int
    population: str
    values: tuple[float, float]
    state: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass
class Checked:
    """Hold the result of the comparison of one network.

    Parameters
    ----------
    neuron_steps : int
        Neurons times steps times samples.
    spikes, neurons : mapping of str to int
        Spikes and neurons of each population that fires.
    carried : mapping of str to int
        Spikes of the source of each projection.
    compared : mapping of str to int
        Neuron-steps of each path that was compared, counted in the steps of that path.
    differences : list of Difference
        Differences between paths; empty if there are none.
    outputs : list of str
        Paths whose output differs although their spikes agree.
    """

    neuron_steps: int
    spikes: dict[str, int]
    neurons: dict[str, int]
    carried: dict[str, int]
    compared: dict[str, int]
    differences: list[Difference]
    outputs: list[str]

    @property
    def differing(self) -> int:
        """Number of cells whose spike values differ, on all paths."""
        return sum(difference.cells for difference in self.differences)

    def to_dict(self) -> dict[str, Any]:
        """Return the differences, for JSON."""
        return {"differences": [asdict(d) for d in self.differences], "outputs": self.outputs}


def check(drawn: Drawn) -> Checked:
    """Compare the batched path with the twin; in small networks, also the reference path.

    Raises
    ------
    InputError
        If a path refuses the network.

    Examples
    --------
    >>> from brianbridge.bench.parity.draw import draw
    >>> check(draw(1, 17)).differing
    0
    """
    network, x = drawn.network, drawn.x
    twin = _twin(network, x, drawn.twin_batch)
    runs = {"batched": _simulated(drawn)}
    if drawn.reference:
        runs["reference"] = _simulated(drawn, path="reference")
    pairs = [(name, recording, "twin", twin) for name, recording in runs.items()]
    if drawn.finer > 1:
        dt = network.dt / drawn.finer
        finer, judge = (_simulated(drawn, path=p, dt=dt) for p in ("batched", "reference"))
        pairs.append((f"batched, dt/{drawn.finer}", finer, f"reference, dt/{drawn.finer}", judge))
    cells = sum(p.size for p in network.populations) * len(x)
    found = [_difference(drawn, *pair) for pair in pairs]
    spikes = {p.name: len(twin.events(p.name)) for p in network.firing}
    return Checked(
        neuron_steps=cells * network.steps,
        spikes=spikes,
        neurons={p.name: p.size for p in network.firing},
        carried=_carried(network, x, spikes),
        compared={name: cells * recording.steps for name, recording, _, _ in pairs},
        differences=[difference for difference in found if difference is not None],
        outputs=[
            name for (name, recording, _, judge), difference in zip(pairs, found, strict=True)
            if difference is None and not _same_output(recording, judge)
        ],
    )  # fmt: skip


def _twin(network: SpikingNetwork, x: np.ndarray, batch: int) -> Recording:
    twin = to_torch(network, dtype=torch.float64)
    parts = []
    for low in range(0, len(x), batch):
        numbers = np.arange(low, min(low + batch, len(x)))
        parts.append(twin.record_batch(x[numbers], numbers, seed=_SEED))
    return Recording.concatenate(parts)


def _simulated(drawn: Drawn, path: Path = "batched", dt: float | None = None) -> Recording:
    backend = Backend(path=path)
    if path == "batched":
        backend = replace(backend, batch_size=drawn.case.batch_size, threads=drawn.threads)
    return simulate(drawn.network, drawn.x, dt=dt, backend=backend, seed=_SEED)


def _carried(network: SpikingNetwork, x: np.ndarray, spikes: dict[str, int]) -> dict[str, int]:
    raster = network.encoding.encode(x, np.arange(len(x))).raster
    fired = {**spikes, INPUT: 0 if raster is None else int(np.count_nonzero(raster))}
    return {p.name: fired[p.source] for p in network.projections}


# ---------------------------------------------------------------------- comparing


def differing_cells(one: Events, other: Events, samples: int, neurons: int) -> np.ndarray:
    """Return the cells ``(step*samples + sample)*neurons + neuron`` whose spike values differ.

    A cell with two spikes on one path and one on the other differs too.

    Examples
    --------
    >>> raster = np.zeros((3, 2, 4)); raster[2, 1, 3] = 1
    >>> ours, theirs = Events.from_raster(raster, 1e-3), Events.from_raster(-raster, 1e-3)
    >>> differing_cells(ours, theirs, 2, 4), differing_cells(ours, ours, 2, 4)
    (array([23]), array([], dtype=int64))
    """
    ours, theirs = (_sorted(events, samples, neurons) for events in (one, other))
    if ours.shape == theirs.shape and (ours == theirs).all():
        return np.zeros(0, np.int64)
    (ours, mine), (theirs, yours) = (
        np.unique(spikes, return_counts=True) for spikes in (ours, theirs)
    )
    both, here, there = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    alone = np.setxor1d(ours, theirs, assume_unique=True)["cell"]
    return np.unique(np.concatenate([alone, both["cell"][mine[here] != yours[there]]]))


def _sorted(events: Events, samples: int, neurons: int) -> np.ndarray:
    spikes = np.empty(len(events), [("cell", np.int64), ("value", np.float64)])
    spikes["cell"], spikes["value"] = events.cells(samples, neurons), events.value
    return spikes[np.lexsort((spikes["value"], spikes["cell"]))]


def _difference(
    drawn: Drawn, path: str, recording: Recording, against: str, judge: Recording
) -> Difference | None:
    """Return the difference between two recordings, or None."""
    cells, earliest = 0, None
    samples = judge.samples
    for index, population in enumerate(drawn.network.firing):
        name, size = population.name, population.size
        found = differing_cells(recording.events(name), judge.events(name), samples, size)
        cells += len(found)
        if len(found):
            step, rest = divmod(int(found[0]), samples * size)
            cell = (step, index, *divmod(rest, size))
            earliest = cell if earliest is None else min(earliest, cell)
    if earliest is None:
        return None
    step, index, sample, neuron = earliest
    name = drawn.network.firing[index].name
    one, other = (_value(r.events(name), step, sample, neuron) for r in (recording, judge))
    state = _states(drawn, (path, against), sample, step, name, neuron)
    return Difference(path, against, cells, step, sample, neuron, name, (one, other), state)


def _value(events: Events, step: int, sample: int, neuron: int) -> float:
    here = (events.step == step) & (events.sample == sample) & (events.node == neuron)
    return float(events.value[here].sum())


def _states(
    drawn: Drawn, paths: tuple[str, str], sample: int, step: int, name: str, neuron: int
) -> dict[str, tuple[float, float]]:
    """Return the state of a neuron at the end of a step, from a run of that sample alone."""
    network, here = drawn.network, [sample]
    variables = network.population(name).neuron.recordable_variables
    traces = []
    for path in paths:
        if path == "twin":
            twin = to_torch(network, dtype=torch.float64)
            recording = twin.record_batch(drawn.x[here], here, variables, _SEED)
        else:
            way, _, finer = path.partition(", dt/")
            backend = Backend(path="batched" if way == "batched" else "reference", threads=1)
            recording = simulate(
                network, drawn.x[here], index=here, record=variables, backend=backend,
                dt=network.dt / int(finer or 1), seed=_SEED,
            )  # fmt: skip
        traces.append(recording.traces[name])
    ours, theirs = (
        {v: float(trace[v][step].reshape(-1)[neuron]) for v in variables} for trace in traces
    )
    return {v: (ours[v], theirs[v]) for v in variables}


def _same_output(recording: Recording, judge: Recording) -> bool:
    scale = max(1e-300, float(np.abs(judge.output).max()))
    return bool(np.abs(recording.output - judge.output).max() <= _TOLERANCE * scale)
