"""Draw accuracy against that of the worst rung, before and after a network was trained on.

    python studies/results/make_robustness.py

Reads the verdicts in studies/results/ladders, which make_ladders.py wrote. A verdict is paired with
that of the network from which the network was started, as the provenance of its file says. Writes
studies/results/robustness.md and robustness.png. Needs the extra ``plot``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from make_ladders import FOLDER, STUDIES, kept, when_and_where

import brianbridge as bb
from brianbridge.plots import plot_robustness
from brianbridge.plots.robustness import worst_rungs

RESULTS = STUDIES / "results"
PREFIX = "fashion_mnist_"
#: Networks that also have verdicts with the same weights and more time (``NAME_...``): these were
#: not trained, so that provenance does not tell them apart.
SAME_WEIGHTS = ("fashion_mnist_first_spike_finer",)


def starts(provenance: Mapping[str, Any]) -> Iterator[str]:
    """Yield the networks from which a network was started, the last one first."""
    while "start" in provenance:
        yield provenance["start"]["file"].rpartition("/")[2].removesuffix(".h5")
        provenance = provenance["start"].get("provenance", {})


def starts_of_kept(name: str) -> Iterator[str]:
    """Yield the networks from which a network of studies/trained was started."""
    for base in SAME_WEIGHTS:
        if name.startswith(f"{base}_"):
            yield base
    path = STUDIES / "trained" / f"{name}.h5"
    if path.exists():
        yield from starts(bb.load_network(path).provenance)


def paired(
    verdicts: Iterable[Any], starts_of: Callable[[str], Iterable[str]] = starts_of_kept
) -> list[tuple[Any, ...]]:
    """Return pairs of verdicts, before and after, and those without a pair alone.

    The verdict before is that of the last network on the way that has one.
    """
    known = {verdict.network: verdict for verdict in verdicts}
    pairs = []
    for name, after in known.items():
        before = next((start for start in starts_of(name) if start in known), None)
        if before is not None:
            pairs.append((known[before], after))
    used = {verdict.network for pair in pairs for verdict in pair}
    return [(verdict,) for name, verdict in known.items() if name not in used] + pairs


def as_result(name: str, verdict: Mapping[str, Any]) -> SimpleNamespace:
    """Return what is needed of a verdict; its file tells the name of the network."""
    return SimpleNamespace(
        network=name,
        samples=verdict["dataset"]["samples"],
        twin=SimpleNamespace(accuracy=verdict["twin"]["accuracy"]),
        rungs=[SimpleNamespace(**rung) for rung in verdict["rungs"]],
        skipped=verdict["skipped"],
    )


def _short(name: str) -> str:
    return name.removeprefix(PREFIX)


def _arrow(values: Sequence[float]) -> str:
    return " → ".join(f"{value:.2%}" for value in values)


def row(history: Sequence[Any], limited: bool) -> list[str]:
    """Return a row of the table: each of the worst rungs has its accuracies before and after."""
    worst = []
    for found in worst_rungs(history, limited=limited):
        same = [next(r for r in v.rungs if r.name == found.name) for v in history]
        worst.append(f"{_arrow([rung.accuracy for rung in same])} ({found.name})")
    images = dict.fromkeys(f"{verdict.samples:,}" for verdict in history)
    return [
        " → ".join(f"`{_short(verdict.network)}`" for verdict in history),
        " → ".join(images),
        _arrow([verdict.twin.accuracy for verdict in history]),
        *worst, *["-"] * (2 - len(worst)),
    ]  # fmt: skip


def table(histories: Sequence[Sequence[Any]], limited: bool) -> list[str]:
    """Return a table in Markdown."""
    head = ["network", "test images", "parity", "worst rung before", "worst rung after"]
    rows = [head, ["---"] * len(head), *(row(history, limited) for history in histories)]
    return ["| " + " | ".join(cells) + " |" for cells in rows]


def left_out(histories: Sequence[Sequence[Any]]) -> list[str]:
    """Return a line for each rung that only one of a pair has."""
    lines = []
    for history in histories:
        if len(history) == 1:
            continue
        names = [{rung.name for rung in verdict.rungs} for verdict in history]
        for verdict, own, other in zip(history, names, reversed(names), strict=True):
            lines += [
                f"- `{_short(verdict.network)}` has no rung '{name}': "
                f"{verdict.skipped.get(name, 'its ladder does not name it')}."
                for name in sorted(other - own)
            ]
    return lines


def page(histories: Sequence[Sequence[Any]], origin: str) -> str:
    """Return the page."""
    missing = left_out(histories)
    several = any(len({verdict.samples for verdict in history}) > 1 for history in histories)
    return "\n".join([
        "# The worst rung, before and after", "",
        "Accuracy at parity and on the worst rung of the default ladder. An arrow leads from a "
        "network to the one that was trained on from it, or to the same one with more time. "
        "Both worst rungs are named with their accuracies before and after, because another rung "
        "may be the worst one after. A pair is compared on the rungs that both have."
        + (" Where the numbers of test images differ, some of a difference is chance, and "
           "accuracies at parity differ for that reason, too." if several else ""),
        "",
        f"`python studies/results/make_robustness.py`, from verdicts of {origin}. All rungs: "
        "[ladders.md](ladders.md).", "",
        "![Accuracy at parity and on the worst rung](robustness.png)", "",
        "Hollow: before. Filled: after. Left: rungs for which the ladder sets a limit. Right: all "
        "rungs, also those that make another network of it (other neurons, conductances).", "",
        "## Rungs with a limit", "", *table(histories, limited=True), "",
        "## All rungs", "", *table(histories, limited=False), "",
        *(["## Rungs that only one of a pair has", "", *missing, ""] if missing else []),
    ])  # fmt: skip


def figure(histories: Sequence[Sequence[Any]]) -> Any:
    """Return the figure: rungs with a limit, and all rungs."""
    shown = [
        tuple(SimpleNamespace(**{**vars(v), "network": _short(v.network)}) for v in history)
        for history in histories
    ]
    drawn, (left, right) = plt.subplots(1, 2, figsize=(8.2, 4.4), sharey=True, layout="constrained")
    plot_robustness(shown, limited=True, ax=left).get_legend().remove()
    plot_robustness(shown, ax=right).set_ylabel("")
    left.set_title("rungs with a limit", fontsize="medium", loc="left")
    right.set_title("all rungs", fontsize="medium", loc="left")
    return drawn


def main() -> None:
    """Write the page and its figure."""
    verdicts, names = kept(FOLDER), [path.stem for path in sorted(FOLDER.glob("*.json"))]
    histories = paired(map(as_result, names, verdicts))
    figure(histories).savefig(RESULTS / "robustness.png", dpi=200)
    (RESULTS / "robustness.md").write_text(page(histories, when_and_where(verdicts)))


if __name__ == "__main__":
    main()
