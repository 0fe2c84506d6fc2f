"""Calibration of networks whose synapses have a model: only what acts as a weight is scaled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from brian2 import Hz, Network, NeuronGroup, PoissonGroup, Synapses, ms

import brianbridge as bb
from brianbridge.network.synapses import delivers_weight
from brianbridge.perturbations import FinerDt
from brianbridge.remedies.calibrate import calibrate

MODEL = "w : 1\nU : 1\ndx/dt = (1 - x)/(50*ms) : 1 (event-driven)"


def depressing(train: str | None, on_pre: str = "v_post += w*U*x; x -= U*x") -> Any:
    given = PoissonGroup(8, 200 * Hz, name="given")
    cells = NeuronGroup(4, "dv/dt = -v/(10*ms) : 1", threshold="v > theta", reset="v = 0",
                        method="exact", name="cells", namespace={"theta": 1.0})  # fmt: skip
    stp = Synapses(given, cells, MODEL, on_pre=on_pre, name="stp")
    stp.connect()
    stp.w, stp.U, stp.x = 0.9, 0.4, 1
    return bb.from_brian2(
        Network(given, cells, stp), steps=50 * ms, dt=1 * ms, input="given", train={"stp": train}
    )


DATA = bb.from_arrays("mine", np.random.default_rng(0).random((10, 8)), np.arange(10) % 2)


@pytest.mark.parametrize(
    ("train", "on_pre", "linear"),
    [
        ("w", "v_post += w*U*x; x -= U*x", True),
        ("w", "v_post -= -w*x*(2 - v_post)/U", True),
        ("U", "v_post += w*U*x; x -= U*x", False),
        ("w", "v_post += clip(w, 0, 1)", False),
        ("w", "v_post += w + U", False),
        ("w", "v_post += w*x; w = clip(w + 0.1, 0, 1)", False),
        ("w", "v_post += w*w", False),
    ],
)
def test_a_weight_is_a_factor_of_all_that_is_added(train, on_pre, linear):
    [projection] = depressing(train, on_pre).projections
    assert delivers_weight(projection.model) is linear


def test_a_model_that_delivers_its_weight_is_scaled():
    net = depressing("w")
    found = calibrate(net, DATA, [FinerDt(2)], samples=4, rounds=2)
    [before], [after] = net.projections, found.network.projections
    assert found.scales["cells"] > 0
    np.testing.assert_allclose(after.weight, found.scales["cells"] * before.weight)


def test_another_parameter_is_refused_before_anything_runs(refused):
    net = depressing("U")
    with refused(
        "synapses of projection 'input_to_cells_stp'", "'U' is more than a factor", "freeze"
    ):
        calibrate(net, DATA, [])
    frozen = tuple(replace(p, frozen=True) for p in net.projections)
    assert calibrate(replace(net, projections=frozen), DATA, [], samples=4).scales == {}
