"""The page of worst rungs pairs verdicts by what networks were started from."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "studies" / "results"


@pytest.fixture
def program(monkeypatch):
    monkeypatch.syspath_prepend(str(RESULTS))
    return import_module("make_robustness")


def verdict(program, name, clean, samples=100, skipped=None, **rungs):
    return program.as_result(name, {
        "dataset": {"samples": samples},
        "twin": {"accuracy": clean},
        "rungs": [
            {"name": rung, "accuracy": accuracy, "outcome": "held", "perturbations": {}}
            for rung, accuracy in rungs.items()
        ],
        "skipped": skipped or {},
    })  # fmt: skip


def test_networks_are_read_from_provenance_the_last_start_first(program):
    first = {"study": "first"}
    second = {"start": {"file": "studies/trained/first.h5", "provenance": first}}
    third = {"start": {"file": "somewhere/second.h5", "provenance": second}}
    assert list(program.starts(third)) == ["second", "first"]
    assert list(program.starts(first)) == []


def test_kept_networks_know_what_they_were_started_from(program):
    assert list(program.starts_of_kept("fashion_mnist_first_spike_finer")) == [
        "fashion_mnist_first_spike"
    ]
    more_time = program.starts_of_kept("fashion_mnist_first_spike_finer_more_time")
    assert list(more_time) == ["fashion_mnist_first_spike_finer"]


def test_a_verdict_is_paired_with_the_last_start_that_has_one(program):
    known = [verdict(program, name, 0.9, noise=0.5) for name in ("a", "alone", "held", "other")]
    starts = {"held": ["without a verdict", "a"], "other": ["a"], "alone": ["without a verdict"]}
    found = program.paired(known, lambda name: starts.get(name, []))
    names = [tuple(verdict.network for verdict in history) for history in found]
    assert names == [("alone",), ("a", "held"), ("a", "other")]


def test_the_page_tells_both_worst_rungs_and_what_was_left_out(program):
    before = verdict(program, "fashion_mnist_a", 0.9, 1000, noise=0.5, delay=0.6, timing=0.1)
    after = verdict(
        program, "fashion_mnist_b", 0.88, 10_000, {"timing": "no spikes"}, noise=0.8, delay=0.7
    )
    alone = verdict(program, "fashion_mnist_c", 0.7, noise=0.6)
    page = program.page([(alone,), (before, after)], "today")
    assert "| `c` | 100 | 70.00% | 60.00% (noise) | - |" in page
    assert (
        "| `a` → `b` | 1,000 → 10,000 | 90.00% → 88.00% | 50.00% → 80.00% (noise) "
        "| 60.00% → 70.00% (delay) |"
    ) in page
    assert "- `b` has no rung 'timing': no spikes." in page
    assert "numbers of test images differ" in page
    assert "differ" not in program.page([(before, before)], "today")
