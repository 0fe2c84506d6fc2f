"""Check that what a function was given as a network is one."""

from __future__ import annotations

from typing import Any

from brianbridge.errors import InputError
from brianbridge.network.network import SpikingNetwork

__all__ = ["check_network_given"]


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
            f"{what}: a twin was given in place of its network; give twin.to_network()"
        )
    if type(network).__module__.partition(".")[0] == "brian2":
        raise InputError(
            f"{what}: a brian2.{type(network).__name__} was given in place of a network; give "
            "bb.from_brian2(network, steps=..., input=...)"
        )
    raise InputError(
        f"{what}: a {type(network).__name__} was given in place of a network; give a "
        "SpikingNetwork, or what bb.from_brian2 returns"
    )
