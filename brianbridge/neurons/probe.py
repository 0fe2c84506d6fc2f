"""Build a Brian2 group that is inspected and never run, and find what its names refer to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from brianbridge.neurons.build import build_group
from brianbridge.neurons.description import NeuronDescription

__all__ = ["on_runtime_device", "probe", "resolve_names"]


@contextmanager
def on_runtime_device() -> Iterator[None]:
    """Let Brian2 build objects that run in this process, even if a standalone device is set."""
    # `brian2.devices.device` as an attribute is the active device, not the module.
    devices: Any = import_module("brian2.devices.device")
    active, devices.active_device = devices.active_device, devices.runtime_device
    try:
        yield
    finally:
        devices.active_device = active


def probe(model: NeuronDescription, neurons: int = 1, **keywords: Any) -> Any:
    """Build a group that is inspected and never run.

    Brian2 does not warn that it never ran, and does not add it to a standalone program.

    Parameters
    ----------
    model : NeuronDescription
        The neuron.
    neurons : int
        Number of neurons.
    **keywords
        Further arguments of `brianbridge.neurons.build.build_group`.
    """
    from brian2 import NeuronGroup

    others = {id(known()) for known in NeuronGroup.__instances__()}
    try:
        with on_runtime_device():
            group = build_group(model, neurons, **keywords)
    finally:
        # This covers all new groups, even one whose construction failed half-way.
        for new in [known() for known in NeuronGroup.__instances__()]:
            if new is not None and id(new) not in others:
                new._network = "probe"
    for part in group.contained_objects:
        part._network = "probe"
    return group


def resolve_names(group: Any, *texts: str) -> dict[str, Any]:
    """Return the variables and functions that a group, and further code, name.

    Parameters
    ----------
    group : brian2.NeuronGroup
        A group with an explicit namespace.
    *texts : str
        Further abstract code.

    Returns
    -------
    dict of str to brian2 Variable or Function
    """
    from brian2.utils.stringtools import get_identifiers

    codes = [*group.events.values(), *group.event_codes.values(), *texts]
    if isinstance(group._refractory, str):
        codes.append(group._refractory)
    used = set(group.equations.identifiers).union(*(get_identifiers(c) for c in codes))
    variables = dict(group.variables)
    for name in used - set(variables) - {"and", "or", "not", "True", "False"}:
        try:
            variables[name] = group._resolve(name, run_namespace={}, user_identifier=False)
        except KeyError:
            continue  # a temporary of the abstract code itself
    return variables
