"""The neurons of other frameworks, read from their modules.

Each module here reads the neurons of one framework, by the names of their classes: no framework
is imported. A new framework is a new file, with one line in `FRAMEWORKS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brianbridge.interchange.frameworks.norse import NORSE
from brianbridge.interchange.frameworks.reading import Cell, Reading
from brianbridge.interchange.frameworks.sinabs import SINABS
from brianbridge.interchange.frameworks.snntorch import SNNTORCH
from brianbridge.interchange.frameworks.spikingjelly import SPIKINGJELLY

__all__ = ["FRAMEWORKS", "Cell", "Reading", "framework_of", "reader_of", "time_axis_of"]

#: For each framework, the name of its package, its neurons by class, and how each is read.
FRAMEWORKS: dict[str, dict[str, Callable[[Reading], Cell]]] = {
    "snntorch": SNNTORCH,
    "norse": NORSE,
    "spikingjelly": SPIKINGJELLY,
    "sinabs": SINABS,
}


def framework_of(module: Any) -> str:
    """Return the framework that a module comes from, through a base class; empty if none."""
    for base in type(module).__mro__:
        package = base.__module__.partition(".")[0]
        if package in FRAMEWORKS:
            return package
    return ""


def reader_of(module: Any) -> Callable[[Reading], Cell] | None:
    """Return the reader for the neurons of a module; None if it is no known neuron."""
    return FRAMEWORKS.get(framework_of(module), {}).get(type(module).__name__)


def time_axis_of(module: Any) -> int | None:
    """Return the axis along which neurons take all steps; -1 if merged, None for single steps."""
    name = type(module).__name__
    match framework_of(module):
        case "norse":
            return None if name.endswith("Cell") else 0
        case "spikingjelly":
            return 0 if module.step_mode == "m" else None
        case "sinabs":
            return -1 if name.endswith("Squeeze") else 1
    return None
