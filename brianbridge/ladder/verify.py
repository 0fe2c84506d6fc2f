"""Verify a network: run its twin, run Brian2 rung by rung, and judge what held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from brianbridge.datasets.fit import fitted
from brianbridge.datasets.given import as_dataset
from brianbridge.errors import InputError
from brianbridge.ladder.about import about_network
from brianbridge.ladder.execution import Execution, TaskRunner
from brianbridge.ladder.judgement import decided_by
from brianbridge.ladder.measure import measure_twin
from brianbridge.ladder.outcomes import RungOutcome
from brianbridge.ladder.plan import check_any_left, plan_ladder
from brianbridge.ladder.rungs import Rung, check_ladder, read_ladder
from brianbridge.ladder.spike_file import SpikesOf, check_spikes_of, unwritten_tasks
from brianbridge.ladder.tasks import Shards
from brianbridge.ladder.verdict import Verdict
from brianbridge.ladder.verification import Verification
from brianbridge.measures.operation_counting import count_operations
from brianbridge.measures.spike_counts import count_input_spikes
from brianbridge.network import SpikingNetwork
from brianbridge.provenance import collect
from brianbridge.simulation.device import check_runtime_device

__all__ = ["verify"]


def verify(
    network: SpikingNetwork,
    data: Any,
    ladder: Sequence[Rung] | str | Path = "short",
    *,
    name: str = "network",
    seed: int = 0,
    spikes: Path | None = None,
    spikes_of: SpikesOf = "first",
    compress_spikes: bool = True,
    baseline: SpikingNetwork | None = None,
    train: Any = None,
    execution: Execution | None = None,
    on_rung: Callable[[RungOutcome], None] = lambda outcome: None,
    decide_by: str = "interval",
) -> Verdict:
    """Check in Brian2 whether the accuracy and the spikes of a trained network hold.

    Parameters
    ----------
    network : SpikingNetwork
        The trained network.
    data : Dataset, pair of arrays, torch Dataset or torch DataLoader
        The test samples; see `brianbridge.train`.
    ladder : sequence of Rung, str or Path
        The rungs in order, the name of a ladder that comes with the package, or the path of a
        ladder file.
    name : str
        Name of the network in the verdict.
    seed : int
        Seed of the random numbers of perturbations.
    spikes : Path, optional
        File to which the spikes of the first rung are written (``spikes.h5``).
    spikes_of : {"first", "changed", "all"}
        Rungs whose spikes are written: the first one, all, or those whose spikes differ from the
        twin's. Files of other rungs than the first are beside `spikes`, with the number and name of
        the rung (``spikes-2-dt-10.h5``).
    compress_spikes : bool
        Whether to compress these files.
    baseline : SpikingNetwork, optional
        A network to compare with, for instance the same without a constraint. Its twin runs on the
        same samples.
    train : Dataset or the like, optional
        Training samples for the remedies of rungs.
    execution : Execution, optional
        Where simulations run: in this process by default, or with `brianbridge.sweep.Sweep` on a
        Dask cluster, and with a folder for finished results. The verdict is the same.
    on_rung : callable
        Called with the outcome of each rung as soon as it is known.
    decide_by : {"interval", "estimate"}
        Whether a tolerance is judged by the 95 % interval of a number, so that it may be undecided,
        or by the number itself, as measured on these samples.

    Returns
    -------
    Verdict

    Raises
    ------
    InputError
        Before any work, if data and network do not fit, or if a rung that is not optional does not
        apply to the network. Later, if the potentials of such a rung diverge.

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
    check_runtime_device("verify")
    execution = execution or Execution()
    data = fitted(network, data, f"network '{name}'")
    baseline_data = data if baseline is None else fitted(baseline, data, "the baseline")
    train = None if train is None else as_dataset(train, "train")
    by = decided_by(decide_by)
    check_spikes_of(spikes_of)
    seed = int(seed)
    if seed < 0:
        raise InputError(f"seed = {seed}; give 0 or more")
    rungs = read_ladder(ladder) if isinstance(ladder, str | Path) else tuple(ladder)
    check_ladder(rungs)
    shards = len(execution.shards(network, data, seed))
    plans, skipped = plan_ladder(network, rungs, seed, train, shards)
    check_any_left(plans, skipped, name)
    execution.progress.say(f"verifying '{name}' on {len(data):,} samples, {len(plans)} rungs")
    runner = execution.start(network, data, seed)
    runner.begin(unwritten_tasks(plans, None if spikes is None else spikes_of))
    twin, inputs = runner.twin(), count_input_spikes(network, data.x)
    work = Verification(name, runner, plans, skipped, twin, inputs, by, train, on_rung)
    if spikes is not None:
        work.write_spikes(spikes, spikes_of, compress_spikes)
    work.run()
    compared = None
    if baseline is not None:
        compared = _measured(Shards(baseline, baseline_data, seed=seed), execution.progress)
    return Verdict(
        network=name,
        dataset={
            "name": data.name, "split": data.split, "part": data.part,
            "samples": len(data), "sha256": data.sha256,
        },
        twin=measure_twin(twin, data.y),
        rungs=tuple(work.outcomes.values()),
        provenance=collect(seed=seed, **_foreign(network)),
        operations=count_operations(network, {**twin.activity, **inputs}, len(data), network.steps),
        skipped=skipped,
        baseline=compared,
        decide_by=by,
        about=about_network(network),
        remedied=work.remedied,
        evidence=work.evidence(),
    )  # fmt: skip


def _measured(shards: Shards, progress: Any) -> Any:
    """Return the results of the twin of a network on its samples."""
    return measure_twin(TaskRunner(shards, progress).twin(), shards.data.y)


def _foreign(network: SpikingNetwork) -> dict[str, Any]:
    """Return how a network from elsewhere was read, as far as its provenance says."""
    key = "interchange"
    return {key: network.provenance[key]} if key in network.provenance else {}
