"""Linked variables whose source is constant are parameters; see test_links_to_state for others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from brian2 import Network, NeuronGroup, linked_var, ms
from brian2_objects import wires
from external_sources import check_all_paths, own_spikes

import brianbridge as bb

STEPS = 200
SOURCE = """
dv/dt = -v/(5*ms) : 1
x : 1 (constant)
y : 1
k : integer
on : boolean (constant)
s : 1 (shared)
z : 1
double = 2*y : 1
"""


def source() -> NeuronGroup:
    group = NeuronGroup(
        3, SOURCE, threshold="v > 1", reset="v = 0; z += 1", method="exact", name="source"
    )
    group.x, group.y, group.k, group.on, group.s = [1, 2, 3], [0.5, 1, 1.5], [1, 2, 3], True, 1.2
    group.on[1] = False
    return group


def linked(declaration: str, origin: Any, **index: Any) -> NeuronGroup:
    group = NeuronGroup(
        4, f"dv/dt = (1.0*q - v)/(5*ms) : 1\n{declaration}", threshold="v > 0.7", reset="v = 0",
        method="exact" if " : 1" in declaration else "euler", name="cells",
    )  # fmt: skip
    group.q = linked_var(*origin, **index)
    return group


@pytest.mark.parametrize(
    ("name", "declaration"),
    [
        ("x", "q : 1 (linked)"),
        ("y", "q : 1 (linked)"),
        ("k", "q : integer (linked)"),
    ],
)
def test_constants_of_another_group(name, declaration):
    other = source()
    group = linked(declaration, (other, name), index=[2, 1, 1, 0])
    check(group, other)


def test_a_shared_constant_and_one_of_the_same_group():
    other = source()
    check(linked("q : 1 (linked)", (other, "s")), other)
    group = NeuronGroup(
        3, "dv/dt = (0.6*left + x - v)/(5*ms) : 1\nx : 1\nleft : 1 (linked)", threshold="v > 0.8",
        reset="v = 0", method="exact", name="cells",
    )  # fmt: skip
    group.x = [0.4, 0.9, 1]
    group.left = linked_var(group, "x", index=[2, 0, 1])
    check(group)


def check(group: NeuronGroup, *others: Any) -> None:
    """Check all paths against the run of the user."""
    net = bb.from_brian2(Network(group, *others), steps=STEPS, output="cells")
    (spikes,) = own_spikes([group, *others], [group], STEPS * 0.1 * ms)
    assert spikes.sum() > 3
    check_all_paths(net, None, spikes)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("v", "follows 'v' of 'source', which changes in a run, and a model belongs to no network"),
        ("z", "follows 'z' of 'source'"),
        ("double", "is linked to a subexpression; link the variables"),
    ],
)
def test_a_model_of_its_own_cannot_follow_what_changes(refused, name, said):
    other = source()
    group = linked("q : 1 (linked)", (other, name), index=np.arange(4) % 3)
    with refused("group 'cells': linked variable 'q'", said):
        bb.NeuronModel.from_group(group)


def test_what_synapses_change_is_followed():
    other = source()
    group = linked("q : 1 (linked)", (other, "y"), index=[0, 1, 2, 0])
    feedback = wires(group, other, "y += w")
    feedback.w = 0.1
    net = bb.from_brian2(Network(group, other, feedback), steps=STEPS, output="cells")
    (spikes,) = own_spikes([group, other, feedback], [group], STEPS * 0.1 * ms)
    assert spikes.sum() > 3
    twin = bb.to_torch(net, dtype=torch.float64)
    np.testing.assert_array_equal(twin.record(None).spikes["cells"][:, 0], spikes)
    np.testing.assert_array_equal(bb.simulate(net, None).spikes["cells"][:, 0], spikes)


def test_what_is_not_linked_yet(refused):
    group = NeuronGroup(2, "v : 1\nq : 1 (linked)", name="cells")
    with refused("linked variable 'q' has no source", "group.q = linked_var(source, 'x')"):
        bb.NeuronModel.from_group(group)
