"""Make ordinary Brian2 `Synapses` of a synapse model."""

from __future__ import annotations

from typing import Any

from brianbridge.network.synapses.model import SynapseModel
from brianbridge.neurons.probe import on_runtime_device

__all__ = ["build_synapses", "probe_synapses"]

#: Places in Brian2's slot 'groups' around the state updates of neurons, whose order is twice their
#: rank (`SpikingNetwork.update_ranks`).
_SUMS, _BEFORE_NEURONS, _AFTER_NEURONS = -2, -1, 2**31


def build_synapses(model: SynapseModel, source: Any, target: Any, **keywords: Any) -> Any:
    """Build Brian2 `Synapses` without connections; each pathway has a delay for each synapse.

    Parameters
    ----------
    model : SynapseModel
        The description.
    source, target : brian2.NeuronGroup
        The groups at their ends.
    **keywords
        Further arguments of `Synapses` (``name``, ``clock``).
    """
    from brian2 import Synapses

    codes: dict[str, dict[str, str]] = {"pre": {}, "post": {}}
    for pathway in model.pathways:
        codes[pathway.side][pathway.name] = pathway.code
    synapses = Synapses(
        source,
        target,
        model.equations,
        on_pre=codes["pre"] or None,
        on_post=codes["post"] or None,
        method=model.method,
        namespace=dict(model.constants),
        **keywords,
    )
    for pathway in model.pathways:
        getattr(synapses, pathway.name).order = pathway.order
    for updater in synapses.summed_updaters.values():
        updater.order = target.state_updater.order - 1 if model.after_source else _SUMS
    if synapses.state_updater is not None:
        synapses.state_updater.order = _BEFORE_NEURONS if model.updates_first else _AFTER_NEURONS
    return synapses


def probe_synapses(model: SynapseModel, source: Any, target: Any, **keywords: Any) -> Any:
    """Build `Synapses` that are inspected and never run."""
    with on_runtime_device():
        synapses = build_synapses(model, source, target, **keywords)
    # Brian2 warns of objects that never ran, unless they belong to a network.
    for part in (synapses, *synapses.contained_objects):
        part._network = "probe"
    return synapses
