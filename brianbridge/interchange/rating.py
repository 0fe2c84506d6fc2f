"""How faithfully each node of a foreign network is taken over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from brianbridge.errors import InputError

__all__ = ["APPROXIMATE", "FAITHFUL", "NodeRating", "Rating", "unsupported"]

FAITHFUL, APPROXIMATE = "faithful", "approximate"
#: Rows of a table; a file may have any number of nodes.
_SHOWN = 60


@dataclass(frozen=True)
class NodeRating:
    """Say how one node is taken over.

    Parameters
    ----------
    name, kind : str
        The node and its kind, such as ``"LIF"``.
    rating : {"faithful", "approximate"}
        Whether the network does exactly what the node says.
    note : str
        What differs, or what had to be assumed.
    """

    name: str
    kind: str
    rating: str = FAITHFUL
    note: str = ""


@dataclass(frozen=True)
class Rating:
    """Hold the ratings of all nodes, and remarks on the whole.

    Parameters
    ----------
    nodes : tuple of NodeRating
        In the order of the file.
    notes : tuple of str
        What concerns no single node.
    """

    nodes: tuple[NodeRating, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = self.nodes[:_SHOWN]
        wide = max((len(node.name) for node in shown), default=0) + 2
        rows = [
            f"{node.name:{wide}}{node.kind:<11}{node.rating:<13}{node.note}".rstrip()
            for node in shown
        ]
        if len(self.nodes) > _SHOWN:
            rows.append(f"... and {len(self.nodes) - _SHOWN} more nodes")
        return "\n".join([*rows, *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """Return all ratings, for JSON."""
        nodes = {
            node.name: {"kind": node.kind, "rating": node.rating, "note": node.note}
            for node in self.nodes
        }
        return {"nodes": nodes, "notes": list(self.notes)}


def unsupported(name: str, kind: str, reason: str, remedy: str) -> InputError:
    """Return the error that refuses a node: its name, the reason, and what to do instead."""
    return InputError(f"node '{name}' ({kind}): {reason}; {remedy}")
