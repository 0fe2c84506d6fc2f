"""Draw the rooms of brianbridge and who imports whom: ``python docs/make_architecture.py``.

The picture, ``docs/architecture.png``, comes from the source alone (`import_graph`). An arrow from
one room to another means that the first imports the second. Arrows that follow from others are left
out: if A imports B and B imports C, then A may import C. All rooms use the ground, without arrows.
"""

from __future__ import annotations

import ast
import textwrap
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from import_graph import (
    FLOORS,
    FRONT,
    GROUND,
    PACKAGE,
    floor,
    modules,
    reachable,
    read_imports,
    room,
)
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

ROOT = Path(__file__).parents[1]
WIDTH, HEIGHT, STEP = 2.7, 1.15, 1.85
#: Rooms that do not stand in the middle of their floor: at the side they cross fewer arrows.
COLUMNS = {"study": -0.5, "bench": 2}
#: One colour for each floor, from Okabe and Ito's palette.
COLOURS = ("#999999", "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7")
Edges = dict[str, set[str]]


def edges_between_rooms() -> Edges:
    """Return which rooms a room imports; ground and the front of the package are left out."""
    found: Edges = defaultdict(set)
    for one in read_imports(ROOT):
        source, target = room(one.module), room(one.imported)
        if source != target and target != GROUND and source not in {GROUND, *FRONT}:
            found[source].add(target)
    return found


def without_implied(edges: Edges) -> Edges:
    """Return the edges that do not follow from a longer path that never climbs."""
    level = {
        name: {other for other in others if floor(other) <= floor(name)}
        for name, others in edges.items()
    }
    below = {name: reachable(level, name) for name in level}
    return {
        name: {
            other
            for other in others
            if not any(other in below.get(between, ()) for between in level[name] - {other})
        }
        for name, others in edges.items()
    }


def centres() -> dict[str, tuple[float, float]]:
    """Return the centre of the box of each room."""
    found = {}
    for level, names in enumerate(FLOORS[:-1]):
        for k, name in enumerate(names):
            column = COLUMNS.get(name, k - (len(names) - 1) / 2)
            found[name] = (column * (WIDTH + 0.45), level * STEP)
    return found


def descriptions() -> dict[str, str]:
    """Return the first line of the docstring of each room."""
    files = modules(ROOT)
    texts = {GROUND: "Errors, registry, schemas, paths, recordings."}
    for name, path in files.items():
        if room(name) not in texts and name == f"{PACKAGE}.{room(name)}":
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            texts[room(name)] = text.partition("\n")[0].replace("``", "").replace("`", "")
    return texts


def draw_room(ax: Axes, name: str, x: float, y: float, text: str) -> None:
    """Draw the box of a room: its name and what it is for."""
    colour = COLOURS[floor(name) % len(COLOURS)]
    box = FancyBboxPatch(
        (x - WIDTH / 2, y - HEIGHT / 2), WIDTH, HEIGHT, boxstyle="round,pad=0,rounding_size=0.1",
        facecolor="white", edgecolor=colour, linewidth=2, zorder=2,
    )  # fmt: skip
    ax.add_patch(box)
    left = x - WIDTH / 2 + 0.1
    ax.text(left, y + 0.38, name, weight="bold", size=10, va="center", zorder=3)
    lines = textwrap.wrap(text.rstrip("."), 27)
    lines = [*lines[:2], f"{lines[2]} ..."] if len(lines) > 3 else lines
    ax.text(left, y - 0.16, "\n".join(lines), va="center", size=7.5, zorder=3)


def draw_arrow(ax: Axes, source: str, target: str, where: dict[str, tuple[float, float]]) -> None:
    """Draw an arrow; one that climbs, which `tests/architecture` forbids, is red."""
    (x1, y1), (x2, y2) = where[source], where[target]
    rise = floor(target) - floor(source)
    shift = 0.55 * max(-1.0, min(1.0, (x2 - x1) / WIDTH))
    if rise == 0:
        side = WIDTH / 2 * (1 if x2 > x1 else -1)
        ends = ((x1 + side, y1), (x2 - side, y2))
    else:
        half = HEIGHT / 2 * (1 if rise > 0 else -1)
        ends = ((x1 + shift, y1 + half), (x2 - shift, y2 - half))
    arrow = FancyArrowPatch(
        *ends, arrowstyle="-|>", mutation_scale=11, shrinkA=0, shrinkB=1, zorder=1,
        color="red" if rise > 0 else COLOURS[floor(source) % len(COLOURS)], linewidth=1.2,
    )  # fmt: skip
    ax.add_patch(arrow)


def main() -> None:
    """Draw and write the picture."""
    where, texts = centres(), descriptions()
    widest = max(abs(x) for x, _ in where.values()) + WIDTH / 2 + 0.2
    top = max(y for _, y in where.values()) + HEIGHT
    figure, ax = plt.subplots(figsize=(2 * widest * 0.8, (top + 1) * 0.8), dpi=110)
    for name, (x, y) in where.items():
        draw_room(ax, name, x, y, texts.get(name, ""))
    for source, targets in without_implied(edges_between_rooms()).items():
        for target in sorted(targets):
            draw_arrow(ax, source, target, where)
    ax.set(xlim=(-widest, widest), ylim=(-HEIGHT, top))
    ax.set_axis_off()
    figure.savefig(
        ROOT / "docs" / "architecture.png", bbox_inches="tight", metadata={"Software": None}
    )


if __name__ == "__main__":
    main()
