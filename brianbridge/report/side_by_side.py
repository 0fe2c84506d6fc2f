"""The page that shows several verdicts side by side: before and after, or network by network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from brianbridge.ladder.outcomes import RungOutcome
from brianbridge.ladder.verdict import Verdict
from brianbridge.report.figures import ladder_figure
from brianbridge.report.page import template

__all__ = ["side_by_side"]

#: The style of each outcome.
_CLASSES = {"held": "held", "fell short": "short", "undecided": "open"}


@dataclass(frozen=True)
class _Run:
    """Hold the accuracy and the outcome of a rung, or of a twin, which has no outcome."""

    accuracy: float
    outcome: str = ""


def side_by_side(verdicts: Sequence[Verdict], origins: Sequence[str] = ()) -> str:
    """Return the page as text.

    Parameters
    ----------
    verdicts : sequence of Verdict
        At least two verdicts; columns are in their order.
    origins : sequence of str
        Where each of them is from. It tells verdicts on networks of the same name apart.
    """
    names = _names(verdicts, origins)
    span = _span(verdicts)
    drawn = (
        ladder_figure(verdict, f"ladder{number}", f"{name}: ", span)
        for number, (name, verdict) in enumerate(zip(names, verdicts, strict=True))
    )
    return str(
        template("side_by_side.html").render(
            names=names,
            sentences=list(_sentences(verdicts)),
            rows=list(_rows(verdicts)),
            classes=_CLASSES,
            ladders=[figure for figure in drawn if figure is not None],
            verdicts=list(zip(names, verdicts, strict=True)),
        )
    )


def _names(verdicts: Sequence[Verdict], origins: Sequence[str]) -> list[str]:
    """Return a name for each verdict; those of the same network have their origin, or a number."""
    names = [verdict.network for verdict in verdicts]
    apart = len(set(zip(names, origins, strict=False))) == len(names)
    return [
        f"{name} ({origins[number] if apart else names[:number].count(name) + 1})"
        if names.count(name) > 1
        else name
        for number, name in enumerate(names)
    ]


def _span(verdicts: Sequence[Verdict]) -> tuple[float, float]:
    """Return the lowest and the highest accuracy in percent that the figures show."""
    shown = [verdict.twin.accuracy for verdict in verdicts]
    for verdict in verdicts:
        for rung in verdict.rungs:
            ends = () if rung.exact else rung.accuracy_change_ci95
            shown += [rung.accuracy, *(verdict.twin.accuracy + end for end in ends)]
    margin = 0.04 * (max(shown) - min(shown)) + 1e-3
    return 100 * (min(shown) - margin), 100 * (max(shown) + margin)


def _rows(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, list[_Run | None]]]:
    """Yield the twin and each rung with its run in each verdict, or None if it was not run."""
    yield "torch twin", [_Run(verdict.twin.accuracy) for verdict in verdicts]
    by_name = [{rung.name: rung for rung in verdict.rungs} for verdict in verdicts]
    for rung in dict.fromkeys(name for rungs in by_name for name in rungs):
        found = (rungs.get(rung) for rungs in by_name)
        yield rung, [None if one is None else _Run(one.accuracy, one.outcome) for one in found]


def _sentences(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Say whether the verdicts can be compared."""
    first = verdicts[0].dataset
    same = ("sha256", "part", "samples")
    if any(verdict.dataset.get(key) != first.get(key) for verdict in verdicts for key in same):
        yield (
            "These verdicts are of different samples. A difference between them may be one of the "
            "samples."
        )
    else:
        yield f"All verdicts are of the same {first['samples']:,} samples of {first['name']}."
    digests = {verdict.about.get("sha256") for verdict in verdicts}
    if len(digests) == 1 and None not in digests:
        yield "They are of the same network."
    changed = [
        name
        for name in dict.fromkeys(rung.name for verdict in verdicts for rung in verdict.rungs)
        if _differs([r for verdict in verdicts for r in verdict.rungs if r.name == name])
    ]
    if changed:
        yield f"Rungs that have the same name and change something else: {', '.join(changed)}."


def _differs(rungs: Sequence[RungOutcome]) -> bool:
    """Tell whether rungs of one name have different perturbations or tolerances."""
    changes = [(dict(rung.perturbations), dict(rung.tolerances)) for rung in rungs]
    return any(change != changes[0] for change in changes)
