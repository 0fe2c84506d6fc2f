"""The routes between populations of a graph, and the order in which a step visits them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from brianbridge.errors import InputError
from brianbridge.interchange.graph import Graph, Input, Output, Population

__all__ = ["Route", "ordered", "output_routes", "routes_of"]

#: Routes multiply where layers branch and join.
_MOST_ROUTES = 2_000


@dataclass(frozen=True)
class Route:
    """Hold a way from one population, or the input, to the next.

    Parameters
    ----------
    source, target : str
        Names of the nodes at its ends.
    layers : tuple of str
        Names of the nodes without neurons on the way.
    """

    source: str
    target: str
    layers: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes on the way and the one at its end."""
        return (*self.layers, self.target)


def routes_of(graph: Graph) -> tuple[Route, ...]:
    """Return the routes to all populations and outputs.

    Raises
    ------
    InputError
        If layers form a loop without neurons, or there are too many routes.
    """
    sources: dict[str, list[str]] = {}
    for source, target in graph.edges:
        sources.setdefault(target, []).append(source)
    found: list[Route] = []
    for name, node in graph.nodes.items():
        if not isinstance(node, Population | Output):
            continue
        waiting: list[tuple[str, tuple[str, ...]]] = [(s, ()) for s in sources.get(name, ())]
        while waiting:
            at, layers = waiting.pop(0)
            if isinstance(graph.nodes[at], Population | Input):
                found.append(Route(at, name, layers))
            elif at in layers:
                raise InputError(
                    f"node '{at}' is in a loop without neurons; put neurons into the loop"
                )
            else:
                waiting += [(source, (at, *layers)) for source in sources.get(at, ())]
            if len(found) + len(waiting) > _MOST_ROUTES:
                raise InputError(
                    f"there are more than {_MOST_ROUTES} ways to node '{name}' through layers "
                    "without neurons; put neurons between them"
                )
    return tuple(found)


def output_routes(graph: Graph, routes: Iterable[Route]) -> tuple[Route, ...]:
    """Return the routes to the only output.

    Raises
    ------
    InputError
        If there are several outputs, or none.
    """
    outputs = [name for name, node in graph.nodes.items() if isinstance(node, Output)]
    if len(outputs) != 1:
        listed = f": {', '.join(outputs[:5])}" if outputs else ""
        raise InputError(f"the graph has {len(outputs)} Output nodes{listed}; give it one")
    found = tuple(route for route in routes if route.target == outputs[0])
    if not found:
        raise InputError(f"nothing leads to node '{outputs[0]}' (Output); connect it")
    return found


def ordered(routes: Iterable[Route], start: str, last: str) -> list[str]:
    """Return the populations in the order of a step; `last` comes last.

    A route that does not lead to a later population closes a loop.
    """
    targets: dict[str, list[str]] = {}
    for route in routes:
        targets.setdefault(route.source, []).append(route.target)
    finished: list[str] = []
    seen = {start}
    stack = [(start, iter(targets.get(start, ())))]
    while stack:
        name, rest = stack[-1]
        following = next((t for t in rest if t not in seen), None)
        if following is None:
            finished.append(name)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, iter(targets.get(following, ()))))
    order = [name for name in reversed(finished) if name not in (start, last)]
    return [*order, last]
