from __future__ import annotations

import gzip
import tracemalloc

import numpy as np
import pytest

from brianbridge.datasets import read_idx
from brianbridge.errors import InputError

DTYPES = ["u1", "i1", "i2", "i4", "f4", "f8"]


def values(dtype: str) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return np.array([[[-1.5, 2.25e-3, np.pi]], [[1e30, 0.0, -7.0]]], kind)
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    return np.array([[[low, high, 1]], [[0, 5, high - 1]]], kind)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gz", [False, True])
def test_every_type_comes_back_as_written(tmp_path, idx_bytes, dtype, gz):
    content = idx_bytes(values(dtype))
    file = tmp_path / "values.idx"  # the name does not tell whether it is gzipped
    file.write_bytes(gzip.compress(content) if gz else content)
    array = read_idx(file)
    assert array.dtype == np.dtype(dtype)
    assert array.dtype.isnative
    np.testing.assert_array_equal(array, values(dtype))


def test_values_are_big_endian(tmp_path):
    (tmp_path / "f").write_bytes(bytes([0, 0, 0x0B, 1, 0, 0, 0, 1, 1, 2]))
    assert read_idx(tmp_path / "f").tolist() == [258]


GOOD = bytes([0, 0, 0x0B, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]) + bytes(range(48))
# Without a time of day: the parts are names of tests, and every process must find the same.
PACKED = gzip.compress(GOOD, mtime=0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not an IDX file"),
        (b"\0\0\x08", "not an IDX file"),
        (b"\x89PNG\r\n\x1a\n", "starts with '89 50 4e 47'; expected 00 00"),
        (b"\0\0\x0a" + GOOD[3:], "starts with '00 00 0a 03'"),
        (b"\0\0\x08\0", "number of dimensions"),
        (GOOD[:10], "expected 16 bytes for 3 dimensions, the file has 10"),
        (
            GOOD[:-1],
            r"cut short; expected 64 bytes for int16 of shape \(2, 3, 4\), the file has 63",
        ),
        (GOOD + b"\0", "too long; expected 64 bytes"),
        (GOOD[:4] + b"\xff" * 12, "cut short; expected"),
        (PACKED[:-9], "whole gzip file"),
        (PACKED[:20] + b"\xff\xff" + PACKED[22:], "whole gzip file"),
        (b"\x1f\x8bgarbage", "whole gzip file"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(tmp_path, content, expected):
    file = tmp_path / "damaged-idx3"
    file.write_bytes(content)
    with pytest.raises(InputError, match=expected) as error:
        read_idx(file)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere: cannot be read"):
        read_idx(tmp_path / "nowhere")


def test_no_more_is_decompressed_than_the_header_announces(tmp_path):
    file = tmp_path / "bomb.gz"
    with gzip.open(file, "wb") as stream:
        stream.write(GOOD)
        for _ in range(200):
            stream.write(bytes(2**20))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="too long"):
            read_idx(file)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()
