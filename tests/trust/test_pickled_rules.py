"""A twin can be pickled and copied after every learning rule has prepared and trained it."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from test_global_state import DATA, X, network_for

import brianbridge as bb
from brianbridge.rules import rule_names


@pytest.mark.parametrize("rule", rule_names())
def test_a_trained_twin_is_copied(rule):
    twin = bb.to_torch(network_for(rule))
    bb.train(twin, DATA, rule, epochs=1, validation_fraction=0.0)
    inputs = twin.encode(X)
    for other in (pickle.loads(pickle.dumps(twin)), copy.deepcopy(twin)):
        assert torch.equal(other.run(*inputs).output, twin.run(*inputs).output)
