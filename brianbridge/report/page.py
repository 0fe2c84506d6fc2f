"""Put a verdict, its words and its figures into the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from brianbridge import plots
from brianbridge.ladder.evidence import Evidence
from brianbridge.ladder.table import count, remedy_in_words
from brianbridge.ladder.verdict import RungOutcome, Verdict
from brianbridge.measures.classification import confusion_matrix
from brianbridge.plots.rasters import most_different
from brianbridge.report import sentences as words
from brianbridge.report.ladder_text import ladder_text
from brianbridge.report.one_sample import CloseUp, close_up
from brianbridge.report.svg import Figure, draw

__all__ = ["page_of"]

_COUNTS = (
    "One bubble for all pairs of sample and neuron with these counts, larger for more of them. "
    "Circles: equal. Diamonds: different. Dashed: equal counts."
)
_CONFUSION = "Rows: the label. Columns: the prediction. Off the diagonal are the mistakes."


@dataclass(frozen=True)
class Detail:
    """Hold what the page shows of one rung.

    Parameters
    ----------
    rung : RungOutcome
        The rung.
    sample : str
        Which sample was looked at, in words; empty if none was.
    close : tuple of Figure
        Raster and traces of that sample.
    note : str
        Why a figure is not there.
    figures : tuple of Figure
        Counts by population, and the confusion matrix.
    """

    rung: RungOutcome
    sample: str
    close: tuple[Figure, ...]
    note: str
    figures: tuple[Figure, ...]


def page_of(verdict: Verdict, command: str = "") -> str:
    """Return the page.

    Parameters
    ----------
    verdict : Verdict
        With its evidence.
    command : str
        The command line that made it.
    """
    from jinja2 import Environment, StrictUndefined

    evidence = verdict.evidence
    assert evidence is not None, "checked by write_report"
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        percent=words.percent,
        points=words.points,
        cost=words.cost,
        by_layer=words.by_layer,
        count=count,
    )
    template = environment.from_string(
        (files(__package__) / "report.html").read_text(encoding="utf-8")
    )
    chosen = _chosen(verdict)
    details = [
        _detail(verdict, evidence, place, rung, looked_at=rung in chosen)
        for place, rung in enumerate(verdict.rungs)
    ]
    return template.render(
        verdict=verdict,
        headline=words.headline(verdict),
        sentences=words.verdict_sentences(verdict, evidence),
        costliest=words.costliest(verdict),
        reasons={rung.name: rung.reasons(verdict.dataset["samples"]) for rung in verdict.rungs},
        ladder=_ladder(verdict),
        twin=_of_twin(verdict, evidence),
        looked_at=[d for d in details if d.rung in chosen],
        others=[d for d in details if d.rung not in chosen],
        attributions=_attributions(verdict),
        network=_network(evidence),
        decided=_decided(verdict),
        remedied=[
            (rung, remedy_in_words(how, found), found)
            for rung in verdict.rungs
            for how, found in (rung.remedies or {}).items()
        ],
        command=command,
        ladder_file=ladder_text(verdict.rungs),
        trained=_trained(evidence),
    )


def _chosen(verdict: Verdict) -> list[RungOutcome]:
    """Return the first rung, and the one of the others that lost most."""
    if len(verdict.rungs) < 2:
        return list(verdict.rungs)
    first, *others = verdict.rungs
    return [first, min(others, key=lambda r: (r.accuracy, r.agreement, -r.spike_mismatches))]


def _ladder(verdict: Verdict) -> Figure | None:
    if not verdict.rungs:
        return None
    return draw(
        "ladder",
        "Accuracy on each rung",
        words.about_ladder(verdict),
        lambda ax: plots.plot_ladder(verdict, ax=ax),
        height=0.8 + 0.42 * len(verdict.rungs),
        caption=(
            "Dashed line: the torch twin. Bar: 95 % interval of the change on the same samples, "
            "about the twin's accuracy; none where every spike is the same. Filled circle: the "
            "rung held. Hollow diamond: it fell short. Triangle: undecided. Square: there was no "
            "limit to hold."
        ),
    )


def _of_twin(verdict: Verdict, evidence: Evidence) -> Figure:
    """Return the twin's confusion matrix."""
    return _confusion("twin", "The torch twin", evidence.twin.prediction, evidence)


def _confusion(name: str, who: str, prediction: Any, evidence: Evidence) -> Figure:
    classes = evidence.data.classes
    # A network may have more outputs than the data set has classes.
    outputs = max(len(classes), int(prediction.max()) + 1)
    classes = (*classes, *(f"output {i}" for i in range(len(classes), outputs)))
    matrix = confusion_matrix(evidence.data.y, prediction, outputs)
    return draw(
        f"{name}-confusion",
        f"{who}: predictions and labels",
        words.about_confusion(matrix, classes),
        lambda ax: plots.plot_confusion(matrix, classes, ax=ax),
        height=4.4,
        caption=f"{words.about_confusion(matrix, classes)} {_CONFUSION}",
    )


def _detail(
    verdict: Verdict, evidence: Evidence, place: int, rung: RungOutcome, *, looked_at: bool
) -> Detail:
    name, piece = f"rung{place}", evidence.rungs[rung.name]
    assert piece.comparison is not None, "Brian2 was compared with the twin"
    figures = []
    for layer, (population, joint) in enumerate(piece.comparison.joint.items()):
        about = words.about_counts(joint, piece.comparison.counts[population].correlation)
        figures.append(
            draw(
                f"{name}-counts{layer}",
                f"{rung.name}: spike counts of {population}",
                about,
                lambda ax, joint=joint: plots.plot_counts(joint, ax=ax),  # type: ignore[misc]
                height=4.1,
                caption=f"{about} {_COUNTS}",
            )
        )
    figures.append(_confusion(name, rung.name, piece.prediction, evidence))
    if not looked_at:
        return Detail(rung, "", (), "", tuple(figures))
    close = close_up(evidence, rung.name)
    return Detail(
        rung,
        words.sample_sentence(close, _classes(evidence, close)),
        tuple(_close_figures(name, rung.name, close)),
        f"The potential of {close.population.name} is not drawn: {close.untraced}."
        if close.untraced
        else "",
        tuple(figures),
    )


def _classes(evidence: Evidence, close: CloseUp) -> tuple[str, ...]:
    known = evidence.data.classes
    return (*known, *(f"output {i}" for i in range(len(known), close.twin.output.shape[1])))


def _close_figures(name: str, rung: str, close: CloseUp) -> list[Figure]:
    population, found = close.population.name, []
    if close.fires:
        coarse = close.brian2.steps // close.twin.steps
        rows = most_different(
            close.twin.raster(population)[:, 0], close.brian2.raster(population, coarse)[:, 0]
        )
        shown = f"{len(rows):,} of {close.population.size:,} neurons are drawn"
        about = words.about_raster(close)
        found.append(
            draw(
                f"{name}-raster",
                f"{rung}: spikes of {population}",
                about,
                lambda ax: plots.plot_rasters(
                    close.twin, close.brian2, population, neurons=rows, ax=ax
                ),
                height=1.4 + 0.055 * max(len(rows), 20),
                caption=(
                    f"{about} {shown}: those that differ most, then those that fire most. A spike "
                    "is drawn at the start of its step, as Brian2 stamps it."
                ),
            )
        )
    if not close.untraced:
        about = words.about_traces(close)
        found.append(
            draw(
                f"{name}-traces",
                f"{rung}: membrane potential of neuron {close.neuron} of {population}",
                about,
                lambda ax: plots.plot_traces(
                    close.twin, close.brian2, population, close.neuron,
                    variable=close.variable, threshold=close.threshold, ax=ax,
                ),
                height=2.9,
                caption=f"{about} A value is drawn at the end of its step, after the "
                "reset; marks above are spikes, each at the start of its step, as in Brian2.",
            )
        )  # fmt: skip
    return found


def _attributions(verdict: Verdict) -> list[tuple[RungOutcome, Figure]]:
    found = []
    for place, rung in enumerate(verdict.rungs):
        if rung.attribution is None:
            continue
        attribution = rung.attribution
        figure = draw(
            f"rung{place}-attribution",
            f"{rung.name}: what costs what",
            words.about_attribution(attribution["accuracy"], "accuracy"),
            lambda ax, attribution=attribution: plots.plot_attribution(  # type: ignore[misc]
                attribution, ax=ax
            ),
            height=1.2 + 0.75 * len(attribution["accuracy"]),
            caption=(
                "Alone: with this perturbation and nothing else. On top of the others: what would "
                "be won back without it. Its share is the mean over all orders; shares add up to "
                "the whole loss."
            ),
        )
        found.append((rung, figure))
    return found


def _network(evidence: Evidence) -> dict[str, Any]:
    """Return what the network is, in short."""
    network = evidence.network
    return {
        "populations": [
            (p.name, " × ".join(map(str, p.shape)), p.neuron.name or "own equations")
            for p in network.populations
        ],
        "encoding": f"{network.encoding.kind}, {network.steps} steps of {network.dt * 1e3:g} ms",
        "readout": network.readout,
        "dt_ms": network.dt * 1e3,
    }


def _decided(verdict: Verdict) -> list[tuple[str, Mapping[str, Any]]]:
    """Return when each run decided, of a network that is read by first spikes."""
    runs = [("torch twin", verdict.twin.get("decision"))]
    runs += [(rung.name, rung.decision) for rung in verdict.rungs]
    return [(name, found) for name, found in runs if found is not None]


def _trained(evidence: Evidence) -> Mapping[str, str]:
    """Return where the weights come from, as far as the network file says."""
    known = evidence.network.provenance
    rule = known.get("rule")
    name = rule.get("name") if isinstance(rule, Mapping) else rule
    found = {"study": known.get("study"), "rule": name, "training seed": known.get("seed")}
    return {key: str(value) for key, value in found.items() if value is not None}
