"""Make hostile files from a number: mutated ones, and ones with a structure made to do harm.

Nothing is stored. The same seed and number give the same case: two numbers name a failure.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hostile_bases import Bases
from hostile_tables import change_arrays, change_csv, change_parquet

__all__ = ["KINDS", "Case", "make_case"]

#: Code that no file may get run; it leaves a file.
CANARY = "canary"
CODE = f"__import__('os').system('touch {CANARY}')"

NEURON = """
summary = "mine"
equations = '''
dv/dt = -v/tau + drive : 1
drive : Hz
'''
emit = "int(v >= theta)"
reset = "v -= theta*emit"
receive = "v"
drive = "drive"
method = "exact"
[parameters]
tau = "10 ms"
theta = 1.0
[initial]
v = 0.1
"""
NETWORK = """
summary = "mine"
encoding = { kind = "current", steps = 5, dt = "1 ms" }
readout = "counts"
[[layers]]
units = 6
neuron = "lif"
[[layers]]
units = 3
neuron = "if"
bias = false
"""
STUDY = """
title = "mine"
seed = 1
[dataset]
name = "iris"
[network]
encoding = { kind = "current", steps = 5, dt = "1 ms" }
readout = "potential"
[[network.layers]]
units = 6
neuron = "if"
[[network.layers]]
units = 3
neuron = "if"
[rule]
name = "spike_count"
[training]
epochs = 2
batch_size = 16
learning_rate = 5e-3
schedule = "cosine"
validation_fraction = 0.1
"""
LADDER = """
[[rung]]
name = "parity"
max_accuracy_drop = 0.02
[[rung]]
name = "chip"
repeats = 2
optional = true
perturb.mismatch = { cv = 0.1 }
perturb.finer_dt = { divisor = 2 }
"""
TEXTS = {"neuron": NEURON, "network": NETWORK, "study": STUDY, "ladder": LADDER}

#: What a value is replaced by.
VALUES: tuple[Any, ...] = (
    0, 1, -1, 2, 1e308, -1e308, 1e-320, 2**31, 2**62, -(2**62), 10**400, True, None, "", "x", [],
    {}, [[]], [0], [1, [2]], "1 ms", "1 mV", "1e999", "inf", "nan", "v", "v/0", CODE, "ｖ", "\0",
    "a" * 300,
    "((((10**64)**64)**64)**64)**64", "exp(exp(exp(v)))", "rand()", "xi", "v and v", "sqrt(-1)",
)  # fmt: skip
#: What a part of a TOML file is replaced by.
TOKENS = (
    "0", "-1", "1e308", "1e999", "9" * 40, "9" * 5000, "inf", "nan", "true", '""', '"x"', '"1 mV"',
    '"10 ms"', '"v/0"', '"theta*mV"', '"theta/0"', '"pi"', '"int(True)"', "[]", "[1, 2]",
    "[[1], [1, 2]]", "{}", "{ kind = 0 }", "{ kind = { a = 1 } }", "[" * 3000, '"ｖ"', "1979-05-27",
    '"' + CODE + '"',
    '"' + "a" * 300 + '"', '["10 ms", 1]', "0x10", '"""', "\0",
)  # fmt: skip


#: Files whose every byte has a checksum. NIR files have none.
_CHECKED = ("networks", "spikes")


@dataclass(frozen=True)
class Case:
    """Hold one hostile file.

    Parameters
    ----------
    kind : str
        What was done, such as ``"network file, bytes"``.
    path : Path
        The file.
    base : Path, optional
        The file that it was made from, if any byte that differs must be noticed.
    """

    kind: str
    path: Path
    base: Path | None = None


def make_case(bases: Bases, folder: Path, seed: int, number: int) -> Case:
    """Write the file of a case into a folder."""
    rng = random.Random(f"{seed} {number}")
    kind = KINDS[number % len(KINDS)]
    return _MAKERS[kind](bases, folder, rng, kind)


# ---------------------------------------------------------------------- bytes


def _copied(base: Path, folder: Path) -> Path:
    path = folder / f"case{base.suffix}"
    shutil.copyfile(base, path)
    return path


def _flipped(of: str) -> Callable[..., Case]:
    def make(bases: Bases, folder: Path, rng: random.Random, kind: str) -> Case:
        base = rng.choice(getattr(bases, of))
        path = _copied(base, folder)
        data = bytearray(path.read_bytes())
        for _ in range(rng.choice((1, 1, 1, 2, 8))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        return Case(kind, path, base if of in _CHECKED else None)

    return make


def _cut(of: str) -> Callable[..., Case]:
    def make(bases: Bases, folder: Path, rng: random.Random, kind: str) -> Case:
        base = rng.choice(getattr(bases, of))
        path = _copied(base, folder)
        data = bytearray(path.read_bytes())
        low, high = sorted(rng.randrange(len(data)) for _ in range(2))
        match rng.randrange(4):
            case 0:
                data = data[:low]
            case 1:
                data[low:high] = bytes(high - low)
            case 2:
                data[low:high] = data[high : 2 * high - low]
            case 3:
                data[low:high] = rng.randbytes(high - low)
        path.write_bytes(data)
        return Case(kind, path, base if of in _CHECKED else None)

    return make


# ---------------------------------------------------------------------- HDF5


def _members(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visit(found.append)
    return found


def _changed_member(of: str) -> Callable[..., Case]:
    def make(bases: Bases, folder: Path, rng: random.Random, kind: str) -> Case:
        path = _copied(rng.choice(getattr(bases, of)), folder)
        with h5py.File(path, "r+") as file:
            for _ in range(rng.choice((1, 1, 2))):
                members = _members(file)
                if members:
                    _change_member(file, rng.choice(members), rng.choice(members), rng)
        return Case(kind, path)

    return make


def _change_member(file: h5py.File, name: str, other: str, rng: random.Random) -> None:
    """Change one member in one of many ways."""
    match rng.randrange(12):
        case 0:
            del file[name]
        case 1:
            file.attrs[rng.choice([*file.attrs, "x"])] = rng.choice([0, 2**40, "x", 1.5, [1, 2]])
        case 2:
            attributes = file[name].attrs
            attributes[rng.choice([*attributes, "x"])] = rng.choice([0, 2**40, "x", 1.5, [1, 2]])
        case 3:
            if f"{name}_again" not in file:
                file.copy(name, f"{name}_again")
        case 4:
            member = file[other]
            # An earlier change may have made it larger than this process can hold.
            fits = isinstance(member, h5py.Dataset) and member.nbytes < 2**30
            _replace(file, name, data=member[()] if fits else 1.0)
        case 5:
            _replace(file, name, shape=(2**20, 2**12), dtype=rng.choice(["f4", "i8", "S9"]))
        case 6:
            _replace(
                file, name, data=rng.choice([np.nan, np.ones(3), np.ones((2, 2), complex), "x"])
            )
        case 7:
            _replace(file, name, shape=(1,), dtype=f"S{rng.choice([0, 9, 2**31 - 1]) or 1}")
        case 8:
            del file[name]
            file[name] = rng.choice([
                h5py.SoftLink("/network"), h5py.SoftLink(f"/{name}"),
                h5py.ExternalLink("/etc/passwd", "/"),
            ])  # fmt: skip
        case 9:
            _replace(file, name, data=h5py.Empty("f4"))
        case 10:
            _replace(file, name, shape=(2**27,), dtype="f4", compression="gzip")
        case 11:
            file.require_group(f"{name}_more/x")


def _replace(file: h5py.File, name: str, **options: Any) -> None:
    del file[name]
    file.create_dataset(name, **options)


def _changed_json(bases: Bases, folder: Path, rng: random.Random, kind: str) -> Case:
    """Change the description of a network by value or by structure."""
    path = _copied(rng.choice(bases.networks), folder)
    with h5py.File(path, "r+") as file:
        name = rng.choice(("network", "network", "network", "provenance"))
        entry = json.loads(file[name][0])
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            _change_json(entry, rng)
        text = json.dumps(entry)
        if rng.random() < 0.05:
            text = rng.choice(
                ("[" * 100_000, text[: len(text) // 2], '{"a":' * 900 + "1" + "}" * 900)
            )
        data = text.encode()
        del file[name]
        dtype = h5py.string_dtype("utf-8", max(1, len(data)))
        file.create_dataset(name, data=np.array([data], dtype))
    return Case(kind, path)


def _change_json(entry: Any, rng: random.Random) -> None:
    """Change one place of a tree."""
    places = list(_places(entry))
    where, key = rng.choice(places)
    match rng.randrange(5):
        case 0:
            del where[key]
        case 1 if isinstance(where, dict):
            where[rng.choice(("x", "", "kind", key + "_"))] = where[key]
        case 2:
            other, name = rng.choice(places)
            where[key] = json.loads(json.dumps(other[name])) if name in _keys(other) else 0
        case _:
            where[key] = rng.choice(VALUES)


def _keys(where: Any) -> Any:
    return where if isinstance(where, dict) else range(len(where))


def _places(entry: Any) -> Any:
    for key in list(_keys(entry)):
        yield entry, key
        if isinstance(entry[key], dict | list):
            yield from _places(entry[key])


# ---------------------------------------------------------------------- TOML


def _changed_text(what: str) -> Callable[..., Case]:
    def make(bases: Bases, folder: Path, rng: random.Random, kind: str) -> Case:
        lines = TEXTS[what].strip().splitlines()
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            _change_line(lines, rng)
        path = folder / "case.toml"
        path.write_bytes("\n".join(lines).encode("utf-8", "replace"))
        return Case(kind, path)

    return make


def _change_line(lines: list[str], rng: random.Random) -> None:
    number = rng.randrange(len(lines))
    line = lines[number]
    match rng.randrange(8):
        case 0:
            del lines[number]
            lines[:] = lines or ["x = 1"]
        case 1:
            lines.insert(number, rng.choice(lines))
        case 2:
            place = rng.randrange(len(line) + 1)
            lines[number] = line[:place] + rng.choice("0\"'[]{}=.,#\0\\é\t ") + line[place:]
        case 3 if line:
            place = rng.randrange(len(line))
            lines[number] = line[:place] + line[place + 1 :]
        case 4:
            lines.insert(
                number, f"{rng.choice(('x', 'a.b.c', 'kind', 'name'))} = {rng.choice(TOKENS)}"
            )
        case _ if "=" in line:
            lines[number] = f"{line.partition('=')[0]}= {rng.choice(TOKENS)}"


def _changed_table(of: str) -> Callable[..., Case]:
    def make(bases: Bases, folder: Path, rng: random.Random, kind: str) -> Case:
        path = _copied(rng.choice(getattr(bases, of)), folder)
        match of:
            case "csv":
                change_csv(path, rng)
            case "parquet":
                change_parquet(path, rng)
            case _:
                change_arrays(path, rng, f"touch {CANARY}")
        return Case(kind, path)

    return make


_MAKERS: dict[str, Callable[..., Case]] = {
    "network file, bytes": _flipped("networks"),
    "network file, cut": _cut("networks"),
    "network file, members": _changed_member("networks"),
    "network file, description": _changed_json,
    "spike file, bytes": _flipped("spikes"),
    "spike file, cut": _cut("spikes"),
    "spike file, members": _changed_member("spikes"),
    "NIR file, bytes": _flipped("foreign"),
    "NIR file, cut": _cut("foreign"),
    "NIR file, members": _changed_member("foreign"),
    "own NIR file, bytes": _flipped("own"),
    "own NIR file, members": _changed_member("own"),
    "SONATA file, bytes": _flipped("sonata"),
    "SONATA file, members": _changed_member("sonata"),
    "CSV file, bytes": _flipped("csv"),
    "CSV file, table": _changed_table("csv"),
    "Parquet file, bytes": _flipped("parquet"),
    "Parquet file, cut": _cut("parquet"),
    "Parquet file, table": _changed_table("parquet"),
    "NWB file, bytes": _flipped("nwb"),
    "NWB file, cut": _cut("nwb"),
    "NWB file, members": _changed_member("nwb"),
    "npz file, bytes": _flipped("npz"),
    "npz file, cut": _cut("npz"),
    "npz file, arrays": _changed_table("npz"),
    "neuron": _changed_text("neuron"),
    "network": _changed_text("network"),
    "study": _changed_text("study"),
    "ladder": _changed_text("ladder"),
}
KINDS = tuple(_MAKERS)
