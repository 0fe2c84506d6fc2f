"""The sentences of the report, which describe a verdict and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from brianbridge.ladder.outcomes import RungOutcome
from brianbridge.ladder.table import percent
from brianbridge.ladder.verdict import Verdict
from brianbridge.report.one_sample import OneSample

__all__ = [
    "about_attribution", "about_confusion", "about_counts", "about_ladder", "about_raster",
    "about_traces", "by_layer", "capitalized", "cost", "costliest", "day", "number", "percent",
    "points", "sample_sentence", "verdict_sentences",
]  # fmt: skip


def points(share: float) -> str:
    """Return a change in points, ``"−1.50"``, with a minus as wide as a plus."""
    return f"{_hundredths(share):+.2f}".replace("-", "−")


def cost(share: float) -> str:
    """Return a loss in points, ``"1.50"``."""
    return f"{_hundredths(share):.2f}".replace("-", "−")


def _hundredths(share: float) -> float:
    return round(100 * share, 2) + 0.0  # turns -0 into 0


def number(count: int) -> str:
    """Return a whole number as text; "none" for 0."""
    return f"{count:,}" if count else "none"


def capitalized(text: str) -> str:
    """Return a text that begins with a capital; other letters stay as they are."""
    return f"{text[:1].upper()}{text[1:]}"


def day(date: str) -> str:
    """Return a date of ISO 8601 without its seconds.

    Examples
    --------
    >>> day("2026-03-01T15:22:48+00:00")
    '2026-03-01, 15:22 UTC'
    """
    return f"{date[:10]}, {date[11:16]} UTC" if date.endswith("+00:00") else date


def by_layer(values: Mapping[str, float | None], digits: int = 3) -> str:
    """Return numbers by population in one line, with a dash where there is no number.

    Examples
    --------
    >>> by_layer({"hidden": 0.98765, "output": None})
    'hidden 0.988, output –'
    """
    texts = (f"{n} {'–' if v is None else f'{v:.{digits}g}'}" for n, v in values.items())
    return ", ".join(texts) or "–"


def headline(verdict: Verdict) -> str:
    """Say in a few words whether the network held."""
    outcomes = {rung.outcome for rung in verdict.rungs}
    if not outcomes:
        return "no rung could run"
    if "fell short" in outcomes:
        return "not every rung held"
    if "undecided" in outcomes:
        return "undecided: too few samples for every rung"
    if "no limit" not in outcomes:
        return "every rung held"
    return "every rung with a limit held" if "held" in outcomes else "no rung had a limit"


def verdict_sentences(verdict: Verdict) -> list[str]:
    """Say how many rungs held, and whether Brian2 and the twin agree spike for spike."""
    outcomes = [rung.outcome for rung in verdict.rungs]
    free, skipped = outcomes.count("no limit"), len(verdict.skipped)
    total = len(outcomes) - free
    first = f"{outcomes.count('held')} of {total} {_plural(total, 'rung')} held"
    if unknown := outcomes.count("undecided"):
        first += f", {unknown} {'is' if unknown == 1 else 'are'} undecided"
    if free:
        first += f"; {free} had no limit"
    if skipped:
        first += f"; {skipped} {'was' if skipped == 1 else 'were'} left out"
    sentences = [f"{first}."]
    for rung in verdict.rungs:
        if not rung.perturbations:
            name, cells = capitalized(rung.name), _of_cells(verdict, rung)
            sentences.append(
                f"{name}: {rung.spike_mismatches:,}{cells} cells (step, sample and neuron) differ "
                "between the torch twin and Brian2."
            )
            break
    checked = [rung.bridge for rung in verdict.rungs if rung.bridge is not None]
    if checked:
        apart, of = (sum(found[key] for found in checked) for key in ("mismatches", "cells"))
        sentences.append(
            f"Each rung that changes something has a twin of its own, too: between that twin and "
            f"Brian2, {apart:,} of {of:,} cells differ ({len(checked)} "
            f"{_plural(len(checked), 'rung')}, first {checked[0]['samples']} samples)."
        )
    return sentences


def _of_cells(verdict: Verdict, rung: RungOutcome) -> str:
    """Return the number of (step, sample, neuron) cells of a rung that were compared."""
    each = verdict.about.get("cells")
    return "" if each is None else f" of {each * verdict.dataset['samples'] * rung.runs:,}"


def costliest(verdict: Verdict, most: int = 3) -> list[str]:
    """Name the rungs on which accuracy fell most, with the worst first."""
    twin = verdict.twin.accuracy
    worst = sorted(verdict.rungs, key=lambda rung: rung.accuracy)[:most]
    return [
        f"{rung.name}: {percent(rung.accuracy)} instead of {percent(twin)}, "
        f"{100 * (twin - rung.accuracy):.2f} points lost"
        for rung in worst
        if rung.accuracy < twin
    ]


def about_ladder(verdict: Verdict) -> str:
    """Describe the chart of the ladder."""
    parts = [f"The torch twin has an accuracy of {percent(verdict.twin.accuracy)}."]
    for rung in verdict.rungs:
        low, high = rung.accuracy_change_ci95
        parts.append(
            f"{rung.name}: {percent(rung.accuracy)}, change {points(low)} to {points(high)} "
            f"points, {rung.outcome}."
        )
    return " ".join(parts)


def about_counts(joint: Mapping[tuple[float, float], int], correlation: float | None) -> str:
    """Describe a scatter plot of spike counts."""
    total = sum(joint.values())
    same = sum(n for (x, y), n in joint.items() if x == y)
    furthest = max((abs(x - y) for x, y in joint), default=0.0)
    text = (
        f"Of {total:,} pairs of sample and neuron, {percent(same / total if total else 1.0)} have "
        f"the same count in both"
    )
    text += "." if same == total else f"; counts differ by {furthest:g} at most."
    return text if correlation is None else f"{text} Their correlation is {correlation:.4g}."


def sample_sentence(sample: OneSample, classes: Sequence[str]) -> str:
    """Say which sample is shown, and what the twin and Brian2 predict."""
    ours, theirs = (classes[int(r.prediction[0])] for r in (sample.twin, sample.brian2))
    text = (
        f"Sample {sample.sample} is of class {classes[sample.label]}; the torch twin predicts "
        f"{ours}, Brian2 {theirs}."
    )
    if sample.differs:
        text += (
            " On the rung Brian2 predicted a different class: noise in a run depends on which "
            "samples run together, and for these figures the sample ran alone."
        )
    return text


def about_raster(sample: OneSample) -> str:
    """Describe a raster, for all neurons of the population."""
    name = sample.population.name
    coarse = sample.brian2.steps // sample.twin.steps
    ours, theirs = sample.twin.raster(name)[:, 0], sample.brian2.raster(name, coarse)[:, 0]
    one, other = ours != 0, theirs != 0
    text = (
        f"Of the {sample.population.size:,} neurons of {name}, in steps of the torch twin: "
        f"{number(int((ours == theirs)[one].sum()))} of the spikes are in both, "
        f"{number(int((one & ~other).sum()))} in the twin only, "
        f"{number(int((other & ~one).sum()))} in Brian2 only"
    )
    if changed := int((one & other & (ours != theirs)).sum()):
        text += f", {changed:,} in both with a different value or number"
    return text + "."


def about_traces(sample: OneSample) -> str:
    """Say how much the two potentials differ."""
    name, v = sample.population.name, sample.variable
    coarse = sample.brian2.steps // sample.twin.steps
    ours = sample.twin.traces[name][v].reshape(sample.twin.steps, -1)[:, sample.neuron]
    fine = sample.brian2.traces[name][v].reshape(sample.brian2.steps, -1)[:, sample.neuron]
    # Both have a value at the end of each step of the twin; Brian2 also has values in between.
    apart = np.abs(fine[coarse - 1 :: coarse] - ours)
    when = "at the end of every step" + (" of the torch twin" if coarse > 1 else "")
    between = "; in between only Brian2 has values" if coarse > 1 else ""
    text = f"{v} of neuron {sample.neuron} of {name}: "
    if not apart.max() > 1e-9 * max(1.0, float(np.abs(ours).max())):
        return f"{text}both have the same potential {when}{between}."
    step = int(apart.argmax())
    text += (
        f"the potentials are {apart.max():.3g} apart at most, "
        f"at {(step + 1) * sample.twin.dt * 1e3:.4g} ms{between}"
    )
    if sample.fires:
        spikes = [
            int((r.events(name).node == sample.neuron).sum()) for r in (sample.twin, sample.brian2)
        ]
        text += f"; the twin fires {spikes[0]} times, Brian2 {spikes[1]}"
    return text + "."


def about_confusion(matrix: np.ndarray, classes: Sequence[str]) -> str:
    """Say how many predictions are right, and which mistakes are most frequent."""
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    text = f"{int(np.trace(matrix)):,} of {int(matrix.sum()):,} samples are right."
    order = np.argsort(-wrong, axis=None, kind="stable")[:3]
    pairs = [np.unravel_index(index, wrong.shape) for index in order]
    mistakes = [
        f"{classes[int(i)]} taken for {classes[int(j)]} ({wrong[i, j]})"
        for i, j in pairs
        if wrong[i, j]
    ]
    return f"{text} Most frequent mistakes: {', '.join(mistakes)}." if mistakes else text


def about_attribution(costs: Mapping[str, Mapping[str, float]], of: str) -> str:
    """Say what each perturbation costs."""
    texts = (
        f"{name}: {cost(lost['alone'])} alone, {cost(lost['share'])} as its share, "
        f"{cost(lost['last'])} on top of the others"
        for name, lost in costs.items()
    )
    return f"Points of {of} lost. {'. '.join(texts)}."


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"
