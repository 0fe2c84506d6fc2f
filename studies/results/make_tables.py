"""Collect the summaries of finished studies into studies/results, as JSON files and one table.

python studies/results/make_tables.py runs/*/summary.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def seeds_of(summaries: list[dict[str, Any]], key: str, form: str) -> str:
    """Return a number as text: its mean over seeds, and its range."""
    found = [s["mean"][key] for s in summaries if key in s["mean"]]
    if not found:
        return ""
    if len(found) == 1:
        return form.format(found[0])
    low, high = (form.format(value) for value in (min(found), max(found)))
    if low == high:
        return low
    return f"{form.format(sum(found) / len(found))} ({low} to {high})"


def outcomes(summaries: list[dict[str, Any]]) -> str:
    """Return the outcomes of all folds and seeds, with the number of each if there are several."""
    # Older summaries, from before there were three outcomes, only say whether a fold passed.
    old = {True: "held (by estimate)", False: "fell short (by estimate)"}
    found = [p.get("outcome", old[bool(p["passed"])]) for s in summaries for p in s["parts"]]
    if len(found) == 1:
        return found[0]
    return ", ".join(f"{found.count(one)} {one}" for one in dict.fromkeys(found))


def row(summaries: list[dict[str, Any]]) -> str:
    """Return the row of a study, with all its seeds."""
    first = summaries[0]
    how = f"mean of {first['folds']} folds" if first["folds"] else "one split"
    seeds = ", ".join(str(s["seed"]) for s in summaries)
    machine = first["provenance"]["machine"]
    parts = [part for s in summaries for part in s["parts"]]
    samples = sorted({f"{int(sum(p['samples'] for p in s['parts'])):,}" for s in summaries})
    whole = "twin_accuracy_all" if "twin_accuracy_all" in first["mean"] else "twin_accuracy"
    mismatches = int(sum(part["parity_spike_mismatches"] for part in parts))
    percent, number = "{:.2%}", "{:,.0f}"
    cells = (
        f"`{first['study']}`", f"{how}, seed {seeds}", seeds_of(summaries, whole, percent),
        ", ".join(samples), seeds_of(summaries, "parity_accuracy", percent), f"{mismatches:,}",
        seeds_of(summaries, "dt/10_accuracy", percent),
        seeds_of(summaries, "parity_spikes_per_sample", "{:,.1f}"),
        seeds_of(summaries, "parity_synops_per_sample", number),
        seeds_of(summaries, "ann_macs_per_sample", number),
        outcomes(summaries), max(s["provenance"]["date"][:10] for s in summaries),
        f"{machine['cores']} cores, {machine['memory_gb']:.0f} GB",
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def before_and_after(summaries: list[dict[str, Any]]) -> str:
    """Return a row of the second table: a network before and after it was trained further."""
    percent, number = "{:.2%}", "{:,.0f}"
    mean = [s["mean"] for s in summaries]
    lost = [100 * (m["start_accuracy"] - m["parity_accuracy"]) for m in mean]
    share = [m["parity_spikes_per_sample"] / m["start_spikes_per_sample"] for m in mean]
    cells = (
        f"`{summaries[0]['study']}`", seeds_of(summaries, "start_accuracy", percent),
        seeds_of(summaries, "parity_accuracy", percent), f"{sum(lost) / len(lost):.2f}",
        seeds_of(summaries, "start_spikes_per_sample", number),
        seeds_of(summaries, "parity_spikes_per_sample", number),
        f"{sum(share) / len(share):.1%}",
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def main(paths: list[str]) -> None:
    """Copy the given summaries, and write the table of all summaries in the folder."""
    for path in paths:
        summary = json.loads(Path(path).read_text())
        text = json.dumps(summary, indent=2) + "\n"
        (HERE / f"{summary['study']}-{summary['seed']}.json").write_text(text)
    found = [json.loads(p.read_text()) for p in sorted(HERE.glob("*.json"))]
    studies: dict[str, list[dict[str, Any]]] = {}
    for summary in found:
        if "study" in summary:
            studies.setdefault(summary["study"], []).append(summary)
    trained_on = [s for s in studies.values() if "start_accuracy" in s[0]["mean"]]
    everything = [s for summaries in studies.values() for s in summaries]
    versions = sorted({json.dumps(s["provenance"]["versions"]) for s in everything})
    lines = [
        "# Results of the studies", "",
        "`brianbridge study run STUDY --seed SEED` wrote the numbers of each row to "
        "`summary.json`, and `python studies/results/make_tables.py runs/*/summary.json` made this "
        "page. The twin's accuracy is for all test samples; the fourth column says how many of "
        "them ran in Brian2. With several seeds, a number is the mean (lowest to highest). Spikes, "
        "synaptic operations and the multiply-accumulates of an artificial network of the same "
        "shape are per sample.",
        "",
        "| study | how | twin | samples in Brian2 | Brian2, parity | differing spikes "
        "| Brian2, dt/10 | spikes | synaptic operations | ANN's MACs | outcome | date | machine |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
        *(row(summaries) for summaries in studies.values()), "",
        "Trained further: each of these studies starts from a trained network and trains it under "
        "a constraint or for longer. Both networks are verified on the same samples, at parity.",
        "",
        "| study | accuracy before | after | points lost | spikes before | after | share |",
        "|---|---|---|---|---|---|---|",
        *(before_and_after(summaries) for summaries in trained_on), "",
        "Versions: " + "; ".join(
            ", ".join(f"{k} {v}" for k, v in json.loads(v).items()) for v in versions
        ) + ".",
    ]  # fmt: skip
    (HERE / "README.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
