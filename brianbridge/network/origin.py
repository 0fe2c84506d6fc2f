"""Where the parts of a network come from that `brianbridge.from_brian2` read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["ORIGIN", "is_read", "synapses_of"]

#: Key of the provenance under which the synapses of each projection's weights are stored.
ORIGIN = "from_brian2"


def is_read(network: Any) -> bool:
    """Return whether a network was read from Brian2, rather than built of layers."""
    return isinstance(network.provenance.get(ORIGIN), Mapping)


def synapses_of(network: Any, projection: str) -> str:
    """Return the name of the `Synapses` that became a projection; an empty text if there are none.

    A file may hold anything in the provenance; anything but a name is ignored.
    """
    if not is_read(network):
        return ""
    entry = network.provenance[ORIGIN].get(projection)
    name = entry.get("synapses") if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) else ""
