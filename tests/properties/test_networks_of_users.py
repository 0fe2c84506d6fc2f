"""Networks drawn from all that `from_brian2` reads: every path emits the spikes of the user's run.

A network has three groups, two Poisson groups, a generator, a Poisson input, and synapses between
them, each drawn from `user_networks.GRAMMAR`. The twin, the reference path, the batched path (if no
synapses have a model) and the user's own objects run it. 8 networks make 10^7 neuron-steps, and 80
make 10^8 under ``-m slow``; a step of a neuron counts once, however many paths take it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable

import pytest
from user_networks import Size, constructs, draw_network
from user_paths import compare_paths

SIZE = Size()
#: These eight have all constructs.
NUMBERS = (4, 16, 17, 18, 20, 21, 22, 23)
SLOW_NUMBERS = range(100, 180)


@pytest.fixture(autouse=True, scope="module")
def quiet_brian2():
    """Keep Brian2's log out of ours."""
    level = logging.getLogger("brian2").level
    logging.getLogger("brian2").setLevel(logging.ERROR)
    yield
    logging.getLogger("brian2").setLevel(level)


def check(number: int) -> None:
    spikes = compare_paths(draw_network(number, SIZE), number % SIZE.samples).spikes
    assert sum(one.size for one in spikes.values()) == SIZE.neuron_steps
    assert sum(one.any() for one in spikes.values()) >= 2
    assert 0.003 < sum(one.sum() for one in spikes.values()) / SIZE.neuron_steps < 0.5


def drawn(numbers: Iterable[int]) -> Counter[str]:
    """Return how many networks have each construct, and their neuron-steps."""
    seen: Counter[str] = Counter()
    for number in numbers:
        seen.update(dict.fromkeys(draw_network(number, SIZE).features, 1))
        seen["neuron-steps"] += SIZE.neuron_steps
    return seen


@pytest.mark.parametrize("number", NUMBERS)
def test_every_path_emits_the_spikes_of_the_users_run(number):
    check(number)


def test_every_construct_is_drawn():
    seen = drawn(NUMBERS)
    assert seen["neuron-steps"] >= 10**7
    assert [name for name in constructs() if not seen[name]] == []


@pytest.mark.slow
@pytest.mark.parametrize("number", SLOW_NUMBERS)
def test_every_path_emits_the_spikes_of_many_users_runs(number):
    check(number)


@pytest.mark.slow
def test_every_construct_is_drawn_often():
    seen = drawn(SLOW_NUMBERS)
    assert seen["neuron-steps"] >= 10**8
    assert [name for name in constructs() if seen[name] < 5] == []
