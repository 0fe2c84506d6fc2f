"""Put a verdict, its sentences and its figures into the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brianbridge.ladder.evidence import Evidence
from brianbridge.ladder.judgement_text import describe_tolerances
from brianbridge.ladder.outcomes import RungOutcome, TwinOutcome
from brianbridge.ladder.table import count, p_value
from brianbridge.ladder.verdict import Verdict
from brianbridge.perturbations.words import change_in_words
from brianbridge.report import figures, sentences
from brianbridge.report.ladder_text import ladder_text
from brianbridge.report.one_sample import run_one_sample
from brianbridge.report.origin import origin_of
from brianbridge.report.over_time import over_time_figure
from brianbridge.report.sensitivity import sensitivity_figures
from brianbridge.report.svg import Figure
from brianbridge.sensitivities.result import Sensitivity

__all__ = ["page_of", "template"]


@dataclass(frozen=True)
class Detail:
    """The part of the page about one rung.

    Parameters
    ----------
    rung : RungOutcome
        The rung.
    figures : tuple of Figure
        Spike counts by population, and the confusion matrix.
    sample : str
        A sentence about the sample that is shown; empty if none is.
    sample_figures : tuple of Figure
        Raster and traces of that sample.
    note : str
        Why a figure is missing.
    """

    rung: RungOutcome
    figures: tuple[Figure, ...]
    sample: str = ""
    sample_figures: tuple[Figure, ...] = ()
    note: str = ""


def page_of(verdict: Verdict, command: str = "", sensitivity: Sensitivity | None = None) -> str:
    """Return the page as text.

    Parameters
    ----------
    verdict : Verdict
        The verdict, with its evidence.
    command : str
        The command line that made the verdict.
    sensitivity : Sensitivity, optional
        By how much outcomes change with the parameters of the network.
    """
    shown, evidence = _shown_closely(verdict), verdict.evidence
    details: list[Detail] = []
    twin: Figure | None = None
    if evidence is not None:
        details = [
            _detail(f"rung{number}", evidence, rung, with_sample=rung in shown)
            for number, rung in enumerate(verdict.rungs)
        ]
        found = evidence.twin.prediction
        twin = figures.confusion_figure("twin", "The torch twin", found, evidence)
    return template("report.html").render(
        verdict=verdict,
        headline=sentences.headline(verdict),
        sentences=sentences.verdict_sentences(verdict),
        has=_columns(verdict),
        changes={rung.name: _changes(rung) for rung in verdict.rungs},
        costliest=sentences.costliest(verdict),
        reasons={rung.name: rung.reasons(verdict.dataset["samples"]) for rung in verdict.rungs},
        ladder=figures.ladder_figure(verdict),
        over_time=over_time_figure(verdict),
        twin=twin,
        shown=[d for d in details if d.rung in shown],
        others=[d for d in details if d.rung not in shown],
        attributions=list(figures.attribution_figures(verdict)),
        sensitivities=[] if sensitivity is None else list(sensitivity_figures(sensitivity)),
        sensitivity_notes=[] if sensitivity is None else sensitivity.notes,
        about=verdict.about,
        decisions=_decisions(verdict),
        remedies=[
            (rung, found) for rung in verdict.rungs for found in (rung.remedies or {}).values()
        ],
        command=command,
        ladder_file=ladder_text(verdict.rungs),
        origin=origin_of(verdict.provenance),
    )


def template(name: str) -> Any:
    """Return a template of this folder, with functions that write numbers."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=PackageLoader("brianbridge.report", ""),
    )
    environment.filters.update(
        percent=sentences.percent,
        points=sentences.points,
        cost=sentences.cost,
        by_layer=sentences.by_layer,
        capitalize_first=sentences.capitalized,
        count=count,
        day=sentences.day,
        p_value=p_value,
        tolerances=describe_tolerances,
    )
    return environment.get_template(name)


def _changes(rung: RungOutcome) -> list[str]:
    """Say what a rung changes, in a sentence for each perturbation."""
    found = [change_in_words(name, options) for name, options in rung.perturbations.items()]
    return found or ["Nothing."]


def _columns(verdict: Verdict) -> Mapping[str, bool]:
    """Tell which columns of the tables have something to say."""
    rungs = verdict.rungs
    runs: list[TwinOutcome | RungOutcome] = [verdict.twin, *rungs]
    return {
        "p": any(rung.mcnemar_p is not None for rung in rungs),
        "silent": any(run.silent is not None for run in runs),
        "tied": any(run.ties for run in runs),
        "runs": any(rung.runs > 1 for rung in rungs),
        "correlation": any(rung.count_correlation for rung in rungs),
        "divergence": any(rung.first_divergence.get("median_ms") is not None for rung in rungs),
        "van_rossum": any(rung.distances.get("van_rossum") for rung in rungs),
        "victor_purpura": any(rung.distances.get("victor_purpura") for rung in rungs),
        "latency": any(rung.latency_ms is not None for rung in rungs),
    }


def _shown_closely(verdict: Verdict) -> list[RungOutcome]:
    """Return the rungs for which a sample is shown: the first, and the worst of the others."""
    if len(verdict.rungs) < 2:
        return list(verdict.rungs)
    first, *others = verdict.rungs
    return [first, min(others, key=lambda r: (r.accuracy, r.agreement, -r.spike_mismatches))]


def _detail(name: str, evidence: Evidence, rung: RungOutcome, *, with_sample: bool) -> Detail:
    """Return the part of the page about a rung; `name` is unique on the page."""
    prediction = evidence.rungs[rung.name].prediction
    general = (
        *figures.count_figures(name, evidence, rung),
        figures.confusion_figure(name, rung.name, prediction, evidence),
    )
    if not with_sample:
        return Detail(rung, general)
    sample = run_one_sample(evidence, rung.name)
    classes = figures.class_names(evidence, sample.twin.output.shape[1])
    note = ""
    if sample.no_trace:
        note = f"The potential of {sample.population.name} is not drawn: {sample.no_trace}."
    return Detail(
        rung,
        general,
        sentences.sample_sentence(sample, classes),
        tuple(figures.sample_figures(name, rung.name, sample)),
        note,
    )


def _decisions(verdict: Verdict) -> list[tuple[str, Mapping[str, Any]]]:
    """Return when each run decided; only for networks with readout ``first_spike``."""
    runs = [("torch twin", verdict.twin.decision)]
    runs += [(rung.name, rung.decision) for rung in verdict.rungs]
    return [(name, found) for name, found in runs if found is not None]
