"""Collect the summaries of finished studies into studies/results: one JSON a study, one table.

python studies/results/make_tables.py runs/*/summary.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def percent(numbers: dict[str, float], key: str) -> str:
    """Return an accuracy as text."""
    return f"{100 * numbers[key]:.2f} %" if key in numbers else ""


def row(summary: dict[str, Any]) -> str:
    """Return one line of the table: the mean over folds where there are folds."""
    mean, facts = summary["mean"], summary["provenance"]
    how = f"mean of {summary['folds']} folds" if summary["folds"] else "one split"
    machine = facts["machine"]
    twin = percent(mean, "twin_accuracy_all") or percent(mean, "twin_accuracy")
    samples = f"{int(sum(part['samples'] for part in summary['parts'])):,}"
    mismatches = int(sum(part["parity_spike_mismatches"] for part in summary["parts"]))
    cells = (
        f"`{summary['study']}`", f"{how}, seed {summary['seed']}", twin, samples,
        percent(mean, "parity_accuracy"), f"{mismatches:,}", percent(mean, "dt/10_accuracy"),
        f"{mean['parity_spikes_per_sample']:.1f}", facts["date"][:10],
        f"{machine['cores']} cores, {machine['memory_gb']:.0f} GB",
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def main(paths: list[str]) -> None:
    """Copy the summaries given, and write the table of all that are here."""
    for path in paths:
        summary = json.loads(Path(path).read_text())
        text = json.dumps(summary, indent=2) + "\n"
        (HERE / f"{summary['study']}.json").write_text(text)
    found = [json.loads(p.read_text()) for p in sorted(HERE.glob("*.json"))]
    summaries = [s for s in found if "study" in s]
    versions = sorted({json.dumps(s["provenance"]["versions"]) for s in summaries})
    lines = [
        "# Results of the studies", "",
        "Each row is what `brianbridge study run STUDY` wrote to `summary.json`; this page is made "
        "by `python studies/results/make_tables.py runs/*/summary.json`. The twin's accuracy is "
        "that of all test samples; Brian2 ran as many as the fourth column says.", "",
        "| study | how | twin | samples in Brian2 | Brian2, parity | differing spikes "
        "| Brian2, dt/10 | spikes/sample | date | machine |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(row(s) for s in summaries), "",
        "Versions: " + "; ".join(
            ", ".join(f"{k} {v}" for k, v in json.loads(v).items()) for v in versions
        ) + ".",
    ]  # fmt: skip
    (HERE / "README.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
