"""Verify a network: run its twin, run Brian2 rung by rung, and judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import Dataset
from ..errors import InputError
from ..io.spike_file import SpikeFileWriter
from ..network import SpikingNetwork
from ..provenance import collect
from ..recording import Recording
from ..simulation.simulate import simulate
from . import metrics
from .activity import Activity, activity_of_input, input_spikes_by_step, joined
from .comparison import Comparison
from .decision import Decision, FirstSpikes
from .ladder import DEFAULT_LADDER, Rung
from .operations import count_operations
from .twin_run import TwinRun
from .verdict import RungOutcome, Verdict

__all__ = ["verify"]


def verify(
    network: SpikingNetwork,
    data: Dataset,
    ladder: Sequence[Rung] = DEFAULT_LADDER,
    *,
    name: str = "network",
    spikes: Path | None = None,
    baseline: SpikingNetwork | None = None,
    on_rung: Callable[[RungOutcome], None] | None = None,
) -> Verdict:
    """Check in Brian2 whether accuracy and spikes of a trained network hold.

    Parameters
    ----------
    network : SpikingNetwork
        The network, with its weights.
    data : Dataset
        The test samples.
    ladder : sequence of Rung
        The conditions, in order.
    name : str
        What the verdict calls the network.
    spikes : Path, optional
        Where to write the spikes of the first rung (``spikes.h5``).
    baseline : SpikingNetwork, optional
        What the network is to be compared with: the same without a constraint. Its twin runs on
        the same samples.
    on_rung : callable, optional
        Called with each outcome as soon as it is there.

    Returns
    -------
    Verdict

    Raises
    ------
    InputError
        If data and network do not fit.

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
    if data.shape != tuple(network.input_shape):
        raise InputError(
            f"data set '{data.name}' has samples of shape {data.shape}; network '{name}' takes "
            f"{tuple(network.input_shape)}"
        )
    decisions = _Decisions.of(network, data)
    twin = TwinRun(network, data.x, decisions)
    surrogate = _summary(twin, data, decisions)
    compared = None
    if baseline is not None:
        of_baseline = _Decisions.of(baseline, data)
        compared = _summary(TwinRun(baseline, data.x, of_baseline), data, of_baseline)
    inputs = activity_of_input(network, data.x)
    outcomes = []
    for position, rung in enumerate(ladder):
        watch = _Watch(twin, None if decisions is None else decisions.anew())
        file = spikes if position == 0 else None
        outcome = _climb(network, data, twin, inputs, rung, watch, file)
        outcomes.append(outcome)
        if on_rung is not None:
            on_rung(outcome)
    return Verdict(
        network=name,
        dataset={
            "name": data.name, "split": data.split, "part": data.part,
            "samples": len(data), "sha256": data.sha256,
        },
        surrogate=surrogate,
        rungs=tuple(outcomes),
        provenance=collect(),
        operations=count_operations(
            network, {**twin.activity, **inputs}, len(data), network.steps
        ),
        baseline=compared,
    )  # fmt: skip


def _summary(twin: TwinRun, data: Dataset, decisions: _Decisions | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "accuracy": metrics.accuracy(twin.outcome, data.y),
        "spikes_per_sample": _spikes_per_sample(twin.activity),
    }
    if decisions is not None:
        found["decision"] = decisions.total.to_dict()
    return found


def _spikes_per_sample(activity: Mapping[str, Activity]) -> dict[str, float]:
    return {name: int(a.events.sum()) / a.samples for name, a in activity.items()}


@dataclass
class _Decisions:
    """Add up how a network with readout ``first_spike`` decides, as its chunks come."""

    output: str
    labels: np.ndarray
    input_spikes: np.ndarray | None
    found: Decision | None = None
    samples: int = 0

    @classmethod
    def of(cls, network: SpikingNetwork, data: Dataset) -> _Decisions | None:
        """Return what watches a run on `data`; None for another readout."""
        if network.readout != "first_spike":
            return None
        return cls(network.output.name, data.y, input_spikes_by_step(network, data.x))

    def anew(self) -> _Decisions:
        """Return what watches another run on the same samples."""
        return _Decisions(self.output, self.labels, self.input_spikes)

    def __call__(self, chunk: Recording) -> None:
        here = slice(self.samples, self.samples + chunk.samples)
        inputs = None if self.input_spikes is None else self.input_spikes[here]
        found = Decision.of(chunk, self.output, self.labels[here], inputs)
        self.found = found if self.found is None else self.found + found
        self.samples += chunk.samples

    @property
    def total(self) -> Decision:
        """What was added up."""
        assert self.found is not None, "there is at least one sample"
        return self.found


class _Watch:
    """Compare Brian2's chunks with the twin as they come; nothing of them is kept."""

    def __init__(self, twin: TwinRun, decisions: _Decisions | None) -> None:
        self._twin, self._samples = twin, 0
        self._decisions = decisions
        self._first_spikes: FirstSpikes | None = None
        self.comparison: Comparison | None = None
        self.activity: dict[str, Activity] = {}

    def __call__(self, chunk: Recording) -> None:
        low, self._samples = self._samples, self._samples + chunk.samples
        part = self._twin.part(low, self._samples)
        found = Comparison.of(part, chunk)
        self.comparison = found if self.comparison is None else self.comparison + found
        self.activity = joined(self.activity, chunk)
        if self._decisions is not None:
            self._decisions(chunk)
            first = FirstSpikes.of(part, chunk, self._decisions.output)
            before = self._first_spikes
            self._first_spikes = first if before is None else before + first

    @property
    def decision(self) -> dict[str, Any] | None:
        """How Brian2 decided, for JSON; None for readouts other than ``first_spike``."""
        if self._decisions is None or self._first_spikes is None:
            return None
        return {**self._decisions.total.to_dict(), **self._first_spikes.to_dict()}


def _climb(
    network: SpikingNetwork,
    data: Dataset,
    twin: TwinRun,
    inputs: Mapping[str, Activity],
    rung: Rung,
    watch: _Watch,
    spikes: Path | None,
) -> RungOutcome:
    """Simulate one rung and compare it with the twin."""
    dt = network.dt / rung.dt_divisor
    started = time.perf_counter()
    with ExitStack() as stack:
        seen: list[Callable[[Recording], None]] = [watch]
        if spikes is not None:
            shapes = {p.name: p.shape for p in network.firing}
            provenance = {**collect(), "rung": rung.name, "dataset": data.name, "part": data.part}
            steps = network.steps * rung.dt_divisor
            writer = SpikeFileWriter(spikes, shapes, dt, steps, provenance)
            seen.append(stack.enter_context(writer).append)

        def show(chunk: Recording) -> None:
            for see in seen:
                see(chunk)

        brian2 = simulate(
            network,
            data.x,
            dt=dt,
            record=("spikes",) if spikes is None else ("spikes", "t_crossing"),
            on_chunk=show,
            keep=False,
            poisson=rung.poisson,
            seed=0,
        )
    seconds = time.perf_counter() - started
    comparison = watch.comparison
    assert comparison is not None, "there is at least one sample"
    right = twin.outcome.prediction == data.y
    score = metrics.accuracy(brian2, data.y)
    drop = metrics.accuracy(twin.outcome, data.y) - score
    # A billionth, so that a tolerance of 2 samples in 100 is not missed by rounding.
    held = drop <= rung.max_accuracy_drop + 1e-9
    if rung.max_spike_mismatches is not None:
        held = held and comparison.spike_mismatches <= rung.max_spike_mismatches
    # Where Brian2 draws the input spikes itself, the twin's stand for them: they are not recorded,
    # but come at the same rates.
    operations = count_operations(
        network, {**watch.activity, **inputs}, brian2.samples, brian2.steps
    )
    return RungOutcome(
        name=rung.name,
        dt_ms=dt * 1e3,
        perturbations={"poisson": True} if rung.poisson else {},
        accuracy=score,
        accuracy_change_ci95=metrics.paired_interval(right, brian2.prediction == data.y),
        agreement=metrics.agreement(twin.outcome, brian2),
        spikes_per_sample=_spikes_per_sample(watch.activity),
        count_mismatches=comparison.count_mismatches,
        spike_mismatches=comparison.spike_mismatches,
        count_correlation=comparison.count_correlation,
        synops_per_sample=operations.synops,
        synops_by_mass_per_sample=operations.synops_by_mass,
        seconds=seconds,
        tolerances=rung.model_dump(include={"max_spike_mismatches", "max_accuracy_drop"}),
        passed=bool(held),
        decision=watch.decision,
    )
