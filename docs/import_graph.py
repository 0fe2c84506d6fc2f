"""Read the imports of brianbridge from its source: the rooms, their order, and cycles.

A *room* is a folder right below ``brianbridge/``, or a module there that `FLOORS` names, such as
``cli``. Everything else is the *ground*, which every room may use. ``tests/architecture`` checks
the order of `FLOORS`, and ``docs/make_architecture.py`` draws it. The modules are not imported, so
a cycle does no harm here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "FLOORS", "FRONT", "GROUND", "PACKAGE", "Import",
    "cycles", "floor", "modules", "reachable", "read_imports", "room",
]  # fmt: skip

PACKAGE = "brianbridge"
GROUND = "ground"
#: Folders that belong to the ground.
GROUND_FOLDERS = ("schema",)
#: The package itself, and modules that only gather names for users; nothing may import them.
FRONT = (PACKAGE, "__main__", "connections", "encodings", "layers")
#: From the bottom up. A room may import its own floor and all floors below it.
FLOORS: tuple[tuple[str, ...], ...] = (
    (GROUND,),
    ("neurons",),
    ("encoding",),
    ("network",),
    ("datasets", "io"),
    ("kernels",),
    ("twin", "simulation", "interchange"),
    ("rules", "training", "perturbations", "measures", "plots"),
    ("ladder",),
    ("remedies", "sweep", "report", "sensitivities"),
    ("study", "bench", "fitting"),
    ("cli",),
    FRONT,
)

Graph = Mapping[str, set[str]]


@dataclass(frozen=True, order=True)
class Import:
    """One import statement.

    Parameters
    ----------
    module : str
        The module that imports.
    imported : str
        The module that is imported.
    line : int
        Line of the statement.
    """

    module: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.module} imports {self.imported} (line {self.line})"


def modules(root: Path) -> dict[str, Path]:
    """Return the modules and packages below ``root/brianbridge``: name and file."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def read_imports(root: Path) -> list[Import]:
    """Return every import of one module of the package by another.

    Imports in functions and under ``TYPE_CHECKING`` count, and so does ``import_module("...")``
    with the name written out. A `ValueError` is raised for a relative import.
    """
    files = modules(root)
    found = set()
    for module, path in files.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in _names(node, files):
                if name != module:
                    found.add(Import(module, name, getattr(node, "lineno", 0)))
    return sorted(found)


def _names(node: ast.AST, files: Mapping[str, Path]) -> Iterator[str]:
    """Yield the modules of the package that a statement imports."""
    match node:
        case ast.ImportFrom(level=level) if level:
            raise ValueError(f"line {node.lineno}: write the import with the package's name")
        case ast.ImportFrom(module=str(base), names=aliases):
            full = [f"{base}.{alias.name}" for alias in aliases]
            names = [name if name in files else base for name in full]
        case ast.Import(names=aliases):
            names = [alias.name for alias in aliases]
        case ast.Call(
            func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            names = [name]
        case _:
            names = []
    yield from (name for name in names if name in files)


def room(module: str) -> str:
    """Return the room of a module.

    Examples
    --------
    >>> room("brianbridge.twin.render"), room("brianbridge.errors"), room("brianbridge.cli")
    ('twin', 'ground', 'cli')
    """
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else PACKAGE
    if any(name in names for names in FLOORS):
        return name
    return name if len(parts) > 2 and name not in GROUND_FOLDERS else GROUND


def floor(name: str) -> int:
    """Return the floor of a room, 0 for the ground.

    Raises
    ------
    ValueError
        If no floor has the room.
    """
    for level, names in enumerate(FLOORS):
        if name in names:
            return level
    raise ValueError(f"the room '{name}' has no floor; add it to FLOORS in {Path(__file__).name}")


def cycles(graph: Graph) -> list[list[str]]:
    """Return the cycles of a graph: groups of nodes, each of which leads to all others.

    Examples
    --------
    >>> cycles({"a": {"b"}, "b": {"a", "c"}, "c": set()})
    [['a', 'b']]
    """
    reached = {node: reachable(graph, node) for node in graph}
    found = {
        tuple(sorted(other for other in reached[node] if node in reached.get(other, ())))
        for node in graph
        if node in reached[node]
    }
    return [list(cycle) for cycle in sorted(found)]


def reachable(graph: Graph, start: str) -> set[str]:
    """Return the nodes to which a path of at least one step leads."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting.extend(new)
    return found
