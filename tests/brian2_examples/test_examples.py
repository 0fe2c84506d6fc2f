"""Published mechanisms: the user's own run, the twin and `simulate` agree, before and after training.

The examples are in the folder `examples`. Here each runs for a tenth of a second, by itself for a
second; `studies/brian2/examples.py` makes the table of docs/brian2.md.
"""

from __future__ import annotations

from typing import Any

import pytest
from brian2 import ms, second
from comparison import read, run_and_train
from example import NAMES, build

READ = [name for name in NAMES if not build(name).refused]
REFUSED = [name for name in NAMES if name not in READ]


def check(name: str, duration: Any, *paths: str) -> None:
    found = run_and_train(build(name), duration, paths)
    for one in (found.before, found.after):
        assert one.differing == 0
        assert one.largest <= 1e-9
    assert found.before.spikes is None or found.before.spikes >= 10
    before, after = found.losses
    assert after < before


@pytest.mark.parametrize("name", READ)
def test_a_tenth_of_a_second(name):
    check(name, 100 * ms, "reference")


@pytest.mark.slow
@pytest.mark.parametrize("name", READ)
def test_a_second(name):
    check(name, 1 * second, "reference", "batched")


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(name, refused):
    example = build(name)
    with refused(example.refused):
        read(example, 100 * ms)
