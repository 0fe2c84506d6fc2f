"""Frames of events: none is lost or moved, slices are equal; wrong options."""

from __future__ import annotations

import numpy as np
import pytest
from event_writers import random_events

from brianbridge.datasets import frames
from brianbridge.datasets.formats.event_frames import Slicing, shrunk
from brianbridge.datasets.formats.events import EVENT

EVENTS = random_events(2000, (6, 9))


@pytest.mark.parametrize("by", ["time", "number"])
@pytest.mark.parametrize("steps", [1, 3, 10, 5000])
def test_frames_add_up_to_the_events(by, steps):
    found = frames(EVENTS, steps, (6, 9), by=by)
    assert found.shape == (steps, 2, 6, 9)
    assert found.dtype == np.float32
    assert found.sum() == 2000
    expected = np.zeros((2, 6, 9))
    for event in EVENTS:
        expected[int(event["p"]), event["y"], event["x"]] += 1
    np.testing.assert_array_equal(found.sum(0), expected)


def test_slices_of_equal_time():
    found = frames(EVENTS, 4, (6, 9))
    first, last = EVENTS["t"][[0, -1]]
    edges = first + (last + 1 - first) * np.arange(5) / 4
    expected = np.histogram(EVENTS["t"], edges)[0]
    assert found.sum((1, 2, 3)).tolist() == expected.tolist()


def test_slices_of_equal_numbers():
    assert frames(EVENTS, 7, (6, 9), by="number").sum((1, 2, 3)).tolist() == [
        286, 286, 286, 285, 286, 286, 285
    ]  # fmt: skip
    assert frames(EVENTS[:2], 4, (6, 9), by="number").sum((1, 2, 3)).tolist() == [1, 0, 1, 0]


def test_time_decides_whatever_the_order_and_the_start():
    late = EVENTS.copy()
    late["t"] += 10**12
    mixed = np.random.default_rng(0).permutation(late)
    np.testing.assert_array_equal(frames(mixed, 5, (6, 9)), frames(EVENTS, 5, (6, 9)))


def test_a_time_too_long_to_divide_is_refused(refused):
    events = np.array([(0, 0, 0, True), (1_700_000_000_000_000_000, 1, 0, True)], EVENT)
    assert frames(events, 4, (2, 2)).sum((1, 2, 3)).tolist() == [1, 0, 0, 1]
    with refused("frames: events go from 0 to 1700000000000000000 us", "10 slices"):
        frames(events, 10, (2, 2))


def test_events_of_one_moment_are_in_the_first_frame():
    events = np.array([(7, 0, 0, True)] * 3, EVENT)
    assert frames(events, 3, (1, 1)).ravel().tolist() == [0, 3, 0, 0, 0, 0]


def test_binary_frames():
    found = frames(EVENTS, 3, (6, 9), binary=True)
    np.testing.assert_array_equal(found, frames(EVENTS, 3, (6, 9)) > 0)


def test_events_are_not_changed():
    before = EVENTS.copy()
    frames(EVENTS, 3, (6, 9))
    shrunk(EVENTS, (6, 9), (2, 3))
    np.testing.assert_array_equal(EVENTS, before)


def test_fewer_pixels_add_up_their_neighbours():
    small = frames(shrunk(EVENTS, (6, 9), (3, 3)), 4, (3, 3))
    large = frames(EVENTS, 4, (6, 9)).reshape(4, 2, 3, 2, 3, 3)
    np.testing.assert_array_equal(small, large.sum((3, 5)))
    np.testing.assert_array_equal(Slicing(4, (3, 3))(EVENTS, (6, 9)), small)
    assert Slicing(4, [3, 3]).shape == (4, 2, 3, 3)


def test_a_large_camera_is_not_too_large():
    events = np.array([(0, 1279, 719, True)], EVENT)
    assert shrunk(events, (720, 1280), (72, 128)).tolist() == [(0, 127, 71, True)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 0}, "steps = 0; give a whole number of at least 1"),
        ({"steps": 2.5}, "steps = 2.5"),
        ({"steps": True}, "steps = True"),
        ({"size": (6,)}, "give rows and columns"),
        ({"size": 6}, "give rows and columns"),
        ({"size": (6, 0)}, "size = (6, 0)"),
        ({"by": "tine"}, "by = 'tine'. Did you mean 'time'?"),
        ({"binary": 1}, "binary = 1; give true or false"),
        ({"size": (5, 9)}, "outside of 5 rows and 9 columns"),
        ({"events": EVENTS[:0]}, "there are no events"),
    ],
)
def test_wrong_options_are_refused(refused, options, said):
    with refused("frames: ", said):
        frames(**{"events": EVENTS, "steps": 3, "size": (6, 9), **options})


def test_more_pixels_than_the_sensor_has_are_refused(refused):
    with refused("size = 6 x 10 is larger than the sensor, 6 x 9"):
        Slicing(3, (6, 10))(EVENTS, (6, 9))


def test_given_bins_are_the_same_for_every_recording():
    early = np.array([(5, 0, 0, True), (30, 0, 0, True)], EVENT)
    late = np.array([(30, 0, 0, True), (95, 0, 0, True)], EVENT)
    options = {"start": 0, "end": 100}
    assert frames(early, 10, (1, 1), **options)[:, 1, 0, 0].tolist() == [1, 0, 0, 1] + [0] * 6
    assert frames(late, 10, (1, 1), **options)[:, 1, 0, 0].tolist() == [0, 0, 0, 1] + [0] * 5 + [1]
    # Without them the event at 30 us is in the last slice of one and the first of the other.
    assert frames(early, 10, (1, 1))[:, 1, 0, 0].argmax() != 3


@pytest.mark.parametrize("by", ["time", "number"])
@pytest.mark.parametrize(("start", "end"), [(None, 20), (20, None), (10, 20), (0, 100)])
def test_events_outside_of_the_bins_are_left_out(by, start, end):
    events = np.array([(t, 0, 0, True) for t in range(5, 35)], EVENT)
    low, high = 0 if start is None else start, 100 if end is None else end
    kept = sum(low <= t < high for t in range(5, 35))
    assert frames(events, 4, (1, 1), by=by, start=start, end=end).sum() == kept


@pytest.mark.parametrize("by", ["time", "number"])
def test_a_stretch_without_events_is_all_zero(by):
    events = np.array([(5, 0, 0, True)], EVENT)
    found = frames(events, 4, (1, 1), by=by, start=10, end=20)
    assert found.shape == (4, 2, 1, 1)
    assert not found.any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"start": 5, "end": 5}, "end = 5 is not after start = 5"),
        ({"start": 0.5}, "start = 0.5; give whole microseconds"),
        ({"end": True}, "end = True; give whole microseconds"),
        ({"end": 2**70}, "give whole microseconds"),
    ],
)
def test_wrong_bins(options, said, refused):
    with refused(said):
        frames(EVENTS, 4, (6, 9), **options)
