"""Run the default ladder on kept networks, and write verdicts, reports and one table.

    python studies/results/make_ladders.py [NAME ...] [--samples 10000] [--workers 2]

NAME is a file of studies/trained without ``.h5``; by default all networks for Fashion-MNIST. Writes
studies/results/ladders/NAME.json and NAME.html, and ladders.md with all verdicts of that folder.
"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import brianbridge as bb
from brianbridge.report import write_report
from brianbridge.study.data import first_samples, held_out
from brianbridge.sweep import Sweep, connected

STUDIES = Path(__file__).parents[1]
FOLDER = STUDIES / "results" / "ladders"


def run_ladder(name: str, samples: int, client: Any) -> None:
    """Verify a kept network, and write verdict and report."""
    network = bb.load_network(STUDIES / "trained" / f"{name}.h5")
    test = held_out(network.provenance, network.provenance["dataset"]["name"])
    verdict = bb.verify(
        network, first_samples(test, samples), "default", name=name,
        execution=Sweep(client=client, folder=STUDIES.parent / "runs" / "ladders"),
        on_rung=lambda found: print(name, found.name, f"{found.accuracy:.2%}", flush=True),
    )  # fmt: skip
    verdict.save(FOLDER / f"{name}.json")
    data = network.provenance["dataset"]["name"]
    write_report(
        verdict,
        FOLDER / f"{name}.html",
        command=f"brianbridge verify {name}.h5 --data {data} --ladder default --samples {samples}",
    )


def kept(folder: Path) -> list[dict[str, Any]]:
    """Return all verdicts in a folder."""
    verdicts = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    # Before schema 3 the twin was called the surrogate.
    return [{**v, "twin": v.get("twin", v.get("surrogate"))} for v in verdicts]


def when_and_where(verdicts: list[dict[str, Any]]) -> str:
    """Return the dates of the verdicts, and the size of the machine."""
    dates = [v["provenance"]["date"][:10] for v in verdicts]
    machine = verdicts[0]["provenance"]["machine"]
    days = " to ".join(dict.fromkeys((min(dates), max(dates))))
    return f"{days}, {machine['cores']} cores, {machine['memory_gb']:.0f} GB"


def accuracy_and_spikes(run: dict[str, Any]) -> str:
    """Return both as text; spikes are given by population or, for a remedy, as one number."""
    spikes = run["spikes_per_sample"]
    total = sum(spikes.values()) if isinstance(spikes, dict) else spikes
    return f"{run['accuracy']:.2%}, {total:,.0f}"


def table(verdicts: list[dict[str, Any]]) -> list[str]:
    """Return a table in Markdown with a row for each rung and a column for each network."""
    names = [v["network"] for v in verdicts]
    rungs = list(dict.fromkeys(r["name"] for v in verdicts for r in v["rungs"]))
    found = [{r["name"]: r for r in v["rungs"]} for v in verdicts]
    images = ["test images", *(f"{v['dataset']['samples']:,}" for v in verdicts)]
    head = ["torch twin", *(f"{v['twin']['accuracy']:.2%}" for v in verdicts)]
    rows = [[rung, *(_cell(of.get(rung)) for of in found)] for rung in rungs]
    lines = [["condition", *(f"`{name}`" for name in names)], ["---"] * (len(names) + 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (*lines, images, head, *rows)]


def _cell(rung: dict[str, Any] | None) -> str:
    """Return accuracy and spikes, marked as (fell short), ? undecided, ~ without a limit."""
    if rung is None:
        return "-"
    text = accuracy_and_spikes(rung)
    marked = {"fell short": f"({text})", "undecided": f"? {text}", "no limit": f"~ {text}"}
    return marked.get(rung["outcome"], text)


def main() -> None:
    """Run the ladders and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--workers", type=int)
    given = parser.parse_args()
    names = sorted(path.stem for path in (STUDIES / "trained").glob("fashion_mnist_*.h5"))
    FOLDER.mkdir(exist_ok=True)
    with ExitStack() as stack:
        client = stack.enter_context(connected(given.workers)) if given.workers else None
        for name in given.names or names:
            run_ladder(name, given.samples, client)
    verdicts = kept(FOLDER)
    lines = [
        "# The default ladder on the kept networks", "",
        "Accuracy in Brian2, and spikes per sample without those of the input. In brackets: the "
        "rung fell short of its tolerance (2 points of accuracy, unless the ladder says "
        "otherwise). ?: the samples do not decide. ~: the ladder sets no limit. -: the rung does "
        "not apply. `python studies/results/make_ladders.py NAME ... --samples N`, "
        f"{when_and_where(verdicts)}. "
        "Reports: [ladders](ladders); what was learned: [docs/learned.md](../../docs/learned.md).",
        "",
        *table(verdicts),
    ]  # fmt: skip
    (STUDIES / "results" / "ladders.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
