"""Synapses that do more than add a weight: equations, several pathways, plasticity, coupling.

`model` describes them as frozen data, `build` makes ordinary Brian2 `Synapses` of a description.
Both the reference path and the twin start from these.
"""

from brianbridge.network.synapses.build import build_synapses, probe_synapses
from brianbridge.network.synapses.linear import delivers_weight
from brianbridge.network.synapses.model import SynapseModel, SynapsePathway

__all__ = ["SynapseModel", "SynapsePathway", "build_synapses", "delivers_weight", "probe_synapses"]
