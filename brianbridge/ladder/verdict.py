"""The verdict: what held in Brian2, for programs (JSON) and for people (a table)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brianbridge.io.atomic import write_whole
from brianbridge.ladder.judgement import in_words, worst_outcome
from brianbridge.measures.operations import Operations
from brianbridge.measures.sample_summary import why_uninformative

if TYPE_CHECKING:
    from brianbridge.ladder.evidence import Evidence
    from brianbridge.network import SpikingNetwork

__all__ = ["RungOutcome", "Verdict"]

#: 2: a rung may be undecided, and says of each tolerance how it was judged.
#: 3: the key ``surrogate`` became ``twin``.
SCHEMA = 3


@dataclass(frozen=True)
class RungOutcome:
    """Hold what one rung gave.

    Parameters
    ----------
    name : str
        The rung.
    dt_ms : float
        Brian2's step.
    perturbations : mapping
        What was changed: options of perturbations, by name.
    runs : int
        How often it ran, with other random numbers.
    accuracy : float
        In Brian2; as all that follows the mean, or the sum, over the runs.
    accuracy_by_run : tuple of float
        Of each.
    accuracy_change_ci95 : tuple of float
        Interval of accuracy minus the twin's, on the same samples.
    accuracy_change_bootstrap95 : tuple of float, optional
        The same by the bootstrap; of a single run.
    mcnemar_p : float, optional
        Of McNemar's exact test, that as many samples were lost as gained; of a single run.
    agreement : float
        Share of samples with the twin's prediction.
    spikes_per_sample : mapping of str to float
        By population.
    count_mismatches, spike_mismatches : int
        Differing (sample, neuron) pairs and (step, sample, neuron) cells.
    count_correlation : mapping of str to float or None
        By population.
    count_differences : mapping of str to mapping
        ``mean`` of Brian2's count minus the twin's, and ``mean_absolute``, of a neuron in a
        sample, by population.
    first_divergence : mapping
        ``samples``: share of them in which any spike differs, on the twin's grid;
        ``median_ms``: when the first one does, in those.
    distances : mapping
        ``van_rossum`` and ``victor_purpura``: mean distance of a neuron's spike train from the
        twin's, by population (`brianbridge.measures.spike_train_distances`).
    latency_ms : float, optional
        Mean time until the running prediction is the final one; of readout ``counts``.
    synops_per_sample, synops_by_mass_per_sample : float
        Synaptic operations: each spike once, and as often as its value says.
    seconds : float
        Simulation, compilation and comparison, added up over all processes.
    tolerances : mapping
        What the rung had to hold.
    fell_short : tuple of str
        Which of them did not hold.
    undecided : tuple of str
        Of which that cannot be told: the interval has the limit within.
    judged : mapping of str to mapping
        How each tolerance was judged, by name (`brianbridge.ladder.judgement.Judgement`).
    exact : bool
        Whether not one spike and not one prediction differs, on a rung that changes nothing or
        allows no spike to differ. What follows from that is no estimate.
    silent : float, optional
        Samples without an output spike, a mean over the runs; None where the output has no
        threshold.
    ties : float
        Other samples in which no class was ahead, so that the first of them was predicted; also a
        mean.
    only_class : int, optional
        The one class that is predicted for every sample, where labels have several.
    decision : mapping, optional
        When output neurons decided, at what cost, and whether they fired in the twin's order; of
        networks with readout ``first_spike`` only. The keys are those of the `to_dict` of
        `brianbridge.measures.decision.Decision` and of
        `brianbridge.measures.first_spikes.FirstSpikeComparison`.
    attribution : mapping, optional
        ``accuracy`` and ``agreement``: what each perturbation costs ``alone``, ``last`` and its
        ``share`` (`brianbridge.measures.attribution`), by name.
    remedies : mapping, optional
        Of the same rung ``calibrated`` and ``fine_tuned``: what was done, accuracy and its change,
        agreement and spikes per sample, and the ``file`` of the changed network
        (`brianbridge.remedies.remedies`).
    """

    name: str
    dt_ms: float
    perturbations: Mapping[str, Any]
    runs: int
    accuracy: float
    accuracy_by_run: tuple[float, ...]
    accuracy_change_ci95: tuple[float, float]
    accuracy_change_bootstrap95: tuple[float, float] | None
    mcnemar_p: float | None
    agreement: float
    spikes_per_sample: Mapping[str, float]
    count_mismatches: int
    spike_mismatches: int
    count_correlation: Mapping[str, float | None]
    count_differences: Mapping[str, Mapping[str, float]]
    first_divergence: Mapping[str, float | None]
    distances: Mapping[str, Mapping[str, float]]
    latency_ms: float | None
    synops_per_sample: float
    synops_by_mass_per_sample: float
    seconds: float
    tolerances: Mapping[str, Any]
    fell_short: tuple[str, ...]
    undecided: tuple[str, ...] = ()
    judged: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    exact: bool = False
    silent: float | None = None
    ties: float = 0.0
    only_class: int | None = None
    decision: Mapping[str, Any] | None = None
    attribution: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None
    remedies: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def passed(self) -> bool:
        """Whether it held its tolerances, or has none."""
        return self.outcome in ("held", "no limit")

    @property
    def outcome(self) -> str:
        """One of ``held``, ``fell short``, ``undecided``, and ``no limit`` where there is none."""
        limits = {name: limit for name, limit in self.tolerances.items() if limit is not None}
        # Accuracy cannot fall by more than 1.
        if limits.pop("max_accuracy_drop", 1.0) >= 1 and not limits:
            return "no limit"
        if self.fell_short:
            return "fell short"
        return "undecided" if self.undecided else "held"

    def reasons(self, samples: int) -> list[str]:
        """Return a line for each tolerance that fell short or is undecided.

        Parameters
        ----------
        samples : int
            Of the verdict.
        """
        return [
            in_words(name, self.judged[name], samples, self.runs) if name in self.judged else name
            for name in (*self.fell_short, *self.undecided)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome for JSON."""
        return {**asdict(self), "passed": self.passed, "outcome": self.outcome}


@dataclass(frozen=True)
class Verdict:
    """Hold the outcome of a ladder.

    Parameters
    ----------
    network : str
        The network file, or what it is called.
    dataset : mapping
        ``name``, ``split``, ``samples``, ``sha256``.
    twin : mapping
        ``accuracy`` and ``spikes_per_sample`` of the twin, in float64; ``silent``, ``ties`` and
        ``only_class``, as those of a rung; ``decision`` too, if its readout is ``first_spike``.
    rungs : tuple of RungOutcome
        In the order of the ladder.
    provenance : mapping
        Versions, date and machine.
    operations : Operations, optional
        Of the twin; see its `table`.
    skipped : mapping of str to str
        Why rungs were left out that are optional, by name.
    baseline : mapping, optional
        As `twin`, of the network that it is compared with: the one that a study started from.
    decide_by : {"interval", "estimate"}
        What tolerances were judged by.
    remedied : mapping of str to SpikingNetwork
        The networks that remedies gave, by the name of the file that `save_network` writes.
    evidence : Evidence, optional
        What was judged by, for a report; of no other use, and in no file.
    """

    network: str
    dataset: Mapping[str, Any]
    twin: Mapping[str, Any]
    rungs: tuple[RungOutcome, ...]
    provenance: Mapping[str, Any]
    operations: Operations | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    baseline: Mapping[str, Any] | None = None
    decide_by: str = "interval"
    remedied: Mapping[str, SpikingNetwork] = field(default_factory=dict, repr=False, compare=False)
    evidence: Evidence | None = field(default=None, repr=False, compare=False)

    @property
    def passed(self) -> bool:
        """Whether there are rungs, and every one held its tolerances."""
        return self.outcome in ("held", "no limit")

    @property
    def outcome(self) -> str:
        """Of all rungs: ``fell short`` if one did, ``undecided`` if one is, else ``held``.

        Where no rung has a limit it is ``no limit``; without a rung, ``undecided``.
        """
        return worst_outcome(rung.outcome for rung in self.rungs)

    @property
    def warnings(self) -> list[str]:
        """Return a line for each run whose output does not tell samples apart."""
        runs: list[tuple[str, Mapping[str, Any]]] = [("torch twin", self.twin)]
        runs += [(f"Brian2, {rung.name}", vars(rung)) for rung in self.rungs]
        samples = self.dataset.get("samples", 0)
        told = ((label, why_uninformative(found, samples)) for label, found in runs)
        return [f"warning: {label}: {why}" for label, why in told if why]

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as it is written to ``verdict.json``."""
        return {
            "schema": SCHEMA,
            **{f.name: getattr(self, f.name) for f in fields(self) if f.compare},
            "rungs": [rung.to_dict() for rung in self.rungs],
            "operations": None if self.operations is None else self.operations.to_dict(),
            "passed": self.passed,
            "outcome": self.outcome,
            "warnings": self.warnings,
        }

    def to_json(self) -> str:
        """Return the verdict as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def save(self, path: Path) -> None:
        """Write ``verdict.json``, each file in one step; beside it the networks of remedies."""
        from brianbridge.io.networks.file import save_network

        for name, network in self.remedied.items():
            save_network(network, path.with_name(name))
        write_whole(path, self.to_json() + "\n")

    def report(self, path: str | Path, command: str = "") -> Path:
        """Write an HTML page with figures; see `brianbridge.report.write_report`."""
        from brianbridge.report import write_report

        return write_report(self, path, command)

    def table(self) -> Any:
        """Return a `rich` table for the terminal."""
        from brianbridge.ladder.table import table_of

        return table_of(self)
