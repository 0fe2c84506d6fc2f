"""Write the result of ``bench parity``: JSON, and tables in Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from brianbridge.bench.parity.tally import GROUPS
from brianbridge.io.atomic import writable_folder, write_whole

__all__ = ["as_markdown", "write_report"]

_NOT_COVERED = (
    "Not covered: neurons with noise or other random numbers; synapses that fail; Brian2's own "
    "Poisson input (that of the twin is); a delay for each synapse of a sparse projection; "
    "equations that depend on time; Brian2's Cython and C++ code "
    "(NumPy's and the compiled loops of the batched path ran); single precision of state; the "
    "twin on a GPU, and in single precision. Tests cover some of these on fewer networks."
)


def write_report(result: dict[str, Any], out: Path) -> list[Path]:
    """Write ``parity.json`` and ``parity.md`` into a folder; return their paths.

    Parameters
    ----------
    result : dict
        The result of `bench_parity`.
    out : Path
        The folder.
    """
    writable_folder(out)
    texts = {"json": json.dumps(result, indent=2) + "\n", "md": as_markdown(result)}
    return [write_whole(out / f"parity.{suffix}", text) for suffix, text in texts.items()]


def as_markdown(result: dict[str, Any]) -> str:
    """Return the result as tables in Markdown: what was compared, and what differed."""
    lines = [
        "# Twin and Brian2 on random networks, spike by spike", "", _origin(result), "",
        *_table(("", "number"), _totals(result)), "",
        *_table(("compared", "networks", "neuron-steps"), _paths(result)), "",
        *_failures(result["failures"]),
        _NOT_COVERED, "",
        "What the networks consisted of. Spikes are those that populations of a neuron model "
        "fired, those that arrived over a kind of projection, or all spikes and input spikes of "
        "the networks in the row. A network may count in several rows of a table.", "",
    ]  # fmt: skip
    for group, title in GROUPS.items():
        lines += [
            *_table((title, "networks", "spikes", "differing networks"), _kinds(result, group)),
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def _origin(result: dict[str, Any]) -> str:
    provenance = result["provenance"]
    early = "**Ended early: interrupted.** " if result["interrupted"] else ""
    machine, versions = provenance["machine"], provenance["versions"]
    libraries = ", ".join(f"{key} {versions[key]}" for key in sorted(versions))
    commit = f", commit {provenance['commit'][:12]}" if provenance.get("commit") else ""
    return (
        f"{early}`{provenance.get('command', 'brianbridge bench parity')}`, {provenance['date']}, "
        f"{machine['cores']} cores, {machine['memory_gb']} GB, {machine['processor']}; "
        f"{libraries}{commit}. Seed {result['seed']}. "
        "A neuron-step is one neuron in one step of one sample; it counts once, for the twin, "
        "however many paths were compared with it. Every spike was compared: step, neuron and "
        "value. Ties that rounding would break do not occur: parameters and weights are random "
        "reals, or dyadic, so that sums are exact in any order. A difference of any cause counts."
    )


def _totals(result: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    labels = {
        "networks": "networks",
        "samples": "samples",
        "neuron_steps": "neuron-steps",
        "spikes": "spikes of the twin",
        "differing": "**differing spikes**",
        "other_outputs": "networks with equal spikes but different outputs",
        "silent_networks": "networks without any spike",
    }
    for key, name in labels.items():
        yield name, f"{result[key]:,}"
    yield (
        "silent populations",
        f"{result['silent_populations']:,} of {result['populations']:,} that can fire",
    )
    yield "refused networks", f"{sum(bool(f['refused']) for f in result['failures']):,}"
    yield "networks whose chunks several threads shared", f"{result['threaded']:,}"
    yield "seconds", f"{result['seconds']:,.0f}"
    if result["peak_memory_mb"] is not None:
        yield "peak memory", f"{result['peak_memory_mb']:.0f} MB"


def _paths(result: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    names = {"batched": "batched path with the twin", "reference": "reference path with the twin"}
    for name, found in result["paths"].items():
        yield names.get(name, name), f"{found['networks']:,}", f"{found['neuron_steps']:,}"


def _kinds(result: dict[str, Any], group: str) -> Iterator[tuple[str, ...]]:
    for kind, found in result["by"][group].items():
        yield kind, *(f"{found[key]:,}" for key in ("networks", "spikes", "differing"))


def _failures(failures: list[dict[str, Any]]) -> list[str]:
    """Return a Markdown list of the networks that differ or were refused."""
    lines = []
    for failure in failures:
        reasons = [f"refused: {failure['refused']}"] if failure["refused"] else []
        for d in failure["differences"]:
            state = ", ".join(f"{k} = {a!r} and {b!r}" for k, (a, b) in d["state"].items())
            reasons.append(
                f"{d['path']} and {d['against']} differ in {d['cells']} cells; first in step "
                f"{d['step']}, sample {d['sample']}, neuron {d['neuron']} of '{d['population']}': "
                f"{d['values'][0]:g} and {d['values'][1]:g}, with {state} at the end of the step"
            )
        reasons += [f"the output of path {name} differs" for name in failure["outputs"]]
        lines.append(
            f"- Network {failure['number']} (`{failure['reproduce']}`): {'; '.join(reasons)}"
        )
    return [*lines, ""] if lines else []


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    cells = [head, ("---", *("---:",) * (len(head) - 1)), *rows]
    return [f"| {' | '.join(row)} |" for row in cells]
