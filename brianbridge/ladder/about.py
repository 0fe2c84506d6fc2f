"""Say in plain values which network a verdict is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brianbridge.network import SpikingNetwork
from brianbridge.network.digest import digest_of_network
from brianbridge.readable import milliseconds

__all__ = ["about_network"]


def about_network(network: SpikingNetwork) -> dict[str, Any]:
    """Describe a network in a few values, ready for JSON.

    Parameters
    ----------
    network : SpikingNetwork
        The network.

    Returns
    -------
    dict
        ``sha256``, ``populations`` (``name``, ``shape`` and ``neuron`` of each), ``encoding`` and
        ``readout`` in words, ``dt_ms``, ``cells`` (number of steps times neurons that fire) and
        ``training`` (study, rule and seed, as far as they are known).
    """
    known = network.provenance
    rule = known.get("rule")
    name = rule.get("name") if isinstance(rule, Mapping) else rule
    training = {"study": known.get("study"), "rule": name, "training seed": known.get("seed")}
    return {
        "sha256": digest_of_network(network),
        "populations": [
            {
                "name": p.name,
                "shape": " × ".join(map(str, p.shape)),
                "neuron": p.neuron.name or "custom equations",
            }
            for p in network.populations
        ],
        "encoding": f"{network.encoding.kind}, {network.steps} steps of {milliseconds(network.dt)}",
        "readout": network.readout,
        "dt_ms": 1e3 * network.dt,
        "cells": network.steps * sum(p.size for p in network.firing),
        "training": {key: str(value) for key, value in training.items() if value is not None},
    }
