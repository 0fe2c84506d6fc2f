"""Check that what a function was given as a network is one."""

from __future__ import annotations

from typing import Any

from brianbridge.errors import InputError
from brianbridge.network.network import SpikingNetwork

__all__ = ["check_network_given", "twin_within"]


def check_network_given(network: Any, what: str) -> None:
    """Refuse a twin, or anything else, in place of a network.

    Parameters
    ----------
    network : object
        What should be a `SpikingNetwork`.
    what : str
        The function or the network, for the message.

    Raises
    ------
    InputError
        If it is none.
    """
    if isinstance(network, SpikingNetwork):
        return
    if hasattr(network, "to_network"):
        raise InputError(
            f"{what}: a twin was given in place of its network; give bb.write_back(twin)"
        )
    if type(network).__module__.partition(".")[0] == "brian2":
        raise InputError(
            f"{what}: a brian2.{type(network).__name__} was given in place of a network; give "
            "bb.from_brian2(network, steps=..., input=...)"
        )
    remedy = "give a SpikingNetwork, or what bb.from_brian2 returns"
    if hasattr(network, "named_modules"):
        twin, read = twin_within(network), "bb.from_torch(model, example, dt=...)"
        remedy = f"give bb.write_back({twin})" if twin else f"give {read}"
    raise InputError(
        f"{what}: a {type(network).__name__} was given in place of a network; {remedy}"
    )


def twin_within(model: Any) -> str:
    """Return how to get the first twin in a torch module, as code; an empty text if it has none.

    Parameters
    ----------
    model : torch.nn.Module
        The module.
    """
    for name, part in model.named_modules():
        if name and hasattr(part, "to_network"):
            plain = all(step.isidentifier() for step in name.split("."))
            return f"model.{name}" if plain else f'model.get_submodule("{name}")'
    return ""
