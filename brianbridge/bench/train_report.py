"""Write the result of `bench train`: JSON, tables, and a plot."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from brianbridge.bench.learners import ANN, DEFINITION
from brianbridge.bench.peers import PEERS
from brianbridge.bench.report import machine_and_versions
from brianbridge.io.atomic import writable_folder, write_whole

__all__ = ["train_as_markdown", "write_train"]

_HEAD = (
    "| | ms a step | s an epoch | peak memory (MB) | times as fast as the fastest peer "
    "| difference of gradients |"
)


def write_train(result: dict[str, Any], out: Path) -> list[Path]:
    """Write ``train.json``, ``train.md`` and ``train.png``.

    Parameters
    ----------
    result : dict
        The result of `bench_train`.
    out : Path
        The folder.
    """
    writable_folder(out)
    text = json.dumps(result, indent=2) + "\n"
    texts = {"train.json": text, "train.md": train_as_markdown(result)}
    written = [write_whole(out / name, text) for name, text in texts.items()]
    return [*written, _plot(result, out / "train.png")]


def train_as_markdown(result: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    provenance = result["provenance"]
    lines = [
        "# A step of training, beside other frameworks",
        "",
        f"`{provenance.get('command', 'brianbridge bench train')}`, "
        f"{machine_and_versions(provenance)}.",
        "",
        "A step is forward, backward and Adam on one batch of random spikes, with cross entropy of "
        "the output counts; encoding is not part of it. All contestants start from the same "
        "weights and take turns in one process; times are medians of "
        f"{result['repeats']} rounds, and so are ratios. Peak memory is the high-water mark of the "
        "resident memory in a fresh process for each, above what the process held before the step "
        "(weights, input and Adam's state). The epoch has 60,000 samples. Difference of gradients: "
        f"the largest from the *{DEFINITION}*, which is the neuron's definition differentiated by "
        "torch, relative to the largest element, in float32 / float64.",
        "",
        "Neurons are leaky (0.9 is kept in a step), with reset by subtraction and the derivative "
        "of the arctan. All apply each projection to all steps at once. Frameworks: "
        + "; ".join(f"{PEERS[name].title}: {PEERS[name].how}" for name in result["peers"])
        + ("." if result["peers"] else "none."),
    ]  # fmt: skip
    for table in result["tables"]:
        lines += ["", f"## {_title(table)}", "", _about(table), ""]
        lines += [_HEAD, "|" + "---|" * (_HEAD.count("|") - 1)]
        lines += [_row(row, table["fastest_peer"]) for row in table["rows"]]
    if result["sweep"]:
        lines += ["", "![Time of a step](train.png)"]
    return "\n".join(lines) + "\n"


def _title(table: dict[str, Any]) -> str:
    setup = table["setup"]
    return f"{table['text']}, T = {setup['steps']}, batch {setup['batch']}"


def _about(table: dict[str, Any]) -> str:
    return (
        f"{100 * table['setup']['activity']:g} % of the input neurons and "
        f"{100 * table['hidden_activity']:.1f} % of the hidden neurons fire in a step."
    )


def label_of(name: str) -> str:
    """Return the name of a contestant in tables."""
    if name == ANN:
        return "ANN of the same shape, one pass"
    if name == DEFINITION:
        return "definition, by torch's autograd"
    return PEERS[name].title if name in PEERS else f"brianbridge, `{name}`"


def _row(row: dict[str, Any], fastest: str | None) -> str:
    ratio, peak, difference = row["times_fastest_peer"], row["peak_mb"], row["difference"]
    cells = [
        label_of(row["name"]),
        f"{row['ms']:.1f}",
        f"{row['epoch_s']:.1f}",
        "" if peak is None else f"{peak:.0f}",
        "" if ratio is None or row["name"] == fastest else f"{ratio:.2f}",
        "" if not difference else " / ".join(f"{value:.1g}" for value in difference.values()),
    ]
    return f"| {' | '.join(cells)} |"


def _plot(result: dict[str, Any], path: Path) -> Path:
    """Draw the time of a step: bars, or lines over the sweep, for each network."""
    from matplotlib.figure import Figure

    shapes = list(dict.fromkeys(table["setup"]["shape"] for table in result["tables"]))
    figure = Figure(figsize=(1.5 + 4.5 * len(shapes), 3.4), layout="constrained")
    for axis, shape in zip(figure.subplots(1, len(shapes), squeeze=False)[0], shapes, strict=True):
        tables = [table for table in result["tables"] if table["setup"]["shape"] == shape]
        draw = _lines if result["sweep"] else _bars
        draw(axis, tables, result["sweep"])
        axis.set_title(tables[0]["text"] if not result["sweep"] else shape, fontsize="medium")
        axis.spines[["top", "right"]].set_visible(False)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=150)
    return write_whole(path, content.getbuffer())


def _plain(name: str) -> str:
    """Return the label of a contestant in a figure, without Markdown."""
    return label_of(name).replace("`", "")


def _colour(name: str, position: int) -> str:
    return f"C{position}" if name not in (ANN, DEFINITION) else "#8c8c8c"


def _bars(axis: Any, tables: list[dict[str, Any]], sweep: str | None) -> None:
    rows = tables[0]["rows"][::-1]
    colours = [_colour(row["name"], 3 if row["name"] not in PEERS else 0) for row in rows]
    axis.barh([_plain(row["name"]) for row in rows], [row["ms"] for row in rows], color=colours)
    axis.set_xlabel("ms a step")


def _lines(axis: Any, tables: list[dict[str, Any]], sweep: str) -> None:
    names = [row["name"] for row in tables[0]["rows"]]
    for position, name in enumerate(names):
        points = [
            (table["setup"][sweep], row["ms"])
            for table in tables for row in table["rows"] if row["name"] == name
        ]  # fmt: skip
        style = "--" if name in PEERS else ":" if name in (ANN, DEFINITION) else "-"
        colour = _colour(name, position)
        axis.loglog(*zip(*points, strict=True), f"o{style}", color=colour, label=_plain(name))
    axis.set_xlabel(sweep)
    axis.set_ylabel("ms a step")
    axis.legend(frameon=False, fontsize="x-small")
