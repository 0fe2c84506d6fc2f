"""Published networks, read as they stand: the twin's spikes are those of Brian2."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from brian2 import Network, SpikeMonitor, ms, second, seed
from published_networks import SCRIPTS, chain, coba, cuba, run_script

import brianbridge as bb
from brianbridge.encoding import EncodedInput

NETWORKS = {"cuba": cuba, "coba": coba, "chain": chain}
INPUTS = {"chain": "volleys", "adaptive_threshold.py": "poissongroup"}


def run_in_both(
    objects: Any, duration: Any, namespace: dict[str, Any], source: str | None
) -> SimpleNamespace:
    """Read objects, run them in Brian2, give the twin what the input sent; return all spikes."""
    network = objects if isinstance(objects, Network) else Network(objects)
    read = bb.from_brian2(network, steps=duration, input=source, namespace=namespace)
    monitors = {}
    for name in [p.name for p in read.populations] + ([source] if source else []):
        monitors[name] = SpikeMonitor(network[name])
        network.add(monitors[name])
    network.run(duration, namespace=namespace)
    brian2 = {
        name: in_order(np.rint(monitor.t_[:] / read.dt), monitor.i[:])
        for name, monitor in monitors.items()
    }
    encoded = EncodedInput(current=np.zeros((1, 1)))
    if source:
        raster = np.zeros((read.steps, 1, *read.input_shape), np.int8)
        step, neuron = brian2.pop(source).T
        raster[step, 0, neuron] = 1
        encoded = EncodedInput(raster=raster)
    twin = bb.to_torch(read, dtype=torch.float64)
    with torch.no_grad():
        spikes = twin.run(*twin.as_tensors(encoded)).spikes
    ours = {name: raster[:, 0].nonzero().numpy() for name, raster in spikes.items()}
    return SimpleNamespace(read=read, brian2=brian2, twin=ours, encoded=encoded)


def in_order(step: np.ndarray, neuron: np.ndarray) -> np.ndarray:
    """Return pairs (step, neuron), sorted."""
    pairs = np.stack([step, neuron], axis=1).astype(np.int64)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def assert_equal(found: SimpleNamespace, at_least: int) -> None:
    for name, theirs in found.brian2.items():
        assert len(theirs) >= at_least
        np.testing.assert_array_equal(found.twin[name], theirs)


@pytest.mark.parametrize(
    ("name", "at_least"),
    [
        ("coba", 3000),
        pytest.param("cuba", 2000, marks=pytest.mark.slow),
        pytest.param("chain", 1000, marks=pytest.mark.slow),
    ],
)
def test_spikes_of_a_tenth_of_a_second(name, at_least):
    seed(3)
    network, constants = NETWORKS[name]()
    found = run_in_both(network, 100 * ms, constants, INPUTS.get(name))
    assert_equal(found, at_least)
    if name != "cuba":
        return
    for path in ("reference", "batched"):
        events = bb.simulate(found.read, found.encoded, backend=bb.Backend(path=path)).all_events[
            "cells"
        ]
        theirs = found.brian2["cells"]
        np.testing.assert_array_equal(in_order(events.step, events.node), theirs)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "at_least"), [("cuba", 20e3), ("coba", 60e3), ("chain", 15e3)])
def test_spikes_of_a_second(name, at_least):
    seed(3)
    network, constants = NETWORKS[name]()
    assert_equal(run_in_both(network, 1 * second, constants, INPUTS.get(name)), at_least)


@pytest.mark.slow
@pytest.mark.skipif(not SCRIPTS.is_dir(), reason="needs python-brian-doc, or BRIAN2_EXAMPLES")
@pytest.mark.parametrize("name", ["CUBA.py", "COBAHH.py", "adaptive_threshold.py"])
def test_brian2s_own_scripts_over_a_second(name):
    seed(3)
    script = run_script(name)
    found = run_in_both(script.objects, 1 * second, script.namespace, INPUTS.get(name))
    assert_equal(found, 10)
