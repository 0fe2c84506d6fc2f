"""The section that says how a network from elsewhere was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brianbridge.interchange.nir.conventions import Conventions
from brianbridge.interchange.rating import APPROXIMATE
from brianbridge.readable import milliseconds

__all__ = ["Origin", "origin_of"]


@dataclass(frozen=True)
class Origin:
    """The part of the page about the reading of a network.

    Parameters
    ----------
    sentence : str
        Its format, and the conventions by which it was read.
    notes : list of str
        What concerns no single node.
    nodes : list of tuple of str
        Name, kind, rating and note of each node; empty where there is no rating.
    """

    sentence: str
    notes: list[str]
    nodes: list[tuple[str, str, str, str]]

    @property
    def approximate(self) -> int:
        """Number of nodes that are not taken over faithfully."""
        return sum(rating == APPROXIMATE for _, _, rating, _ in self.nodes)


def origin_of(provenance: Mapping[str, Any]) -> Origin | None:
    """Return how a network was read, by its provenance; None if it was built here.

    Examples
    --------
    >>> facts = {"format": "torch", "frameworks": {"norse": "1.1.0"}, "dt": 1e-3, "notes": []}
    >>> origin_of({"interchange": facts}).sentence
    'The network was read from a torch module with neurons of norse 1.1.0, at a step of 1 ms.'
    """
    facts = provenance.get("interchange")
    if not isinstance(facts, Mapping):
        return None
    if facts["format"] == "torch":
        used = ", ".join(f"{name} {version}" for name, version in facts["frameworks"].items())
        read = f"a torch module with neurons of {used}, at a step of {milliseconds(facts['dt'])}"
    else:
        given = dict(facts["conventions"])
        source = given.pop("source")
        given["defaults"] = tuple(given["defaults"])
        read = f"a NIR file, {Conventions(**given)}. These rules are from {source}"
    nodes = [
        (name, node["kind"], node["rating"], node["note"])
        for name, node in facts.get("nodes", {}).items()
    ]
    notes = [f"{note[:1].upper()}{note[1:]}." for note in facts["notes"]]
    return Origin(f"The network was read from {read}.", notes, nodes)
