"""The networks in studies/trained: of a study, small, and the same in Brian2 spike for spike."""

from pathlib import Path

import numpy as np
import pytest

import brianbridge as bb
from brianbridge.datasets import from_arrays
from brianbridge.ladder.rungs import read_ladder
from brianbridge.study import study_names

FILES = sorted((Path(__file__).parents[2] / "studies/trained").glob("*.h5"))


def test_they_are_small_and_of_studies():
    assert FILES
    assert sum(file.stat().st_size for file in FILES) < 30e6
    assert {file.stem for file in FILES} <= set(study_names())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_they_hold_at_parity(file):
    network = bb.load_network(file)
    assert network.provenance["study"] == file.stem
    x = np.random.default_rng(0).random((4, *network.input_shape))
    verdict = bb.verify(network, from_arrays("noise", x, np.arange(4)), read_ladder("short")[:1])
    (parity,) = verdict.rungs
    assert parity.spike_mismatches == 0
    assert min(parity.spikes_per_sample.values()) > 0
