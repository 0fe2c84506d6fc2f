"""Loops over spikes count and compare as dense rasters do, and refuse spikes of unknown neurons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from brianbridge.event_loops import differing_cells, whole_pairs
from brianbridge.events import Events
from brianbridge.kernels.rasters import events_of
from brianbridge.ladder.bits import as_bits, from_bits

SHAPE = (4, 3, 37)


def raster(seed: int, steps: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1, 3, (steps, *SHAPE[1:])) * 0.5


def same(one: Events, other: Events) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.columns, other.columns, strict=True))


def shuffled(events: Events) -> Events:
    order = np.random.default_rng(3).permutation(len(events))
    return Events(*(column[order] for column in events.columns), events.dt)


@pytest.mark.parametrize("coarse", [1, 3])
def test_cells_that_differ_are_counted(coarse):
    one, other = raster(1), raster(2, 4 * coarse)
    since = np.full(3, 4)
    both = [Events.from_raster(x, 1e-3) for x in (one, other)]
    found = differing_cells(*(e.columns for e in both), coarse, since, 37, 4)
    differ = one != other.reshape(4, coarse, *SHAPE[1:]).sum(1)
    assert found == differ.sum() > 0
    assert since.tolist() == differ.any(2).argmax(0).tolist()
    # Chunks that were joined are not in order of their steps.
    mixed = [shuffled(e) for e in both]
    again = np.full(3, 4)
    assert differing_cells(*(e.columns for e in mixed), coarse, again, 37, 4) == found
    assert again.tolist() == since.tolist()


def test_a_step_that_differs_late_is_found_and_equal_samples_are_not():
    one = raster(1)
    other = one.copy()
    other[2, 1, 5] += 1
    since = np.full(3, 4)
    events = (Events.from_raster(x, 1e-3).columns for x in (one, other))
    assert differing_cells(*events, 1, since, 37, 4) == 1
    assert since.tolist() == [4, 2, 4]


def test_counts_and_samples_are_those_of_the_raster():
    x = raster(1)
    events = Events.from_raster(x, 1e-3)
    np.testing.assert_array_equal(events.counts(3, 37), x.sum(0))
    assert same(events.of_samples(1, 3), Events.from_raster(x[:, 1:], 1e-3))
    assert same(events.of_samples(0, 3), events)


@pytest.mark.parametrize("column", ["sample", "node", "step"])
@pytest.mark.parametrize("value", [-1, 99])
@pytest.mark.parametrize("spike", [0, 3, -1])
def test_unknown_places_are_refused(column, value, spike):
    events = Events.from_raster(raster(1), 1e-3)
    where = getattr(events, column).copy()
    where[spike] = value
    wrong = replace(events, **{column: where})
    if column != "step":
        with pytest.raises(IndexError):
            wrong.counts(3, 37)
    with pytest.raises(IndexError):
        differing_cells(events.columns, wrong.columns, 1, np.full(3, 4), 37, 4)
    # Nothing is left over for the next comparison.
    assert differing_cells(events.columns, events.columns, 1, np.full(3, 4), 37, 4) == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("graded", [False, True])
def test_vectors_list_the_spikes_of_a_raster(dtype, graded):
    x = raster(3) if graded else (raster(3) > 0)
    assert same(events_of(x.astype(dtype), 1e-3), Events.from_raster(x.astype(dtype), 1e-3))


@pytest.mark.parametrize("shape", [(20, 7, 5), (33, 1, 1), (1, 4, 4)])
@pytest.mark.parametrize("values", [[0, 1], [0, 0, -1, 2.5]])
def test_images_in_memory_by_pixel_give_the_same_spikes(shape, values):
    x = np.random.default_rng(0).choice(values, (6, 3, *shape))
    by_pixel = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 2, -1)), -1, 2)
    assert not by_pixel.flags.c_contiguous or 1 in (shape[0], shape[1] * shape[2])
    assert same(events_of(by_pixel, 1e-3), Events.from_raster(x.reshape(6, 3, -1), 1e-3))


@pytest.mark.parametrize("mixed", [False, True])
def test_spikes_are_sorted_by_sample_step_and_node(mixed):
    events = Events.from_raster(raster(3), 1e-3)
    events = shuffled(events) if mixed else events
    order = np.lexsort((events.node, events.step, events.sample))
    expected = Events(*(column[order] for column in events.columns), events.dt)
    assert same(events.sorted(), expected)
    assert expected.sorted() is expected


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_samples_are_chosen_whatever_the_type_of_their_numbers(dtype):
    x = raster(1)
    events = Events.from_raster(x, 1e-3)
    narrow = replace(events, sample=events.sample.astype(dtype))
    for low, high in ((0, 1), (0, 3), (1, 2), (0, 0), (2, 9)):
        assert same(narrow.of_samples(low, high), Events.from_raster(x[:, low:high], 1e-3))
    none = narrow.of_samples(0, 0)
    assert same(none.of_samples(0, 2), none)


def test_counts_of_different_numbers_of_neurons_are_not_compared():
    with pytest.raises(ValueError, match="2 and 3 neurons"):
        whole_pairs(np.zeros(2), np.zeros(3), 100)


def test_bits_keep_all_spikes():
    events = Events.from_raster(raster(3) > 0, 1e-3)
    assert same(from_bits(as_bits(events, SHAPE), SHAPE, 1e-3), events)
