"""The outcomes of a verification: of the twin, of a rung, and of a remedy on a rung."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from brianbridge.ladder.judgement import Judgement
from brianbridge.ladder.judgement_text import describe_judgement

__all__ = ["RemedyOutcome", "RungOutcome", "TwinOutcome"]


@dataclass(frozen=True)
class TwinOutcome:
    """Hold the numbers of a twin, which runs in float64.

    Parameters
    ----------
    accuracy : float
        Share of samples that are classified correctly.
    spikes_per_sample : mapping of str to float
        Mean number of spikes, by population.
    silent, ties, only_class
        As in `RungOutcome`.
    chance : float, optional
        Share of samples of the most frequent class; None if all have the same label.
    decision : mapping, optional
        When output neurons decided; only for networks with readout ``first_spike``
        (`brianbridge.measures.decision.Decision`).
    over_time : mapping, optional
        As in `RungOutcome`.
    """

    accuracy: float
    spikes_per_sample: Mapping[str, float]
    silent: float | None = None
    ties: float = 0.0
    only_class: int | None = None
    chance: float | None = None
    decision: Mapping[str, Any] | None = None
    over_time: Mapping[str, Sequence[float]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome for JSON; ``decision`` only if there is one."""
        found = asdict(self)
        if self.decision is None:
            del found["decision"]
        return found


@dataclass(frozen=True)
class RemedyOutcome:
    """The changes by a remedy, and the results of the rung with the changed network.

    Parameters
    ----------
    remedy : str
        Name of the remedy in a ladder file.
    label : str
        What was done, in words: ``"calibrated and fine-tuned"``.
    options : mapping
        Options of the remedy, as they were used.
    facts : mapping
        Further facts about the changed network.
    accuracy : float
        Accuracy of the changed network on the rung.
    accuracy_change_ci95 : tuple of float
        Interval of that accuracy minus the twin's, on the same samples.
    agreement : float
        Share of samples with the twin's prediction.
    spikes_per_sample : float
        Spikes of all populations.
    file : str
        Name of the file of the changed network, beside the verdict's.
    """

    remedy: str
    label: str
    options: Mapping[str, Any]
    facts: Mapping[str, Any]
    accuracy: float
    accuracy_change_ci95: tuple[float, float]
    agreement: float
    spikes_per_sample: float
    file: str

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome for JSON; options and facts are also beside the numbers."""
        return {**self.options, **self.facts, **asdict(self)}


@dataclass(frozen=True, repr=False)
class RungOutcome:
    """Hold the outcome of one rung.

    Numbers are means, or sums, over the runs of a rung that is repeated.

    Parameters
    ----------
    name : str
        Name of the rung.
    dt_ms : float
        Step of Brian2 in milliseconds.
    perturbations : mapping
        Options of the perturbations, by name.
    runs : int
        Number of runs, each with different random numbers.
    accuracy : float
        Accuracy in Brian2.
    accuracy_by_run : tuple of float
        Accuracy of each run.
    accuracy_change_ci95 : tuple of float
        95 % interval of accuracy minus the twin's, on the same samples.
    accuracy_change_bootstrap95 : tuple of float, optional
        The same interval by the bootstrap; only for a single run.
    mcnemar_p : float, optional
        p-value of McNemar's exact test; only for a single run.
    agreement : float
        Share of samples with the twin's prediction.
    spikes_per_sample : mapping of str to float
        Mean number of spikes, by population.
    count_mismatches, spike_mismatches : int
        Number of (sample, neuron) pairs and of (step, sample, neuron) cells that differ.
    count_correlation : mapping of str to float or None
        Correlation of spike counts with the twin's, by population.
    count_differences : mapping of str to mapping
        Difference of a neuron's count from the twin's in a sample, by population: ``mean`` and
        ``mean_absolute``.
    first_divergence : mapping
        ``samples``: share of samples in which any spike differs, on the twin's time grid;
        ``median_ms``: median time of the first difference in those samples.
    distances : mapping
        ``van_rossum`` and ``victor_purpura``: mean distance of a neuron's spike train from the
        twin's, by population (`brianbridge.measures.spike_train_distances`).
    latency_ms : float, optional
        Mean time after which the running prediction no longer changes; for readout ``counts``.
    synops_per_sample, synops_by_mass_per_sample : float
        Synaptic operations; a spike counts once in the first, and by its size in the second.
    seconds : float
        Time of simulation, compilation and comparison, added up over all processes.
    tolerances : mapping
        Limits of the rung, by name.
    fell_short : tuple of str
        Names of the tolerances that fell short.
    undecided : tuple of str
        Names of the tolerances that are undecided.
    judged : mapping of str to Judgement
        How each tolerance was judged, by name.
    exact : bool
        Whether no spike and no prediction differs, on a rung that changes nothing or does not allow
        a spike to differ. All that follows from this is known, not estimated.
    silent : float, optional
        Number of samples without an output spike; None if the output has no threshold.
    ties : float
        Number of other samples in which no class was ahead, so that the first of the best classes
        was predicted.
    only_class : int, optional
        The class that is predicted for every sample, although there are several labels.
    bridge : mapping, optional
        Comparison with the twin of the rung, on the first samples, in which no spike should differ:
        ``samples``, ``cells``, ``spikes`` and ``mismatches``
        (`brianbridge.ladder.bridge_check.BridgeCheck`). None on a rung that changes nothing, and
        where Brian2 draws the input itself.
    decision : mapping, optional
        When output neurons decided, how many spikes it took, and whether they fired in the twin's
        order; only for readout ``first_spike``. The keys are those of `Decision.to_dict` and
        `FirstSpikeComparison.to_dict` in `brianbridge.measures`.
    attribution : mapping, optional
        Cost of each perturbation, first by ``accuracy`` and ``agreement``, then by name: ``alone``,
        ``last`` and ``share`` (`brianbridge.measures.attribution`).
    over_time : mapping of str to sequence of float, optional
        Accuracy if every presentation ended earlier, at most at 100 times: ``time_ms``,
        ``accuracy``, and its 95 % interval, ``low`` and ``high``
        (`brianbridge.measures.over_time`). Times are the same on all rungs. None if the readout
        reads what was not recorded.
    remedies : mapping of str to RemedyOutcome, optional
        Outcomes of the remedies that were tried, such as ``calibrated``.
    """

    name: str
    dt_ms: float
    perturbations: Mapping[str, Mapping[str, Any]]
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
    tolerances: Mapping[str, int | float | None]
    fell_short: tuple[str, ...]
    undecided: tuple[str, ...] = ()
    judged: Mapping[str, Judgement] = field(default_factory=dict)
    exact: bool = False
    silent: float | None = None
    ties: float = 0.0
    only_class: int | None = None
    bridge: Mapping[str, int] | None = None
    decision: Mapping[str, Any] | None = None
    attribution: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None
    over_time: Mapping[str, Sequence[float]] | None = None
    remedies: Mapping[str, RemedyOutcome] | None = None

    @property
    def passed(self) -> bool:
        """Whether the rung held, or sets no limit."""
        return self.outcome in ("held", "no limit")

    @property
    def outcome(self) -> str:
        """One of ``held``, ``fell short``, ``undecided`` and, without a limit, ``no limit``."""
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
            Number of samples of the verdict.
        """
        return [
            describe_judgement(name, self.judged[name], samples, self.runs)
            if name in self.judged
            else name
            for name in (*self.fell_short, *self.undecided)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome for JSON."""
        remedies = None
        if self.remedies is not None:
            remedies = {name: found.to_dict() for name, found in self.remedies.items()}
        return {
            **asdict(self), "remedies": remedies, "passed": self.passed, "outcome": self.outcome,
        }  # fmt: skip

    def __repr__(self) -> str:
        return (
            f"<rung {self.name!r}: {self.outcome}, dt={self.dt_ms:g} ms, "
            f"accuracy {100 * self.accuracy:.2f} %, agreement {100 * self.agreement:.2f} %>"
        )
