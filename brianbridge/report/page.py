"""Put a verdict, its sentences and its figures into the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from brianbridge.ladder.evidence import Evidence
from brianbridge.ladder.outcomes import RungOutcome
from brianbridge.ladder.table import count
from brianbridge.ladder.verdict import Verdict
from brianbridge.report import figures, sentences
from brianbridge.report.ladder_text import ladder_text
from brianbridge.report.one_sample import run_one_sample
from brianbridge.report.origin import origin_of
from brianbridge.report.over_time import over_time_figure
from brianbridge.report.sensitivity import sensitivity_figures
from brianbridge.report.svg import Figure
from brianbridge.sensitivities.result import Sensitivity

__all__ = ["page_of"]


@dataclass(frozen=True)
class Detail:
    """Hold what the page shows about one rung.

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
    evidence = verdict.evidence
    assert evidence is not None, "checked by write_report"
    shown = _shown_closely(verdict)
    details = [
        _detail(f"rung{number}", evidence, rung, with_sample=rung in shown)
        for number, rung in enumerate(verdict.rungs)
    ]
    return _template().render(
        verdict=verdict,
        headline=sentences.headline(verdict),
        sentences=sentences.verdict_sentences(verdict, evidence),
        costliest=sentences.costliest(verdict),
        reasons={rung.name: rung.reasons(verdict.dataset["samples"]) for rung in verdict.rungs},
        ladder=figures.ladder_figure(verdict),
        over_time=over_time_figure(verdict),
        twin=figures.confusion_figure("twin", "The torch twin", evidence.twin.prediction, evidence),
        shown=[d for d in details if d.rung in shown],
        others=[d for d in details if d.rung not in shown],
        attributions=list(figures.attribution_figures(verdict)),
        sensitivities=[] if sensitivity is None else list(sensitivity_figures(sensitivity)),
        sensitivity_notes=[] if sensitivity is None else sensitivity.notes,
        network=_network(evidence),
        decisions=_decisions(verdict),
        remedies=[
            (rung, found) for rung in verdict.rungs for found in (rung.remedies or {}).values()
        ],
        command=command,
        ladder_file=ladder_text(verdict.rungs),
        training=_training(evidence),
        origin=origin_of(evidence.network.provenance),
    )


def _template() -> Any:
    """Return the template, with functions that write numbers."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        percent=sentences.percent,
        points=sentences.points,
        cost=sentences.cost,
        by_layer=sentences.by_layer,
        count=count,
    )
    text = (files(__package__) / "report.html").read_text(encoding="utf-8")
    return environment.from_string(text)


def _shown_closely(verdict: Verdict) -> list[RungOutcome]:
    """Return the rungs for which a sample is shown: the first, and the worst of the others."""
    if len(verdict.rungs) < 2:
        return list(verdict.rungs)
    first, *others = verdict.rungs
    return [first, min(others, key=lambda r: (r.accuracy, r.agreement, -r.spike_mismatches))]


def _detail(name: str, evidence: Evidence, rung: RungOutcome, *, with_sample: bool) -> Detail:
    """Return what the page shows about a rung; `name` is unique on the page."""
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


def _network(evidence: Evidence) -> dict[str, Any]:
    """Return a short description of the network."""
    network = evidence.network
    return {
        "populations": [
            (p.name, " × ".join(map(str, p.shape)), p.neuron.name or "custom equations")
            for p in network.populations
        ],
        "encoding": f"{network.encoding.kind}, {network.steps} steps of {network.dt * 1e3:g} ms",
        "readout": network.readout,
        "dt_ms": network.dt * 1e3,
    }


def _decisions(verdict: Verdict) -> list[tuple[str, Mapping[str, Any]]]:
    """Return when each run decided; only for networks with readout ``first_spike``."""
    runs = [("torch twin", verdict.twin.decision)]
    runs += [(rung.name, rung.decision) for rung in verdict.rungs]
    return [(name, found) for name, found in runs if found is not None]


def _training(evidence: Evidence) -> Mapping[str, str]:
    """Return how the network was trained, as far as its provenance says."""
    known = evidence.network.provenance
    rule = known.get("rule")
    name = rule.get("name") if isinstance(rule, Mapping) else rule
    found = {"study": known.get("study"), "rule": name, "training seed": known.get("seed")}
    return {key: str(value) for key, value in found.items() if value is not None}
