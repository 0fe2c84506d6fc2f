"""Code that a group runs regularly is read, and runs in the twin at the same times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brian2 import Network, TimedArray, ms
from brian2_objects import cells, wires
from external_sources import check_all_paths, own_spikes

import brianbridge as bb
from brianbridge.neurons.regular import RegularCode

STEPS = 200
EQUATIONS = "dv/dt = (c - v)/(10*ms) : 1 (unless refractory)\nc : 1\nk : 1"


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("c = 2 - 0.7*c", {"dt": 1.3 * ms}),
        ("c = 1.2 + sin(t/(3*ms))", {}),
        ("k += 1; c = clip(k*0.1, 0, 1.4)", {"dt": 0.5 * ms}),
        ("v = 0.5*v + 0.4", {"dt": 2 * ms}),
        ("v = 0.3", {"dt": 9.5 * ms}),
        ("c = stimulus(t, i)*(1 + 0.3*int(v > 0.5))", {"dt": 0.4 * ms}),
    ],
)
def test_code_runs_when_brian2_runs_it(code, options, tmp_path):
    stimulus = TimedArray(np.random.default_rng(0).uniform(0.5, 3, (10, 4)), dt=2 * ms)
    group = cells(
        4, equations=EQUATIONS, refractory=1.7 * ms, method="euler",
        namespace={"stimulus": stimulus},
    )  # fmt: skip
    group.c = [1.5, 1.2, 2, 1.1]
    group.run_regularly(code, **options)
    one = wires(group, group, pairs={"condition": "i != j"}, delay=0.3 * ms)
    one.w = 0.21
    net = bb.from_brian2(Network(group, one), steps=STEPS)
    (spikes,) = own_spikes([group, one], [group], STEPS * 0.1 * ms)
    assert spikes.sum() > 3
    check_all_paths(net, None, spikes)
    # Every sample starts at time 0, also those of later chunks, and after a file.
    bb.save_network(net, tmp_path / "net.h5")
    again = bb.load_network(tmp_path / "net.h5")
    backend = bb.Backend(batch_size=2, threads=1)
    found = bb.simulate(again, np.zeros((5, 1)), backend=backend).raster("cells")
    for sample in range(5):
        np.testing.assert_array_equal(found[:, sample], spikes)


def test_pieces_of_code_run_in_brian2s_order():
    group = cells(3, equations=EQUATIONS, method="euler")
    group.run_regularly("c = 2*c", order=1)
    group.run_regularly("c = 0.9", order=0)
    net = bb.from_brian2([group], steps=STEPS)
    assert [one.code for one in net.population("cells").neuron.regular] == ["c = 0.9", "c = 2*c"]
    (spikes,) = own_spikes([group], [group], STEPS * 0.1 * ms)
    assert spikes.sum() > 3
    check_all_paths(net, None, spikes)


def refuse(refused: Any, said: tuple[str, ...], code: str, **options: Any) -> None:
    group = cells(3, equations=EQUATIONS, method="euler")
    group.run_regularly(code, **options)
    with refused(*said):
        bb.from_brian2([group], steps=STEPS)


def test_code_that_cannot_be_read(refused):
    refuse(refused, ("group 'cells'", "runs in 'end'", "when='start'"), "c = 1", when="end")
    refuse(refused, ("'c = 1' runs every 0.25 ms", "step of 0.1 ms"), "c = 1", dt=0.25 * ms)
    refuse(refused, ("unknown variable 'd'",), "c = d")
    with refused("'fired' is a condition", "True"):
        bb.NeuronModel(
            "dv/dt = -v/(5*ms) : 1\nfired : boolean", regular=[RegularCode("fired = 2*v")]
        )
