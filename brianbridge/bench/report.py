"""Write the result of `bench simulate`: JSON, a table, and a plot."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from brianbridge.bench.regimes import charged_line
from brianbridge.io.atomic import writable_folder, write_whole

__all__ = ["as_markdown", "machine_and_versions", "write_report"]


def machine_and_versions(provenance: dict[str, Any]) -> str:
    """Return date, machine and versions of a result, in one line."""
    machine, versions = provenance["machine"], provenance["versions"]
    libraries = ", ".join(f"{key} {versions[key]}" for key in sorted(versions) if versions[key])
    memory = f", {machine['memory_gb']:.0f} GB" if machine.get("memory_gb") else ""
    size = f"{machine['cores']} cores{memory}, {machine['processor']}"
    return f"{provenance['date']}, {size}; {libraries}"


def write_report(result: dict[str, Any], out: Path, name: str = "simulate") -> list[Path]:
    """Write ``NAME.json``, ``NAME.md`` and ``NAME.png``.

    Parameters
    ----------
    result : dict
        The result of `bench_simulate`.
    out : Path
        The folder.
    name : str
        Name of the files.
    """
    writable_folder(out)
    texts = {"json": json.dumps(result, indent=2) + "\n", "md": as_markdown(result, name)}
    written = []
    for suffix, text in texts.items():
        written.append(write_whole(out / f"{name}.{suffix}", text))
    written.append(_plot(result, out / f"{name}.png"))
    return written


def as_markdown(result: dict[str, Any], name: str = "simulate") -> str:
    """Return the tables as Markdown."""
    samples, provenance = result["samples"], result["provenance"]
    timed, title = bool(result["rows"]), f"Seconds for {samples:,} samples"
    contestants = (
        "In brackets: the ratio to the batched path, timed again before and after each. "
        "Slow paths were measured on the given number of samples and scaled; times of quick paths "
        "are the median of three. Compiling is not included, and encoding only where it says so. "
        "All spikes were compared, and none differs."
    )
    lines = [
        f"# {title if timed else 'How a simulation grows'}",
        "",
        f"`{provenance.get('command', 'brianbridge bench simulate')}`, "
        f"{machine_and_versions(provenance)}. "
        f"Data: {provenance['dataset']}, {result['input_spikes_per_sample']:.0f} input spikes per "
        f"sample. {contestants if timed else 'Compiling is not included.'}",
    ]
    lines += _regime_lines(result, samples)
    if "high_activity" in result:
        busy = result["high_activity"]
        hidden = f"{busy['hidden_spikes_per_sample']:,.0f} hidden spikes per sample"
        lines += ["", f"## High activity: {hidden}", "", "The weights of the input are larger."]
        lines += _regime_lines(busy, samples)
    lines += _scaling_lines(result.get("scaling", {}))
    if "peak_memory_mb" in result:
        lines += ["", f"Peak memory of a process that simulates {samples:,} samples: "
                  f"{result['peak_memory_mb']:.0f} MB."]  # fmt: skip
    if "bytes_per_spike" in result:
        lines += ["", f"Each spike that is kept takes {result['bytes_per_spike']:.1f} bytes of the "
                  "peak memory."]  # fmt: skip
    if "scaling" in result:
        lines += ["", f"![Scaling]({name}.png)"]
    return "\n".join(lines) + "\n"


def _regime_lines(result: dict[str, Any], samples: int) -> list[str]:
    """Return the table of contestants at one activity, and the times with encoding."""
    dts = sorted({row["dt_ms"] for row in result["rows"]}, reverse=True)
    names = list(dict.fromkeys(row["name"] for row in result["rows"]))
    cells = {(row["name"], row["dt_ms"]): row for row in result["rows"]}
    ratios = {(r["name"], r["dt_ms"]): r["ratio"] for r in result["ratios"]}
    lines = []
    if names:
        lines += ["", "| | " + " | ".join(f"dt = {dt:g} ms" for dt in dts) + " |"]
        lines += ["|---|" + "---|" * len(dts)]
    for name in names:
        row = [_cell(cells.get((name, dt)), ratios.get((name, dt)), samples) for dt in dts]
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    for found in result.get("with_encoding", []):
        lines += ["", f"{charged_line(found)}."]
    return lines


def _cell(row: dict[str, Any] | None, ratio: float | None, samples: int) -> str:
    if row is None:
        return ""
    fewer = "" if row["measured_samples"] == samples else f", from {row['measured_samples']:,}"
    times = "" if ratio is None else f" ({ratio:.2g}x{fewer})"
    return f"{row['seconds']:.3g}{times}"


def _scaling_lines(scaling: dict[str, Any]) -> list[str]:
    lines = []
    for key, points in scaling.items():
        times = ", ".join(
            f"{p[key]:,}: {p['seconds']:.2f} s and {p['ns_per_operation']:.3f} ns an operation"
            for p in points
        )
        lines += ["", f"Batched path over {key}: {times}."]
    if scaling:
        lines += [
            "",
            "An operation is a spike that arrives through a synapse, or the update of a neuron. "
            "More steps have fewer samples, and neurons always have the same number of synapses.",
        ]
    return lines


def _bars(axis: Any, result: dict[str, Any]) -> None:
    """Draw how long each contestant takes at the longest step."""
    longest = max(row["dt_ms"] for row in result["rows"])
    rows = [row for row in result["rows"] if row["dt_ms"] == longest]
    rows = sorted(rows, key=lambda row: -row["seconds"])
    colours = ["#c44e52" if row["name"] == "batched" else "#8c8c8c" for row in rows]
    axis.barh([row["name"] for row in rows], [row["seconds"] for row in rows], color=colours)
    axis.set_xscale("log")
    axis.set_xlabel(f"seconds for {result['samples']:,} samples")


def _plot(result: dict[str, Any], path: Path) -> Path:
    from matplotlib.figure import Figure

    scaling, timed = result.get("scaling", {}), int(bool(result["rows"]))
    figure = Figure(figsize=(4 * timed + 3 * len(scaling), 3.4), layout="constrained")
    axes = figure.subplots(1, timed + len(scaling), squeeze=False)[0]
    if timed:
        _bars(axes[0], result)
    for axis, (key, points) in zip(axes[timed:], scaling.items(), strict=True):
        x, y = [p[key] for p in points], [p["ns_per_operation"] for p in points]
        axis.semilogx(x, y, "o-", color="#c44e52")
        axis.set_ylim(0, 1.1 * max(y))
        axis.set_xlabel(key)
        axis.set_ylabel("ns an operation, batched")
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=150)
    return write_whole(path, content.getbuffer())
