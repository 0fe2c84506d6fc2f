"""Describe files: as plain values for programs, and as short text for people."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from textwrap import shorten, wrap
from typing import Any

from brianbridge.errors import InputError
from brianbridge.io.hdf5 import file_kind
from brianbridge.io.networks.file import load_network
from brianbridge.io.networks.summary import describe_network
from brianbridge.io.spikes import file as spike_file
from brianbridge.io.spikes.log import is_log
from brianbridge.io.spikes.population import spikes_text
from brianbridge.paths import checked_path
from brianbridge.readable import counted, milliseconds, shape_text

__all__ = ["as_text", "describe_file"]

_WIDTH = 88
_SHOWN = 4  # numbers of a list that are shown one by one

Rows = Iterator[tuple[str, str]]


def describe_file(path: str | os.PathLike[str], check: bool = False) -> dict[str, Any]:
    """Summarise a network or spike file as plain values, ready for JSON.

    Parameters
    ----------
    path : path-like
        The file. A network is read and checked; of a spike file, only the description is read.
    check : bool
        Whether to read all spikes too, and compare them with their digests.

    Returns
    -------
    dict
        ``kind`` (``"network"`` or ``"spikes"``), ``path``, with `check` also ``check`` (the result
        in words), and the entries of `brianbridge.io.networks.summary.describe_network` or
        `brianbridge.io.spikes.file.describe`.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged or of another kind.

    Examples
    --------
    >>> describe_file("none.h5")
    Traceback (most recent call last):
    brianbridge.errors.InputError: file 'none.h5': there is no such file
    """
    path = checked_path(path)
    kind = "spikes" if is_log(path) else file_kind(path)
    if kind == "network":
        checked = {"check": "all is as it was written"} if check else {}
        return {"kind": kind, "path": str(path), **checked, **describe_network(load_network(path))}
    if kind == "spikes":
        checked = {"check": spike_file.check_spikes(path)} if check else {}
        return {"kind": kind, **checked, **spike_file.describe(path)}
    raise InputError(f"file '{path}': expected a network or spikes, but this is a {kind}")


def as_text(description: Mapping[str, Any]) -> str:
    """Return a description of a file as text for a terminal.

    Parameters
    ----------
    description : mapping
        The result of `describe_file`.

    Returns
    -------
    str
        Lines of a label and its text, without control characters.

    Examples
    --------
    >>> print(as_text({"kind": "spikes", "path": "s.h5", "complete": True, "samples": 2,
    ...                "populations": {"out": {"shape": (10,), "dt": 1e-3, "steps": 50,
    ...                                        "spikes": 7}}, "provenance": {"seed": 1}}))
    spikes      s.h5
    run         complete
    samples     2
    out         10 neurons, 50 steps of 1 ms, 7 spikes
    provenance
      seed      1
    """
    layout = _network_rows if description["kind"] == "network" else _spike_rows
    rows = [
        (description["kind"], description["path"]),
        *([("check", description["check"])] if "check" in description else []),
        *layout(description),
        *_provenance_rows(description["provenance"]),
    ]
    width = max(len(label) for label, _ in rows) + 2
    lines = []
    for label, text in rows:
        for line in text.strip().split("\n"):
            for part in wrap(line, _WIDTH) or [""]:
                lines.append(_printable(f"{label:{width}}{part}"))
                label = ""
    return "\n".join(lines)


def _option(value: Any) -> str:
    """Return an option of an encoding as text: of a part its name, of a long list its length."""
    if isinstance(value, list) and all(isinstance(part, dict) for part in value):
        return ", ".join(f"{part['name']} ({part['encoding']['kind']})" for part in value)
    return counted(len(value), "number") if isinstance(value, list | tuple) else str(value)


def _network_rows(network: Mapping[str, Any]) -> Rows:
    options = dict(network["encoding"])
    kind, steps, dt = options.pop("kind"), options.pop("steps"), milliseconds(options.pop("dt"))
    rest = "".join(f", {key} {_option(value)}" for key, value in options.items())
    yield "input", f"{shape_text(network['input_shape'])}, {kind}, {steps} steps of {dt}{rest}"
    for name, population in network["populations"].items():
        yield from _population_rows(name, population)
    for name, p in network["projections"].items():
        arrays = f"{shape_text(p['shape'])} {p['dtype']}{', bias' if p['bias'] else ''}"
        values = f"{p['min']:.3g} to {p['max']:.3g}, mean |w| {p['mean_abs']:.3g}"
        unit = "" if p["unit"] == "1" else f", natural unit {p['unit']}"
        sign = "" if p["sign"] == "any" else f", sign {p['sign']}"
        yield name, f"{arrays}, weights {values}{unit}{sign}"
    yield "readout", network["readout"]
    yield "parameters", f"{network['parameters']:,}"
    yield "SHA-256", network["sha256"]


def _population_rows(name: str, population: Mapping[str, Any]) -> Rows:
    model = ": ".join(filter(None, (population["neuron"], population["summary"])))
    yield name, f"{shape_text(population['shape'])} neurons, {model or 'unnamed model'}"
    for key in ("equations", "emit", "reset", "refractory", "receive", "drive", "method"):
        if population[key]:
            yield f"  {key}", population[key]
    for key in ("parameters", "initial"):
        if population[key]:
            yield f"  {key}", ", ".join(f"{k} = {v}" for k, v in population[key].items())
    if population["scale"]:
        yield "  scale", population["scale"]


def _spike_rows(spikes: Mapping[str, Any]) -> Rows:
    yield "run", "complete" if spikes["complete"] else "not complete"
    yield "samples", f"{spikes['samples']:,}"
    for name, p in spikes["populations"].items():
        yield name, spikes_text(p["shape"], p["dt"], p["steps"], p["spikes"])
    for name, figures in spikes.get("selection", {}).items():
        yield (
            f"of {name}",
            f"{counted(figures['spikes'], 'spike')}, {figures['rate_hz']:.4g} Hz, "
            f"{counted(figures['silent'], 'neuron')} silent",
        )


def _provenance_rows(provenance: Mapping[str, Any]) -> Rows:
    if provenance:
        yield "provenance", ""
    for key, value in provenance.items():
        yield f"  {key}", shorten(_value(value), 3 * _WIDTH, placeholder=" ...")


def _value(value: Any) -> str:
    """Return a JSON value as short text; for many numbers, their count and the last one."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(item)}" for key, item in value.items())
    if isinstance(value, list) and len(value) > _SHOWN and isinstance(value[-1], int | float):
        return f"{len(value)} values, last {value[-1]:.4g}"
    return str(value)


def _printable(line: str) -> str:
    # The text of a file must not move the cursor or colour the terminal.
    return "".join(c if c.isprintable() else "?" for c in line.rstrip())
