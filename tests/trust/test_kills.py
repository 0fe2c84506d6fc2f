"""Whatever is killed ends, run again, as if nothing had happened."""

from __future__ import annotations

import signal
from pathlib import Path

import kills
import pytest


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals")
def test_a_hundred_kills() -> None:
    outcomes = kills.run(100, seed=1, jobs=2)
    assert len(outcomes) == 100
    assert not [outcome for outcome in outcomes if outcome.problem]


def test_a_difference_is_found(tmp_path: Path) -> None:
    """The comparison sees one changed number, and not the date."""
    (tmp_path / "verdict.json").write_text('{"accuracy": 0.5, "date": "today"}')
    first = kills.results_of(tmp_path)
    (tmp_path / "verdict.json").write_text('{"accuracy": 0.5, "date": "tomorrow"}')
    assert kills.results_of(tmp_path) == first
    (tmp_path / "verdict.json").write_text('{"accuracy": 0.25, "date": "today"}')
    assert kills.results_of(tmp_path) != first
