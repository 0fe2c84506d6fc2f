"""Files made to do harm: a corpus from a seed, through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus import KINDS, make_case
from hostile_bases import make_bases
from run import MEMORY, run


def test_five_hundred_hostile_files() -> None:
    counts, faults, peak = run(500, seed=1)
    assert counts.total() == 500
    assert set(counts) == set(KINDS)
    assert faults == []
    assert peak < MEMORY


@pytest.mark.slow
def test_a_hundred_thousand_hostile_files() -> None:
    counts, faults, peak = run(100_000, seed=2, jobs=2)
    assert counts.total() == 100_000
    assert faults == []
    assert peak < MEMORY


def test_a_number_always_makes_the_same_file(tmp_path: Path) -> None:
    bases = make_bases(tmp_path)
    for number in range(len(KINDS)):
        made = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir(exist_ok=True)
            made.append(make_case(bases, tmp_path / name, 7, number))
        if any(text in made[0].kind for text in ("members", "description", "arrays")):
            continue  # HDF5 and zip write the time of a change
        assert made[0].path.read_bytes() == made[1].path.read_bytes()
