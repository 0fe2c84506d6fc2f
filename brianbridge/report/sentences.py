"""The report's sentences: what a verdict and its figures say, in words and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from brianbridge.ladder.evidence import Evidence
from brianbridge.ladder.verdict import RungOutcome, Verdict
from brianbridge.report.one_sample import CloseUp

__all__ = [
    "about_attribution", "about_confusion", "about_counts", "about_ladder", "about_raster",
    "about_traces", "by_layer", "cost", "costliest", "number", "percent", "points",
    "sample_sentence", "verdict_sentences",
]  # fmt: skip


def percent(share: float) -> str:
    """Return ``"98.50 %"``."""
    return f"{100 * share:.2f} %"


def points(share: float) -> str:
    """Return a change in points, ``"−1.50"``; with a minus that is as wide as the plus."""
    return f"{_hundredths(share):+.2f}".replace("-", "−")


def cost(share: float) -> str:
    """Return a loss in points, ``"1.50"``."""
    return f"{_hundredths(share):.2f}".replace("-", "−")


def _hundredths(share: float) -> float:
    return round(100 * share, 2) + 0.0  # which makes 0 of -0


def number(count: int) -> str:
    """Return a whole number, in words where it is none."""
    return f"{count:,}" if count else "none"


def by_layer(values: Mapping[str, float | None], digits: int = 3) -> str:
    """Return numbers by population in a line; a dash where there is no number.

    Examples
    --------
    >>> by_layer({"hidden": 0.98765, "output": None})
    'hidden 0.988, output –'
    """
    told = (f"{n} {'–' if v is None else f'{v:.{digits}g}'}" for n, v in values.items())
    return ", ".join(told) or "–"


def headline(verdict: Verdict) -> str:
    """Tell in a few words whether the network held."""
    outcomes = {rung.outcome for rung in verdict.rungs}
    if not outcomes:
        return "no rung could be climbed"
    if "fell short" in outcomes:
        return "not every rung held"
    if "undecided" in outcomes:
        return "undecided: too few samples for every rung"
    if "no limit" not in outcomes:
        return "every rung held"
    return "every rung with a limit held" if "held" in outcomes else "no rung had a limit"


def verdict_sentences(verdict: Verdict, evidence: Evidence) -> list[str]:
    """Tell how many rungs held, and whether the bridge itself is exact."""
    outcomes = [rung.outcome for rung in verdict.rungs]
    free, out = outcomes.count("no limit"), len(verdict.skipped)
    total = len(outcomes) - free
    first = f"{outcomes.count('held')} of {total} {_plural(total, 'rung')} held"
    if unknown := outcomes.count("undecided"):
        first += f", {unknown} {'is' if unknown == 1 else 'are'} undecided"
    if free:
        first += f"; {free} had no limit to hold"
    if out:
        first += f"; {out} {'was' if out == 1 else 'were'} left out"
    sentences = [f"{first}."]
    for rung in verdict.rungs:
        if not rung.perturbations:
            cells = cells_of(evidence, rung)
            where = rung.name[:1].upper() + rung.name[1:]
            sentences.append(
                f"{where}: {rung.spike_mismatches:,} of {cells:,} cells (step, sample and neuron) "
                "differ between the torch twin and Brian2."
            )
            break
    return sentences


def cells_of(evidence: Evidence, rung: RungOutcome) -> int:
    """Return how many (step, sample, neuron) cells of a rung were compared."""
    network = evidence.network
    neurons = sum(p.size for p in network.firing)
    return network.steps * neurons * len(evidence.data) * rung.runs


def costliest(verdict: Verdict, most: int = 3) -> list[str]:
    """Name the rungs on which accuracy fell furthest, the worst first."""
    twin = verdict.twin["accuracy"]
    worst = sorted(verdict.rungs, key=lambda rung: rung.accuracy)[:most]
    return [
        f"{rung.name}: {percent(rung.accuracy)} instead of {percent(twin)}, "
        f"{100 * (twin - rung.accuracy):.2f} points lost"
        for rung in worst
        if rung.accuracy < twin
    ]


# ---------------------------------------------------------------------- figures in words


def about_ladder(verdict: Verdict) -> str:
    """Tell what the ladder chart shows."""
    parts = [f"The torch twin has an accuracy of {percent(verdict.twin['accuracy'])}."]
    for rung in verdict.rungs:
        low, high = rung.accuracy_change_ci95
        parts.append(
            f"{rung.name}: {percent(rung.accuracy)}, change {points(low)} to {points(high)} "
            f"points, {rung.outcome}."
        )
    return " ".join(parts)


def about_counts(joint: Mapping[tuple[float, float], int], correlation: float | None) -> str:
    """Tell what a scatter of counts shows."""
    total = sum(joint.values())
    same = sum(n for (x, y), n in joint.items() if x == y)
    furthest = max((abs(x - y) for x, y in joint), default=0.0)
    text = (
        f"Of {total:,} pairs of sample and neuron, {percent(same / total if total else 1.0)} have "
        f"the same count in both"
    )
    text += "." if same == total else f"; counts differ by {furthest:g} at most."
    return text if correlation is None else f"{text} Their correlation is {correlation:.4g}."


def sample_sentence(close: CloseUp, classes: Sequence[str]) -> str:
    """Tell which sample is looked at, and what the runs made of it."""
    ours, theirs = (classes[int(r.prediction[0])] for r in (close.twin, close.brian2))
    text = (
        f"Sample {close.sample} is of class {classes[close.label]}; the torch twin says {ours}, "
        f"Brian2 {theirs}."
    )
    if close.drawn_anew:
        text += (
            " On the rung Brian2 said otherwise: noise within a run depends on which samples run "
            "together, and this sample ran alone for these figures."
        )
    return text


def about_raster(close: CloseUp) -> str:
    """Tell what a raster shows, over all neurons of the population."""
    name = close.population.name
    coarse = close.brian2.steps // close.twin.steps
    ours, theirs = close.twin.raster(name)[:, 0], close.brian2.raster(name, coarse)[:, 0]
    one, other = ours != 0, theirs != 0
    text = (
        f"Of the {close.population.size:,} neurons of {name}, in steps of the torch twin: "
        f"{number(int((ours == theirs)[one].sum()))} of the spikes are in both, "
        f"{number(int((one & ~other).sum()))} in the twin only, "
        f"{number(int((other & ~one).sum()))} in Brian2 only"
    )
    if changed := int((one & other & (ours != theirs)).sum()):
        text += f", {changed:,} in both with another value or number"
    return text + "."


def about_traces(close: CloseUp) -> str:
    """Tell how far the two potentials are apart."""
    name, v = close.population.name, close.variable
    coarse = close.brian2.steps // close.twin.steps
    ours = close.twin.traces[name][v].reshape(close.twin.steps, -1)[:, close.neuron]
    fine = close.brian2.traces[name][v].reshape(close.brian2.steps, -1)[:, close.neuron]
    # Both have a value at the end of each step of the twin, and Brian2 others in between.
    apart = np.abs(fine[coarse - 1 :: coarse] - ours)
    when = "at the end of every step" + (" of the torch twin" if coarse > 1 else "")
    between = "; in between only Brian2 has values" if coarse > 1 else ""
    text = f"{v} of neuron {close.neuron} of {name}: "
    if not apart.max() > 1e-9 * max(1.0, float(np.abs(ours).max())):
        return f"{text}both have the same potential {when}{between}."
    step = int(apart.argmax())
    text += (
        f"the potentials are {apart.max():.3g} apart at most, "
        f"at {(step + 1) * close.twin.dt * 1e3:.4g} ms{between}"
    )
    if close.fires:
        fired = [
            int((r.events(name).node == close.neuron).sum()) for r in (close.twin, close.brian2)
        ]
        text += f"; the twin fires {fired[0]} times, Brian2 {fired[1]}"
    return text + "."


def about_confusion(matrix: np.ndarray, classes: Sequence[str]) -> str:
    """Tell how many predictions are right, and which mistakes are the most frequent."""
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    text = f"{int(np.trace(matrix)):,} of {int(matrix.sum()):,} samples are right."
    order = np.argsort(-wrong, axis=None, kind="stable")[:3]
    pairs = [np.unravel_index(place, wrong.shape) for place in order]
    told = [
        f"{classes[int(i)]} taken for {classes[int(j)]} ({wrong[i, j]})"
        for i, j in pairs
        if wrong[i, j]
    ]
    return f"{text} Most frequent mistakes: {', '.join(told)}." if told else text


def about_attribution(costs: Mapping[str, Mapping[str, float]], of: str) -> str:
    """Tell what each perturbation costs."""
    told = (
        f"{name}: {cost(lost['alone'])} alone, {cost(lost['share'])} as its share, "
        f"{cost(lost['last'])} on top of the others"
        for name, lost in costs.items()
    )
    return f"Points of {of} lost. {'. '.join(told)}."


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"
