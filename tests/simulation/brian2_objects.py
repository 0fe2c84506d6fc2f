"""Small Brian2 objects that a network is read from."""

from __future__ import annotations

from typing import Any

from brian2 import NeuronGroup, SpikeGeneratorGroup, Synapses, ms

LEAKY = "dv/dt = -v/(10*ms) : 1"
FIRING = {"threshold": "v > 1", "reset": "v = 0", "method": "exact"}


def cells(n: int = 3, name: str = "cells", equations: str = LEAKY, **options: Any) -> NeuronGroup:
    return NeuronGroup(n, equations, name=name, **{**FIRING, **options})


def wires(
    source: Any, target: Any, on_pre: Any = "v += w", model: str = "w : 1", **options: Any
) -> Synapses:
    pairs = options.pop("pairs", {"i": [2, 0, 1], "j": [0, 1, 1]})
    options.setdefault("name", "wires")
    synapses = Synapses(source, target, model, on_pre=on_pre, **options)
    synapses.connect(**pairs)
    return synapses


def pixels(n: int = 3) -> SpikeGeneratorGroup:
    return SpikeGeneratorGroup(n, [], [] * ms, name="pixels")
