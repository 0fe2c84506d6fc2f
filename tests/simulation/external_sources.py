"""Networks with generators, Poisson groups and Poisson inputs, and their spikes in Brian2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from brian2 import Network, SpikeMonitor, prefs
from brian2_objects import cells

import brianbridge as bb
from brianbridge.encoding import EncodedInput
from brianbridge.network import SpikingNetwork

#: A population that other sources drive, in which no sum of weights meets the threshold exactly.
EQUATIONS = "dv/dt = (g - v)/(10*ms) : 1 (unless refractory)\ndg/dt = -g/(5*ms) : 1"


def target(n: int, name: str = "cells", **options: Any) -> Any:
    from brian2 import ms

    return cells(n, name, EQUATIONS, **{"refractory": 1 * ms, **options})


def own_spikes(objects: Sequence[Any], groups: Sequence[Any], duration: Any) -> list[np.ndarray]:
    """Run the user's own network, and return the raster ``(steps, neurons)`` of some groups."""
    monitors = [SpikeMonitor(group) for group in groups]
    before, prefs["codegen.target"] = prefs["codegen.target"], "numpy"
    try:
        Network(*objects, *monitors).run(duration)
    finally:
        prefs["codegen.target"] = before
    rasters = []
    for group, monitor in zip(groups, monitors, strict=True):
        dt = float(group.clock.dt_)
        raster = np.zeros((round(float(duration) / dt), len(group)))
        raster[np.rint(np.asarray(monitor.t_[:]) / dt).astype(int), monitor.i[:]] += 1
        rasters.append(raster)
    return rasters


def check_all_paths(net: SpikingNetwork, x: Any, wanted: np.ndarray, name: str = "cells") -> None:
    """Check that twin, reference and batched path emit the raster ``(steps, neurons)``.

    `x` is one sample, or an `EncodedInput` of one.
    """
    twin = bb.to_torch(net, dtype=torch.float64)
    if isinstance(x, EncodedInput):
        found = twin.run(*twin.as_tensors(x)).spikes[name].detach().numpy()
    else:
        found = twin.record(x).spikes[name]
    np.testing.assert_array_equal(found[:, 0], wanted)
    for path in ("reference", "batched"):
        recording = bb.simulate(net, x, backend=bb.Backend(path=path))
        np.testing.assert_array_equal(recording.spikes[name][:, 0], wanted)
