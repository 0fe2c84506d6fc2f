"""Published mechanisms: user's run, twin and `simulate` agree, before and after training.

The examples are in the folder `examples`. Here each runs for a tenth of a second; those that take
long, and all for a second, are slow tests. `studies/brian2/examples.py` makes the table of
docs/brian2.md.
"""

from __future__ import annotations

from typing import Any

import pytest
from brian2 import ms, second
from comparison import Trained, read, run_and_train
from example import NAMES, Example, build

#: Those that take more than 4 s for a tenth of a second.
LONG = {
    "diehl_cook_2015", "hindmarsh_rose_1984", "hodgkin_huxley_1952", "morris_lecar_1981",
    "rothman_manis_2003", "vogels_abbott_2005_cuba", "wang_buzsaki_1996",
}  # fmt: skip


def marked(name: str) -> Any:
    """Return the name of an example, marked as slow if it takes long."""
    return pytest.param(name, marks=pytest.mark.slow) if name in LONG else name


@pytest.mark.parametrize("name", map(marked, NAMES))
def test_a_tenth_of_a_second(name, refused):
    example = build(name)
    assert example.name == name
    if example.refused:
        with refused(example.refused):
            read(example, 100 * ms)
    else:
        before, after = check(example, 100 * ms, "reference").losses
        assert after < before


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_second(name):
    """Spikes and traces are equal; over a second of a chaotic network a gradient says little."""
    example = build(name)
    if not example.refused:
        check(example, 1 * second, "reference", "batched")


def check(example: Example, duration: Any, *paths: str) -> Trained:
    """Compare all runs of an example, before and after a training step."""
    found = run_and_train(example, duration, paths)
    for one in (found.before, found.after):
        assert one.differing == 0
        assert one.largest <= 1e-9
    assert found.before.spikes is None or found.before.spikes >= 10
    return found
