"""Brian2's caches stay bounded, and a network that they forgot is simulated as before."""

from __future__ import annotations

from batched_networks import X, assert_same, looped
from brian2.codegen.translation import make_statements
from brian2.stateupdaters.base import StateUpdateMethod

from brianbridge.simulation import cache_limit
from brianbridge.simulation.backend import Backend
from brianbridge.simulation.cache_limit import trim_caches
from brianbridge.simulation.simulate import simulate

CACHES = (make_statements._cache, StateUpdateMethod.apply_stateupdater._cache)


def sizes():
    return [len(cache) for cache in CACHES]


def test_simulations_do_not_fill_memory_with_what_brian2_has_parsed(monkeypatch):
    monkeypatch.setattr(cache_limit, "LIMIT", 10)
    first = simulate(looped(), X)
    assert sizes()[0] == 10
    assert_same(simulate(looped(), X), first, rtol=0)
    for samples in (1, 2, 3):  # each another size of groups, which is another entry
        simulate(looped(), X[:1].repeat(samples, 0), backend=Backend(path="reference"))
    assert max(sizes()) <= 10


def test_the_newest_stay():
    simulate(looped(), X)
    newest = [list(cache)[-2:] for cache in CACHES]
    trim_caches(2)
    assert [list(cache) for cache in CACHES] == newest
