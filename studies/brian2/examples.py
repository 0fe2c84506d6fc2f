"""Run the examples of tests/brian2_examples for a second each, and write docs/brian2.md's table.

    python studies/brian2/examples.py [NAME ...] [--ms 1000]

By default all examples run. Each runs in the user's own network, in the twin and by `simulate`, is
trained for one step, and runs again with its new weights. Writes
studies/results/brian2_examples.json, where the results of other examples stay as they are, and the
table between two markers of docs/brian2.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from brian2 import ms, prefs, start_scope

from brianbridge.errors import InputError
from brianbridge.provenance import collect

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "brian2_examples"))

from comparison import SEED, Trained, read, run_and_train  # noqa: E402
from example import NAMES, Example, build  # noqa: E402

RESULTS = ROOT / "studies" / "results" / "brian2_examples.json"
PAGE = ROOT / "docs" / "brian2.md"
BEGIN, END = "<!-- examples: begin -->", "<!-- examples: end -->"


def outcome(name: str, milliseconds: int) -> dict[str, Any]:
    """Run one example, and return what the table and the file say of it."""
    start_scope()
    started = time.perf_counter()
    example = build(name)
    found = {"name": name, "paper": example.paper, "mechanism": example.mechanism}
    if example.refused:
        found |= {"refused": refusal(example)}
    else:
        trained = run_and_train(example, milliseconds * ms, ("reference", "batched"))
        found |= {"ms": milliseconds, "neurons": neurons(example), **measured(trained)}
    seconds = round(time.perf_counter() - started, 1)
    return {**found, "seconds": seconds, "provenance": collect(seed=SEED)}


def refusal(example: Example) -> str:
    """Return the message that refuses an example."""
    try:
        read(example, 10 * ms)
    except InputError as error:
        message = str(error)
    else:
        message = "it is read"
    if example.refused not in message:
        sys.exit(f"{example.name} should be refused with '{example.refused}', but: {message}")
    return message


def neurons(example: Example) -> int:
    """Return the number of neurons that the twin simulates."""
    return sum(population.size for population in read(example, 10 * ms).populations)


def measured(trained: Trained) -> dict[str, Any]:
    """Return the numbers of one example, as JSON values."""
    before, after = trained.before, trained.after
    return {
        "spikes": before.spikes,
        "differing": before.differing,
        "trace_difference": before.largest,
        "loss": trained.losses[0],
        "loss_after_a_step": trained.losses[1],
        "differing_after_a_step": after.differing,
        "trace_difference_after_a_step": after.largest,
    }


def held(row: dict[str, Any]) -> bool:
    """Return whether an example did all that the suite asks of it."""
    return (
        row["differing"] == row["differing_after_a_step"] == 0
        and max(row["trace_difference"], row["trace_difference_after_a_step"]) <= 1e-9
        and row["loss_after_a_step"] < row["loss"]
    )


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the table."""
    lines = [
        "| example | mechanism | ms | spikes | differing | traces differ by | loss, after a step |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        who = f"[{row['paper'].partition('), ')[0]})]"
        cells = [f"{who}(../tests/brian2_examples/examples/{row['name']}.py)", row["mechanism"]]
        if "refused" in row:
            cells += ["refused: " + row["refused"].replace("|", "\\|"), "", "", "", ""]
        else:
            spikes = "none" if row["spikes"] is None else f"{row['spikes']:,}"
            differing = row["differing"] + row["differing_after_a_step"]
            largest = max(row["trace_difference"], row["trace_difference_after_a_step"])
            losses = f"{row['loss']:.4g}, {row['loss_after_a_step']:.4g}"
            cells += [str(row["ms"]), spikes, str(differing), f"{largest:.0e}", losses]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def write(rows: list[dict[str, Any]]) -> None:
    """Write the file of results and the table of the page."""
    RESULTS.write_text(json.dumps({"examples": rows}, indent=2) + "\n", encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text("\n".join([before + BEGIN, *table(rows), END + after]), encoding="utf-8")


def main() -> None:
    """Run examples and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--ms", type=int, default=1000)
    given = parser.parse_args()
    prefs.codegen.target = "numpy"
    known = json.loads(RESULTS.read_text(encoding="utf-8"))["examples"] if RESULTS.exists() else []
    rows = {row["name"]: row for row in known if row["name"] in NAMES}
    for name in given.names or NAMES:
        rows[name] = outcome(name, given.ms)
        print(name, "refused" if "refused" in rows[name] else held(rows[name]), flush=True)
        write([rows[name] for name in NAMES if name in rows])


if __name__ == "__main__":
    main()
