"""The figures of the report, each with a description in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from brianbridge import plots
from brianbridge.ladder.evidence import Evidence
from brianbridge.ladder.outcomes import RungOutcome
from brianbridge.ladder.verdict import Verdict
from brianbridge.measures.classification import confusion_matrix
from brianbridge.plots.rasters import most_different
from brianbridge.report import sentences
from brianbridge.report.one_sample import OneSample
from brianbridge.report.svg import Figure, draw

__all__ = [
    "attribution_figures", "confusion_figure", "count_figures", "ladder_figure", "sample_figures",
]  # fmt: skip

_LADDER = (
    "Dashed line: the torch twin. Bar: 95 % interval of the change on the same samples, drawn "
    "around the twin's accuracy; there is none if every spike is the same. Filled circle: the rung "
    "held. Hollow diamond: it fell short. Triangle: undecided. Square: no limit was set."
)
_COUNTS = (
    "Each bubble stands for all pairs of sample and neuron with these counts; it is larger for "
    "more pairs. Circles: equal. Diamonds: different. Dashed: equal counts."
)
_CONFUSION = "Rows: the label. Columns: the prediction. Mistakes are off the diagonal."
_RASTER = (
    "Neurons that differ most come first, then those that fire most. A spike is drawn at the start "
    "of its step, where Brian2 stamps it."
)
_TRACE = (
    "A value is drawn at the end of its step, after the reset; marks above are spikes, each at the "
    "start of its step, as in Brian2."
)
_ATTRIBUTION = (
    "Alone: with this perturbation and nothing else. On top of the others: what would be won back "
    "without it. Its share: the mean over all orders; shares add up to the whole loss."
)


def ladder_figure(
    verdict: Verdict,
    name: str = "ladder",
    whose: str = "",
    span: tuple[float, float] | None = None,
) -> Figure | None:
    """Return the accuracy on each rung; None without rungs.

    Parameters
    ----------
    verdict : Verdict
        The verdict.
    name : str
        Unique name on the page.
    whose : str
        Begin of the title, if the page has several.
    span : tuple of float, optional
        The lowest and the highest accuracy in percent that several figures show.
    """
    if not verdict.rungs:
        return None
    return draw(
        name,
        f"{whose}accuracy on each rung" if whose else "Accuracy on each rung",
        sentences.about_ladder(verdict),
        lambda ax: plots.plot_ladder(verdict, ax=ax).set(xlim=span),
        height=0.8 + 0.42 * len(verdict.rungs),
        caption=_LADDER,
    )


def confusion_figure(name: str, who: str, prediction: np.ndarray, evidence: Evidence) -> Figure:
    """Return the confusion matrix of predictions.

    Parameters
    ----------
    name : str
        Unique name on the page.
    who : str
        The twin or a rung, for the title.
    prediction : numpy.ndarray of int, shape (samples,)
        The predictions.
    evidence : Evidence
        Has the labels.
    """
    classes = class_names(evidence, int(prediction.max()) + 1)
    matrix = confusion_matrix(evidence.data.y, prediction, len(classes))
    about = sentences.about_confusion(matrix, classes)
    return draw(
        f"{name}-confusion",
        f"{who}: predictions and labels",
        about,
        lambda ax: plots.plot_confusion(matrix, classes, ax=ax),
        height=4.4,
        caption=f"{about} {_CONFUSION}",
    )


def class_names(evidence: Evidence, outputs: int) -> tuple[str, ...]:
    """Return a name for each output; there may be more outputs than classes."""
    known = evidence.data.classes
    return (*known, *(f"output {i}" for i in range(len(known), outputs)))


def count_figures(name: str, evidence: Evidence, rung: RungOutcome) -> Iterator[Figure]:
    """Yield the spike counts of each population in Brian2 and in the twin."""
    comparison = evidence.rungs[rung.name].comparison
    assert comparison is not None, "Brian2 was compared with the twin"
    for layer, (population, joint) in enumerate(comparison.joint.items()):
        about = sentences.about_counts(joint, comparison.counts[population].correlation)

        def plot(ax: Any, joint: Any = joint) -> None:
            plots.plot_counts(joint, ax=ax)

        yield draw(
            f"{name}-counts{layer}",
            f"{rung.name}: spike counts of {population}",
            about,
            plot,
            height=4.1,
            caption=f"{about} {_COUNTS}",
        )


def sample_figures(name: str, rung: str, sample: OneSample) -> Iterator[Figure]:
    """Yield spikes and potential of one sample in Brian2 and in the twin."""
    if sample.fires:
        yield _raster(name, rung, sample)
    if not sample.no_trace:
        yield _trace(name, rung, sample)


def _raster(name: str, rung: str, sample: OneSample) -> Figure:
    population = sample.population.name
    ratio = sample.brian2.steps // sample.twin.steps
    rows = most_different(
        sample.twin.raster(population)[:, 0], sample.brian2.raster(population, ratio)[:, 0]
    )
    about = sentences.about_raster(sample)
    shown = f"{len(rows):,} of {sample.population.size:,} neurons are drawn."
    return draw(
        f"{name}-raster",
        f"{rung}: spikes of {population}",
        about,
        lambda ax: plots.plot_rasters(sample.twin, sample.brian2, population, neurons=rows, ax=ax),
        height=1.4 + 0.055 * max(len(rows), 20),
        caption=f"{about} {shown} {_RASTER}",
    )


def _trace(name: str, rung: str, sample: OneSample) -> Figure:
    population = sample.population.name
    about = sentences.about_traces(sample)
    return draw(
        f"{name}-traces",
        f"{rung}: membrane potential of neuron {sample.neuron} of {population}",
        about,
        lambda ax: plots.plot_traces(
            sample.twin, sample.brian2, population, sample.neuron,
            variable=sample.variable, threshold=sample.threshold, ax=ax,
        ),
        height=2.9,
        caption=f"{about} {_TRACE}",
    )  # fmt: skip


def attribution_figures(verdict: Verdict) -> Iterator[tuple[RungOutcome, Figure]]:
    """Yield each rung with an attribution, and what its perturbations cost."""
    for number, rung in enumerate(verdict.rungs):
        if rung.attribution is None:
            continue

        def plot(ax: Any, attribution: Any = rung.attribution) -> None:
            plots.plot_attribution(attribution, ax=ax)

        yield (
            rung,
            draw(
                f"rung{number}-attribution",
                f"{rung.name}: cost of each perturbation",
                sentences.about_attribution(rung.attribution["accuracy"], "accuracy"),
                plot,
                height=1.2 + 0.75 * len(rung.attribution["accuracy"]),
                caption=_ATTRIBUTION,
            ),
        )
