"""Event files: every format is read back exactly; wrong ones are refused in one line."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from event_writers import (
    HEADER_2,
    HEADER_3,
    aedat_2,
    aedat_3,
    damaged_npz,
    nmnist,
    npy,
    npz,
    packet,
    polarity_packet,
    random_events,
)

from brianbridge.datasets import read_events
from brianbridge.datasets.formats.events import EVENT

EVENTS = random_events(500)
TONIC = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])


@pytest.fixture
def write(tmp_path):
    def put(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return put


def arrays(events, signed=False):
    fields = {name: events[name] for name in "txyp"}
    return {**fields, "p": 2 * fields["p"].astype(int) - 1} if signed else fields


def as_tonic(events):
    given = np.empty(len(events), TONIC)
    for field in "txyp":
        given[field] = events[field]
    return given


FORMATS = {
    "a.aedat": aedat_2(EVENTS),
    "aedat 2 of any name": aedat_2(EVENTS),
    "b.aedat": aedat_3(polarity_packet(EVENTS[:200]), polarity_packet(EVENTS[200:])),
    "c.bin": nmnist(EVENTS),
    "d.BS2": nmnist(EVENTS),
    "e.npy": npy(as_tonic(EVENTS)),
    "e2.npy": npy(EVENTS),
    "f.npz": npz(**arrays(EVENTS)),
    "g.npz": npz(**arrays(EVENTS, signed=True), other=np.ones(3)),
    "h.npz": npz(**{k: v.astype(float) for k, v in arrays(EVENTS).items()}),
}


@pytest.mark.parametrize("name", FORMATS)
def test_events_are_read_back_exactly(write, name):
    found = read_events(write(name, FORMATS[name]), sensor=(128, 128))
    assert found.dtype == EVENT
    np.testing.assert_array_equal(found, EVENTS)


def test_one_event_of_each_format_by_hand(write):
    # DVS128: polarity in bit 0 (0 is brighter), column in 1..7, row in 8..14, from the far corner.
    content = HEADER_2 + bytes([0, 0, 0b00000011, 0b00000100, 0, 0, 1, 2])
    assert read_events(write("a", content)).tolist() == [(258, 125, 124, True)]
    # AEDAT 3.1: little-endian; valid, polarity, row from bit 2, column from bit 17.
    content = HEADER_3 + packet(1, bytes([0b00010101, 0, 0b00000110, 0, 7, 0, 0, 0]), 8, 1, 2)
    assert read_events(write("b", content)).tolist() == [(2 * 2**31 + 7, 3, 5, False)]
    content = bytes([33, 12, 0x80 | 1, 2, 3])
    assert read_events(write("c.bin", content)).tolist() == [(0x010203, 33, 12, True)]


def test_signals_at_a_pin_of_the_camera_are_left_out(write):
    content = aedat_2(EVENTS) + struct.pack(">II", 0x8000, 5) + aedat_2(EVENTS[:1])[-8:]
    np.testing.assert_array_equal(read_events(write("a", content))[:-1], EVENTS)


def test_what_is_no_valid_polarity_event_is_left_out(write):
    frame = packet(2, bytes(50), 25, 2)
    content = aedat_3(frame, polarity_packet(EVENTS, invalid=(0, 7)), packet(1, b"", 8, 0), frame)
    found = read_events(write("a", content))
    np.testing.assert_array_equal(found, np.delete(EVENTS, [0, 7]))


def test_time_goes_on_where_its_counter_overflows(write):
    late = EVENTS[:50].copy()
    late["t"] += 2**31
    content = aedat_3(polarity_packet(EVENTS), polarity_packet(late))
    found = read_events(write("a", content))
    np.testing.assert_array_equal(found["t"], np.concatenate([EVENTS["t"], late["t"]]))


def test_row_240_of_nmnist_is_no_event_but_moves_time_on(write):
    mark = bytes([0, 240, 0, 0, 0])
    content = nmnist(EVENTS[:9]) + mark + nmnist(EVENTS[9:20]) + mark + nmnist(EVENTS[20:])
    expected = EVENTS.copy()
    expected["t"] += 8192 * (1 * (np.arange(500) >= 9) + (np.arange(500) >= 20))
    np.testing.assert_array_equal(read_events(write("a.bin", content)), expected)


@pytest.mark.parametrize(
    ("name", "content"), [("a", HEADER_2), ("b", HEADER_3), ("c.bin", b""), ("d", npy(EVENTS[:0]))]
)
def test_a_file_may_have_no_events(write, name, content):
    assert read_events(write(name, content)).shape == (0,)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.aedat", aedat_2(EVENTS)[:-3], "has 5 of the 8 bytes of the last event; get it again"),
        ("a.aedat", b"#!AER-DAT2.0", "its header is cut short or damaged at byte 0"),
        ("a.aedat", HEADER_3[:-16], "its header is cut short or damaged"),
        (
            "a.aedat",
            aedat_3(polarity_packet(EVENTS))[:-1],
            "has 3999 of the 4000 bytes of a packet's events",
        ),
        ("a.aedat", aedat_3(polarity_packet(EVENTS))[:100], "is cut short"),
        ("a.aedat", HEADER_3 + bytes(27), "has 27 of the 28 bytes of a packet's header"),
        ("a.aedat", HEADER_3 + bytes(28), "claims 0 of 0 events of 0 bytes"),
        ("a.aedat", HEADER_3 + packet(1, bytes(12), 12, 1), "events of 12 bytes"),
        ("a.aedat", b"#!AER-DAT4.0\r\n" + bytes(80), "is AEDAT 4.0, but only 2.0 and 3.1"),
        (
            "a.aedat",
            HEADER_2 + struct.pack(">4I", 1, 2, 0x00C01000, 3),
            "event 1 has the address 0x00c01000, but those of a DVS128 have 16 bits",
        ),
        ("a.bin", nmnist(EVENTS)[:-1], "has 4 of the 5 bytes of the last event"),
        ("a.txt", b"0 1 2 3\n", "is not an event file: it begins with b'0 1 2 3"),
        ("a.aedat", b"", "is not an event file"),
        ("a.npy", npy(EVENTS)[:-5], "cannot be read"),
        ("a.npy", npy(np.ones((3, 4))), "holds an array of float64 and shape (3, 4)"),
        ("a.npy", npy(EVENTS[["t", "x", "p"]]), "expected a flat structured array"),
        ("a.npy", npy(np.array([None])), "cannot be read"),
        ("a.npy", npy(EVENTS).replace(b"'descr'", b"('descr'"), "cannot be read"),
        ("a.npz", npz(**arrays(EVENTS))[:-50], "cannot be read"),
        ("a.npz", damaged_npz(**arrays(EVENTS)), "cannot be read"),
        ("a.npz", npz(t=EVENTS["t"]), "has no array 'x'; expected the arrays t, x, y and p"),
        ("a.npz", npz(**{**arrays(EVENTS), "x": np.ones(3)}), "make them flat and equal"),
        ("a.npz", npz(**{**arrays(EVENTS), "t": EVENTS["t"] / 1e6}), "t must be whole numbers"),
        ("a.npz", npz(**{**arrays(EVENTS), "t": EVENTS["t"] + np.nan}), "t must be whole"),
        ("a.npz", npz(**{**arrays(EVENTS), "x": -1 - EVENTS["x"]}), "x must be whole numbers"),
        (
            "a.npz",
            npz(**{**arrays(EVENTS), "y": EVENTS["y"].astype(int) + 40_000}),
            "from 0 to 32767",
        ),
        ("a.npz", npz(**{**arrays(EVENTS), "y": np.full(500, "a")}), "y must be whole numbers"),
        ("a.npz", npz(**{**arrays(EVENTS), "p": EVENTS["x"]}), "expected 0 and 1, or -1 and 1"),
    ],
)
def test_a_wrong_file_is_named_in_one_line(write, refused, name, content, said):
    path = write(name, content)
    with refused(f"{path}: ", said):
        read_events(path)


def test_an_archive_of_zeros_is_not_unpacked(write, refused):
    file = io.BytesIO()
    np.savez_compressed(file, **{name: np.zeros(40_000_000, np.int64) for name in "tx"})
    path = write("bomb.npz", file.getvalue())
    assert len(file.getvalue()) < 2_000_000
    with refused(f"{path}: unpacks to 640 MB", "prefs.brianbridge.memory"):
        read_events(path)


def test_an_event_outside_of_the_sensor_is_named(write, refused):
    events = random_events(9, (34, 34))
    events["x"][4] = 40
    path = write("a.bin", nmnist(events))
    assert len(read_events(path)) == 9
    said = f"x = 40, y = {events['y'][4]}, outside of 34 rows and 34 columns; give the size of"
    with refused(f"{path}: event 4 is at", said):
        read_events(path, sensor=(34, 34))
    assert len(read_events(path, sensor=(34, 41))) == 9
    with refused(f"{path}: sensor = 34; give rows and columns"):
        read_events(path, sensor=34)


def test_a_file_that_is_not_there(tmp_path, refused):
    with refused(f"{tmp_path / 'no'}: cannot be read (No such file"):
        read_events(tmp_path / "no")
