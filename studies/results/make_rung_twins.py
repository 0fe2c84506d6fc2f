"""Compare Brian2 with the twin of each rung of the default ladder, on the kept networks.

    python studies/results/make_rung_twins.py [NAME ...] [--samples 20]

NAME is a file of studies/trained without ``.h5``; by default all networks for Fashion-MNIST. Writes
studies/results/rung_twins.json and .md: how many spikes differ on each rung. Results of networks
that are not named stay, as long as their files do.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from make_ladders import STUDIES

import brianbridge as bb
from brianbridge.provenance import collect
from brianbridge.study.data import first_samples, held_out

RESULTS = STUDIES / "results"


def compared(name: str, samples: int) -> dict[str, Any]:
    """Return the comparison of each rung of a network, by the rung's name."""
    network = bb.load_network(STUDIES / "trained" / f"{name}.h5")
    test = held_out(network.provenance, network.provenance["dataset"]["name"])
    verdict = bb.verify(network, first_samples(test, samples), "default", name=name)
    found = {}
    for rung in verdict.rungs:
        if rung.perturbations:
            found[rung.name] = rung.bridge
            print(name, rung.name, rung.bridge, flush=True)
    return found


def _cell(found: dict[str, int] | None) -> str:
    return "-" if found is None else f"{found['mismatches']:,} of {found['spikes']:,}"


def main() -> None:
    """Compare, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--samples", type=int, default=20)
    given = parser.parse_args()
    every = sorted(path.stem for path in (STUDIES / "trained").glob("fashion_mnist_*.h5"))
    file = RESULTS / "rung_twins.json"
    found = json.loads(file.read_text())["networks"] if file.exists() else {}
    for name in given.names or every:
        rungs = compared(name, given.samples)
        found[name] = {"rungs": rungs, "samples": given.samples, "provenance": collect(seed=0)}
    found = {name: found[name] for name in every if name in found}
    file.write_text(json.dumps({"networks": found}, indent=2, default=str) + "\n")
    (RESULTS / "rung_twins.md").write_text(page(found))


def page(found: dict[str, dict[str, Any]]) -> str:
    """Return the table in Markdown."""
    rungs = list(dict.fromkeys(rung for one in found.values() for rung in one["rungs"]))
    heads = ["rung", *(f"`{name.removeprefix('fashion_mnist_')}`" for name in found)]
    rows = [heads, ["---"] * len(heads)]
    for rung in rungs:
        cells = [one["rungs"].get(rung) for one in found.values()]
        rows.append([rung, *map(_cell, cells)])
    origins = [one["provenance"] for one in found.values()]
    rows.insert(2, ["date", *(origin["date"][:10] for origin in origins)])
    rows.insert(3, ["images", *(str(one["samples"]) for one in found.values())])
    machine = origins[0]["machine"]
    text = [
        "# Brian2 and the twin of each rung", "",
        "Cells (step, sample, neuron) that differ between Brian2 and the twin of the same rung, "
        "and the spikes of Brian2; -: the rung does not apply. "
        "`python studies/results/make_rung_twins.py [NAME ...]`, "
        f"{machine['cores']} cores, {machine['memory_gb']:.0f} GB.",
        "", *("| " + " | ".join(cells) + " |" for cells in rows),
    ]  # fmt: skip
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
