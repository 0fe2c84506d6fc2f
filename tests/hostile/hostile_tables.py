"""Hostile tables and arrays: CSV, Parquet, and ``.npz`` files with wrong columns and values."""

from __future__ import annotations

import datetime
import io
import os
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

#: What a field of a CSV file is replaced by.
FIELDS = (
    "", "0", "-1", "1e999", "nan", "inf", "-inf", "1.5", str(2**31), str(2**62), str(2**64), "x",
    '"', '"hidden"', '"no"', "a" * 300, "\0", "é", "9" * 400, "0x10", "true", "1,1", " ", "\r",
)  # fmt: skip
#: What an array is replaced by.
ARRAYS: tuple[Any, ...] = (
    np.full((4, 4), np.nan), np.full((4, 4), np.inf), np.ones((4, 4), complex), np.ones((4, 0)),
    np.ones((0, 4)), np.array(["a", "b"]), np.array([2**62, -1, 0, 1]), np.array([1.5, 0, 1, 2]),
    np.ones((4, 4), "M8[s]"), np.ones(4, [("a", "f4")]), np.array(3), np.zeros((4, 4), bool),
    np.full((4, 4), 1e300), np.full((4, 4), 255, np.uint8), np.ones((4, 2, 2)), np.ones(1 << 16),
)  # fmt: skip


class Pickled:
    """Run code when it is unpickled."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> Any:
        return os.system, (self.code,)


def change_csv(path: Path, rng: random.Random) -> None:
    """Change lines and fields of a CSV file."""
    lines = path.read_text().splitlines()
    for _ in range(rng.choice((1, 1, 2, 5))):
        number = rng.randrange(len(lines))
        fields = lines[number].split(",")
        match rng.randrange(8):
            case 0:
                del lines[number]
                lines = lines or [""]
            case 1:
                lines.insert(number, rng.choice(lines))
            case 2:
                lines[number] = lines[number][: rng.randrange(len(lines[number]) + 1)]
            case 3:
                lines[number] = ",".join([*fields, rng.choice(FIELDS)])
            case 4:
                lines[0] = lines[0].replace(
                    rng.choice(("[6]", "[3]", "5", "4", "0.001", "1", '"output"')),
                    rng.choice(("-1", "0", "1e9", str(2**62), "[]", "[-1]", "null", '"hidden"')),
                )
            case _:
                fields[rng.randrange(len(fields))] = rng.choice(FIELDS)
                lines[number] = ",".join(fields)
    path.write_bytes("\n".join([*lines, ""]).encode())


def change_parquet(path: Path, rng: random.Random) -> None:
    """Write a Parquet file again with other columns, values, types or description."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    options: dict[str, Any] = {}
    for _ in range(rng.choice((1, 1, 2))):
        number = rng.randrange(table.num_columns)
        name, rows = table.schema.names[number], table.num_rows
        match rng.randrange(7):
            case 0:
                table = table.remove_column(number)
            case 1:
                table = table.append_column(name, table.column(number))
            case 2:
                table = table.rename_columns([
                    rng.choice((name, rng.choice(FIELDS), "value")) for name in table.schema.names
                ])  # fmt: skip
            case 3:
                text = (table.schema.metadata or {}).get(b"brianbridge", b"").decode()
                old, new = rng.choice('[]{}":,0123456789'), rng.choice("[]{}0-9x\0")
                table = table.replace_schema_metadata({"brianbridge": text.replace(old, new, 1)})
            case 4:
                options["compression"] = rng.choice(("gzip", "zstd", "lz4", "none", "brotli"))
            case _:
                value = rng.choice((
                    None, np.nan, np.inf, -1, 2**62, 1.5, "x", b"x", True, [1], {"a": 1}, -1e300,
                    datetime.date(2020, 1, 1), "a" * 3000,
                ))  # fmt: skip
                table = table.set_column(number, name, pyarrow.array([value] * rows))
        if not table.num_columns:
            break
    pyarrow.parquet.write_table(table, path, **options)


def change_arrays(path: Path, rng: random.Random, code: str) -> None:
    """Write an ``.npz`` file again with other arrays, headers or members."""
    arrays: dict[str, Any] = dict(np.load(path))
    name = rng.choice(list(arrays))
    data = b""
    match rng.randrange(6):
        case 0:
            del arrays[name]
        case 1:
            arrays[rng.choice(("x_train", "y_test", "classes", "../x", "z"))] = arrays[name]
        case 2:
            file = io.BytesIO()
            np.save(file, np.array([Pickled(code)], object))
            data = file.getvalue()
        case 3:
            shape = rng.choice(((2**40,), (-1,), (2**62, 2**62), (1,) * 40, (2**28,)))
            header = repr({"descr": "<f8", "fortran_order": False, "shape": shape}).encode()
            data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        case 4:
            length = rng.choice((2**31, 2**32 - 1, 20_000, 3))
            data = b"\x93NUMPY\x02\x00" + length.to_bytes(4, "little")
            data += b" " * rng.randrange(30_000)
        case _:
            arrays[name] = rng.choice(ARRAYS)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, array in arrays.items():
            file = io.BytesIO()
            np.save(file, array, allow_pickle=False)
            archive.writestr(f"{key}.npy", data if data and key == name else file.getvalue())
