"""Figures as inline SVG, with text alternatives and in the colours of the page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from brianbridge.plots.style import BLUE, GREEN, SKY, VERMILLION

__all__ = ["Figure", "draw"]

_SVG = "{http://www.w3.org/2000/svg}"
#: Placeholder for the text colour of the page, which is light in dark mode; no plot uses it.
_INK = "#010203"
_INKED = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
_COLOURS = {
    _INK: "currentColor",
    BLUE: "var(--blue)",
    VERMILLION: "var(--vermillion)",
    GREEN: "var(--green)",
    SKY: "var(--sky)",
}
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(r"(font(?:-family)?:[^;']*)'[^;]*")


@dataclass(frozen=True)
class Figure:
    """Hold a figure of the page.

    Parameters
    ----------
    svg : str
        The ``<svg>`` element.
    title : str
        Title of the figure.
    caption : str
        How to read the figure.
    """

    svg: str
    title: str
    caption: str


def draw(
    name: str,
    title: str,
    description: str,
    plot: Callable[[Any], Any],
    *,
    height: float,
    width: float = 4.4,
    caption: str = "",
    grid: tuple[int, int] = (1, 1),
) -> Figure:
    """Draw a figure.

    Parameters
    ----------
    name : str
        Unique name on the page; identifiers in the figure begin with it.
    title, description : str
        The text alternative: what the figure shows, and its numbers in words.
    plot : callable
        Function that draws on given axes.
    height, width : float
        Size in inches; an inch is about a quarter of a phone's width.
    caption : str
        How to read the figure.
    grid : (int, int)
        Rows and columns of axes, which share their scales; `plot` gets an array of several.
    """
    from matplotlib.figure import Figure as Canvas

    with _style(name):
        canvas = Canvas(figsize=(width, height), layout="constrained")
        plot(canvas.subplots(*grid, sharex=True, sharey=True))
        file = io.StringIO()
        canvas.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return Figure(_inline(file.getvalue(), name, title, description), title, caption)


@contextmanager
def _style(name: str) -> Iterator[None]:
    """Set the style of the page, whatever the user's style is; figures are reproducible."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": name,
                "font.size": 11,
                "font.family": "DejaVu Sans",
                "text.parse_math": False,  # a name may contain dollar signs
                "savefig.transparent": True,
                **dict.fromkeys(_INKED, _INK),
            }
        )
        yield


def _inline(text: str, name: str, title: str, description: str) -> str:
    """Return the ``<svg>`` element of a file, changed so that it can share a page with others."""
    root = ElementTree.fromstring(text)
    for parent in list(root.iter()):
        for child in list(parent):
            # A style sheet would apply to the whole page.
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style") or (
                child.tag == f"{_SVG}defs" and all(c.tag == f"{_SVG}style" for c in child)
            ):
                parent.remove(child)
    used = {found for e in root.iter() for found in _references(e)}
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        element.attrib = {
            key.rpartition("}")[2]: _coloured(value, name)
            for key, value in element.attrib.items()
            if key != "id" or value in used
        }
        if "id" in element.attrib:
            element.set("id", f"{name}-{element.attrib['id']}")
        if (target := element.get("href", "")).startswith("#"):
            element.set("href", f"#{name}-{target[1:]}")
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-labelledby": f"{name}-title {name}-desc",
    }
    for index, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(tag, {"id": f"{name}-{tag}"})
        element.text = text
        root.insert(index, element)
    return ElementTree.tostring(root, encoding="unicode")


def _references(element: ElementTree.Element) -> Iterator[str]:
    for key, value in element.attrib.items():
        if key.endswith("href"):
            yield value.removeprefix("#")
        yield from _REFERENCE.findall(value)


def _coloured(value: str, name: str) -> str:
    """Return the value of an attribute with colours, font and identifiers of the page."""
    for colour, variable in _COLOURS.items():
        value = value.replace(colour, variable)
    return _FONT.sub(r"\1sans-serif", _REFERENCE.sub(rf"url(#{name}-\1)", value))
