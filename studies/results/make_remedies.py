"""Try remedies on the kept networks, on the rungs that cost most, and write one table.

    python studies/results/make_remedies.py [NAME ...] [--samples 1000]

NAME is a ladder of studies/remedies, and the network of studies/trained that it is for; by default
all of them. Writes studies/results/remedies/NAME.json, and remedies.md with all verdicts of that
folder. Changed networks go to runs/remedies/NAME, and so do finished results, so that the same
command resumes after an interruption.
"""

from __future__ import annotations

import argparse
from typing import Any

from make_ladders import STUDIES, accuracy_and_spikes, kept, when_and_where

import brianbridge as bb
from brianbridge.study.data import first_samples, split_of
from brianbridge.sweep import Sweep, delete_kept

FOLDER = STUDIES / "results" / "remedies"


def run_ladder(name: str, samples: int) -> None:
    """Verify a kept network with the remedies of its ladder, and write the verdict."""
    network = bb.load_network(STUDIES / "trained" / f"{name}.h5")
    train, test = split_of(network.provenance, network.provenance["dataset"]["name"])
    out = STUDIES.parent / "runs" / "remedies" / name
    out.mkdir(parents=True, exist_ok=True)
    verdict = bb.verify(
        network, first_samples(test, samples), STUDIES / "remedies" / f"{name}.toml",
        name=name, train=train, execution=Sweep(folder=out / "unfinished"),
        on_rung=lambda found: print(name, found.name, f"{found.accuracy:.2%}", flush=True),
    )  # fmt: skip
    verdict.save(out / "verdict.json")
    delete_kept(out / "unfinished")
    (FOLDER / f"{name}.json").write_text(verdict.to_json() + "\n", encoding="utf-8")


def rows(verdict: dict[str, Any]) -> list[str]:
    """Return a row of the table for each rung of a verdict."""
    lines = []
    for rung in verdict["rungs"]:
        twin, tried = verdict["twin"], rung["remedies"]
        lost = twin["accuracy"] - rung["accuracy"]
        back = (tried["fine_tuned"]["accuracy"] - rung["accuracy"]) / lost
        runs = (twin, rung, tried.get("calibrated"), tried["fine_tuned"])
        texts = ["-" if run is None else accuracy_and_spikes(run) for run in runs]
        samples = f"{verdict['dataset']['samples']:,}"
        cells = (f"`{verdict['network']}`", samples, rung["name"], *texts, f"{back:.0%}")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Try the remedies and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--samples", type=int, default=1000)
    given = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for name in given.names or sorted(path.stem for path in (STUDIES / "remedies").glob("*.toml")):
        run_ladder(name, given.samples)
    verdicts = kept(FOLDER)
    lines = [
        "# What remedies win back on the rungs that cost most", "",
        "Accuracy and spikes per sample of the torch twin; of Brian2 on the rung; with calibrated "
        "thresholds; and fine-tuned with Brian2 in the loop, starting from the calibrated network "
        "(or from the trained network, if there is a dash). Won back: share of the accuracy that "
        "the rung costs. Each row has one device and one training, as in "
        "[studies/remedies](../remedies). Remedies used training samples only. The effect of the "
        "same training without the loop was measured on other networks "
        "([in_the_loop.md](in_the_loop.md)), not here. "
        f"`python studies/results/make_remedies.py --samples N`, {when_and_where(verdicts)}.", "",
        "| network | test images | rung | twin | Brian2 | calibrated | and fine-tuned | won back |",
        "|---|---|---|---|---|---|---|---|",
        *(line for verdict in verdicts for line in rows(verdict)),
    ]  # fmt: skip
    (STUDIES / "results" / "remedies.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
