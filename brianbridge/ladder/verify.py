"""Verify a network: run its twin, run Brian2 rung by rung, and judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brianbridge.datasets import Dataset
from brianbridge.datasets.fit import fitted
from brianbridge.errors import InputError
from brianbridge.io.spikes.file import SpikeFileWriter
from brianbridge.ladder.evidence import Evidence
from brianbridge.ladder.judge import outcome_of, spikes_per_sample
from brianbridge.ladder.judgement import DecideBy, decided_by
from brianbridge.ladder.progress import Progress
from brianbridge.ladder.rungs import Rung, check_ladder, read_ladder
from brianbridge.ladder.tasks import SHARD, Piece, Shards, Task, run_task
from brianbridge.ladder.verdict import RungOutcome, Verdict
from brianbridge.measures.attribution import costs, subsets
from brianbridge.measures.operation_counting import count_operations
from brianbridge.measures.sample_summary import count_silent_and_tied
from brianbridge.measures.spike_counts import SpikeCounts, count_input_spikes
from brianbridge.network import SpikingNetwork
from brianbridge.perturbations import Perturbation, perturbed
from brianbridge.perturbations.condition import Condition
from brianbridge.provenance import collect
from brianbridge.recording import Recording
from brianbridge.sweep.sweep import Sweep

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["verify"]


def verify(
    network: SpikingNetwork,
    data: Dataset,
    ladder: Sequence[Rung] | str | Path = "short",
    *,
    name: str = "network",
    seed: int = 0,
    spikes: Path | None = None,
    compress_spikes: bool = True,
    baseline: SpikingNetwork | None = None,
    train: Dataset | None = None,
    client: Client | None = None,
    folder: Path | None = None,
    shard: int = SHARD,
    on_rung: Callable[[RungOutcome], None] | None = None,
    decide_by: str = "interval",
    progress: Progress | None = None,
) -> Verdict:
    """Check in Brian2 whether accuracy and spikes of a trained network hold.

    Parameters
    ----------
    network : SpikingNetwork
        The network, with its weights.
    data : Dataset
        The test samples.
    ladder : sequence of Rung, str or Path
        The conditions, in order; or the name of a ladder that comes with the package, or a file.
    name : str
        What the verdict calls the network.
    seed : int
        Of the random numbers of perturbations.
    spikes : Path, optional
        Where to write the spikes of the first rung (``spikes.h5``).
    compress_spikes : bool
        Whether to compress them with gzip, which the wheels of libsonata cannot read.
    baseline : SpikingNetwork, optional
        What the network is to be compared with: the same without a constraint. Its twin runs on
        the same samples.
    train : Dataset, optional
        Training samples, for the remedies that rungs may name.
    client : distributed.Client, optional
        A Dask cluster to share the work out to (`brianbridge.sweep.dask_workers`); all is done here
        if not given. The verdict is the same.
    folder : Path, optional
        Where finished parts are kept, so that a verification that was interrupted goes on.
    shard : int
        Samples of a part. With another number, where there is noise, it is other noise.
    on_rung : callable, optional
        Called with each outcome as soon as it is there.
    decide_by : {"interval", "estimate"}
        Whether a tolerance is judged by the whole 95 % interval of a number, so that it may be
        undecided, or by the number itself, as it was found on these samples.
    progress : Progress, optional
        How to tell what goes on; bars on a terminal if not given.

    Returns
    -------
    Verdict

    Raises
    ------
    InputError
        Before any work, if data and network do not fit, no rung applies to the network, or one does
        not that is not optional; and where the potentials of one come to no numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from brianbridge.datasets import from_arrays
    >>> from brianbridge.encoding import Current
    >>> from brianbridge.network import Dense
    >>> from brianbridge.neurons.library import neuron_model
    >>> net = SpikingNetwork.sequential((4,), [Dense(2, neuron_model("if"))], encoding=Current(5))
    >>> data = from_arrays("mine", np.ones((3, 4)), np.array([0, 1, 0]))
    >>> verify(net, data).rungs[0].spike_mismatches
    0
    """
    from brianbridge.simulation.device import check_runtime_device

    check_runtime_device("verify")
    data = fitted(network, data, f"network '{name}'")
    same = data if baseline is None else fitted(baseline, data, "the baseline")
    by = decided_by(decide_by)
    if shard < 1:
        raise InputError(f"shard = {shard}; give at least 1 sample")
    seed = int(seed)
    if seed < 0:
        raise InputError(f"seed = {seed}; give 0 or more")
    rungs = read_ladder(ladder) if isinstance(ladder, str | Path) else tuple(ladder)
    check_ladder(rungs)
    climbs, skipped = _climbs(network, rungs, seed, train)
    _check_left(climbs, skipped, name)
    progress = progress or Progress()
    progress.say(f"verifying '{name}' on {len(data)} samples, {len(climbs)} rungs")
    shards = Shards(network, data, shard)
    workers = None
    if client is not None:
        from brianbridge.sweep.dask_workers import Workers

        progress.say("preparing workers, and sending them network and samples")
        workers = Workers(client, shards)
    sweep = Sweep(shards, workers, folder, progress)
    twin = sweep.twin()
    inputs = count_input_spikes(network, data.x)
    outcomes: dict[str, RungOutcome] = {}
    remedied: dict[str, SpikingNetwork] = {}

    def judge() -> None:
        """Judge the rungs whose tasks are all done, in order."""
        for climb in [climb for climb in climbs if climb.rung.name not in outcomes]:
            if not sweep.has(climb.tasks(len(shards))):
                return
            outcome = climb.outcome(sweep, shards, twin, inputs, by)
            if train is not None and climb.rung.remedy.any:
                try:
                    tried = climb.rung.remedy.tried(
                        sweep, train, climb.perturbations, climb.seeds[0]
                    )
                except InputError as error:
                    leave_out(climb, error)
                    continue
                told = {}
                for how, found in tried.items():
                    # By number: the name of a rung may be anything, also what no file is called.
                    file = f"rung{rungs.index(climb.rung) + 1}-{how.replace('_', '-')}.h5"
                    remedied[file] = found.network
                    told[how] = {**found.facts, "file": file}
                outcome = replace(outcome, remedies=told)
            outcomes[climb.rung.name] = outcome
            if on_rung is not None:
                on_rung(outcome)

    def leave_out(climb: _Climb, error: InputError) -> None:
        """Leave out a rung that cannot be climbed to its end, if it is optional."""
        if not climb.rung.optional:
            raise InputError(f"rung '{climb.rung.name}': {error}") from None
        skipped[climb.rung.name] = str(error)
        climbs.remove(climb)
        _check_left(climbs, skipped, name)

    def cannot(task: Task, error: InputError) -> None:
        """Leave out the rungs that need a task which cannot be done."""
        for climb in list(climbs):
            if any(task.key == one.key for one in climb.tasks(len(shards))):
                leave_out(climb, error)

    while spikes is not None:
        try:
            with _spike_file(shards, climbs[0], spikes, compress_spikes, data) as writer:
                _write_spikes(sweep, shards, climbs[0], writer, progress)
        except _NotSimulated as error:
            leave_out(climbs[0], error)  # and the spikes are those of the next
        else:
            break
    every = [task for climb in climbs for task in climb.tasks(len(shards))]
    sweep.run(every, judge, cannot)
    judge()
    compared = None
    if baseline is not None:
        compared = _summary(Sweep(Shards(baseline, same), progress=progress).twin(), same.y)
    return Verdict(
        network=name,
        dataset={
            "name": data.name, "split": data.split, "part": data.part,
            "samples": len(data), "sha256": data.sha256,
        },
        twin=_summary(twin, data.y),
        rungs=tuple(outcomes.values()),
        provenance=collect(seed=seed),
        operations=count_operations(
            network, {**twin.activity, **inputs}, len(data), network.steps
        ),
        skipped=skipped,
        baseline=compared,
        decide_by=by,
        remedied=remedied,
        evidence=Evidence(
            network, data, twin,
            {climb.rung.name: climb.piece(sweep, len(shards)) for climb in climbs},
            {climb.rung.name: (climb.perturbations, climb.seeds[0]) for climb in climbs},
        ),
    )  # fmt: skip


class _NotSimulated(InputError):
    """Report that a rung cannot be simulated, in distinction to a file that cannot be written."""


@dataclass(frozen=True)
class _Climb:
    """Hold what is to be run for a rung.

    Parameters
    ----------
    rung : Rung
        The rung.
    condition : Condition
        Its condition, of the first run.
    perturbations : tuple of Perturbation
        What is changed.
    seeds : tuple of int
        Of each run.
    """

    rung: Rung
    condition: Condition
    perturbations: tuple[Perturbation, ...]
    seeds: tuple[int, ...]

    def tasks(self, shards: int) -> list[Task]:
        """Return all tasks, those of attribution last."""
        return [t for subset in self.subsets() for run in self.runs(shards, subset) for t in run]

    def runs(self, shards: int, subset: frozenset[str]) -> list[list[Task]]:
        """Return the tasks of each run under a subset of the perturbations."""
        chosen = tuple(p for p in self.perturbations if p.name in subset)
        seeds = self.seeds if any(p.random for p in chosen) else self.seeds[:1]
        return [[Task(chosen, seed, shard) for shard in range(shards)] for seed in seeds]

    def subsets(self) -> list[frozenset[str]]:
        """Return the sets of perturbations that run: all of them; for attribution each subset."""
        whole = frozenset(p.name for p in self.perturbations)
        if not self.rung.attribute or len(whole) < 2:
            return [whole]
        return [whole, *(s for s in subsets(whole) if s != whole)]

    def piece(self, sweep: Sweep, shards: int) -> Piece:
        """Return what the first run gave."""
        return sweep.piece(self.runs(shards, self.subsets()[0])[0])

    def outcome(
        self,
        sweep: Sweep,
        shards: Shards,
        twin: Piece,
        inputs: Mapping[str, SpikeCounts],
        decide_by: DecideBy,
    ) -> RungOutcome:
        """Judge the rung, when all of its tasks are done."""
        number, labels = len(shards), shards.data.y
        whole, *others = self.subsets()
        found = [sweep.piece(run) for run in self.runs(number, whole)]
        outcome = outcome_of(self.rung, self.condition, twin, found, labels, inputs, decide_by)
        if not others:
            return outcome
        lost: dict[str, dict[frozenset[str], float]] = {"accuracy": {}, "agreement": {}}
        for subset in (whole, *others):
            runs = np.stack([sweep.piece(run).prediction for run in self.runs(number, subset)])
            right = twin.prediction == labels
            lost["accuracy"][subset] = float(right.mean() - (runs == labels).mean())
            lost["agreement"][subset] = float((runs != twin.prediction).mean())
        shares = {
            what: {name: asdict(cost) for name, cost in costs(loss).items()}
            for what, loss in lost.items()
        }
        return replace(outcome, attribution=shares)


def _climbs(
    network: SpikingNetwork, rungs: Sequence[Rung], seed: int, train: Dataset | None
) -> tuple[list[_Climb], dict[str, str]]:
    """Return what is to be run, and why some rungs are not; nothing has run yet."""
    climbs, skipped = [], {}
    for rung in rungs:
        chosen = rung.perturbations
        seeds = tuple(seed + run for run in range(rung.runs))
        try:
            climb = _Climb(rung, perturbed(Condition(network), chosen, seed), chosen, seeds)
            for subset in climb.subsets()[1:]:  # the first is the whole set, which applies
                perturbed(Condition(network), [p for p in chosen if p.name in subset], seed)
            if climb.condition.timing == "uniform" and climb.condition.divisor == 1:
                raise InputError(
                    "perturbation 'input_timing': a step of the twin has one place for a "
                    "spike; add finer_dt"
                )
            rung.remedy.check(network, train, chosen, seed)
        except InputError as error:
            if not rung.optional:
                raise InputError(f"rung '{rung.name}': {error}") from None
            skipped[rung.name] = str(error)
        else:
            climbs.append(climb)
    return climbs, skipped


def _check_left(climbs: Sequence[_Climb], skipped: Mapping[str, str], name: str) -> None:
    """Refuse to go on without any rung."""
    if not climbs:
        told = "; ".join(f"'{rung}': {why}" for rung, why in skipped.items())
        raise InputError(f"no rung of the ladder applies to network '{name}' ({told})")


def _summary(twin: Piece, labels: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {
        "accuracy": float(np.mean(twin.prediction == labels)),
        "spikes_per_sample": spikes_per_sample(twin),
        **count_silent_and_tied([twin.outputs], twin.prediction[None], labels),
    }
    if twin.decision is not None:
        found["decision"] = twin.decision.to_dict()
    return found


def _spike_file(
    shards: Shards, climb: _Climb, path: Path, compress: bool, data: Dataset
) -> SpikeFileWriter:
    network, condition = shards.network, climb.condition
    provenance = {**collect(), "rung": climb.rung.name, "dataset": data.name, "part": data.part}
    shapes = {p.name: p.shape for p in network.firing}
    steps = network.steps * condition.divisor
    return SpikeFileWriter(path, shapes, condition.dt, steps, provenance, compress)


def _write_spikes(
    sweep: Sweep, shards: Shards, climb: _Climb, writer: SpikeFileWriter, progress: Progress
) -> None:
    """Run the first rung here, in order, and write its spikes."""
    unwritten: list[InputError] = []

    def append(chunk: Recording) -> None:
        try:
            writer.append(chunk)
        except InputError as error:
            unwritten.append(error)
            raise

    with progress.count(f"spikes of '{climb.rung.name}'", len(shards)) as step:
        for task in climb.runs(len(shards), climb.subsets()[0])[0]:
            twin = shards.twin(task.shard)[0]
            try:
                piece = run_task(shards, task, twin, on_chunk=[append])
            except InputError as error:
                if unwritten:
                    raise
                raise _NotSimulated(str(error)) from None
            sweep.add(task, piece)
            step()
