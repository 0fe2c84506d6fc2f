"""Write the result of `bench own`: JSON and a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from brianbridge.bench.report import machine_and_versions
from brianbridge.io.atomic import writable_folder, write_whole

__all__ = ["own_as_markdown", "write_own"]

_HEAD = (
    "| neurons | synapses | spikes | differing | first: plain / ours (s) | ratio "
    "| later: plain / ours (s) | ratio | memory: plain / ours (MB) | ratio | reading (s) |"
)


def write_own(result: dict[str, Any], out: Path) -> list[Path]:
    """Write ``own.json`` and ``own.md`` into a folder.

    Parameters
    ----------
    result : dict
        The result of `bench_own`.
    out : Path
        The folder.
    """
    writable_folder(out)
    texts = {"own.json": json.dumps(result, indent=2) + "\n", "own.md": own_as_markdown(result)}
    return [write_whole(out / name, text) for name, text in texts.items()]


def own_as_markdown(result: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    provenance = result["provenance"]
    lines = [
        "# One presentation of a user's own network, beside plain Brian2",
        "",
        f"`{provenance.get('command', 'brianbridge bench own')}`, seed {result['seed']}, "
        f"{machine_and_versions(provenance)}.",
        "",
        f"Random networks of leaky neurons with two variables, {result['seconds']:g} s at 0.1 ms. "
        "Plain Brian2 (Cython) and brianbridge take turns in one process; times are CPU seconds. "
        "Those of later presentations are medians of "
        f"{result['rounds']}, and so is their ratio. Memory is the peak of a fresh process, which "
        "in both cases holds the user's Brian2 objects.",
        "",
        _HEAD,
        "|" + "---|" * (_HEAD.count("|") - 1),
        *(_row(row) for row in result["rows"]),
    ]
    for row in result.get("stream", []):
        lines += [
            "",
            f"{row['biological_seconds']:g} s of {row['neurons']:,} neurons, written to a spike "
            f"file while they run: {row['seconds']:.0f} s, {row['spikes']:,} spikes, a file of "
            f"{row['file_mb']:.0f} MB, peak memory {row['peak_mb']:.0f} MB.",
        ]
    return "\n".join(lines) + "\n"


def _row(row: dict[str, Any]) -> str:
    cells = [
        f"{row['neurons']:,}",
        f"{row['synapses']:,}",
        f"{row['spikes']:,}",
        f"{row['differing_spikes']}",
        f"{row['plain_first']:.2f} / {row['ours_first']:.2f}",
        f"{row['ours_first'] / row['plain_first']:.2f}",
        f"{row['plain']:.2f} / {row['ours']:.2f}",
        f"{row['ratio']:.2f}",
        *_memory(row["plain_mb"], row["ours_mb"]),
        f"{row['reading']:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _memory(plain: float | None, ours: float | None) -> tuple[str, str]:
    """Return both and their ratio; empty where the system does not report memory."""
    if plain is None or ours is None:
        return "", ""
    return f"{plain:.0f} / {ours:.0f}", f"{ours / plain:.2f}"
