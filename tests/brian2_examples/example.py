"""What one example is: a small network of a published mechanism, as a Brian2 user writes it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brian2 import Network, defaultclock, ms
from torch import Tensor

from brianbridge.twin.network import NetworkOutput

__all__ = ["NAMES", "Example", "build", "fewer_spikes"]

#: The modules of the folder `examples`, each with a function ``build``.
NAMES = sorted(path.stem for path in (Path(__file__).parent / "examples").glob("[a-z]*.py"))


def fewer_spikes(run: NetworkOutput) -> Tensor:
    """Return the mean number of spikes of a neuron, summed over populations: a loss."""
    return sum(spikes.sum(0).mean() for spikes in run.spikes.values())  # type: ignore[return-value]


@dataclass(frozen=True)
class Example:
    """Hold a network, how it is read, and what is compared and trained.

    Parameters
    ----------
    name : str
        Name of its module.
    paper : str
        Authors, year and title of the paper.
    mechanism : str
        What the network does, in a line.
    network : brian2.Network
        A fresh network, without monitors.
    read : mapping
        Options of `brianbridge.from_brian2`. `steps` is the duration of the comparison. The groups
        of `input` fire as Brian2 drew them in the user's own run: their spikes are recorded, and
        replayed with the encoding `Frames`.
    traces : tuple of str
        State variables that are compared, in all groups that have them.
    loss : callable
        The loss of the training step, a function of the twin's run. ``run.traces`` has `traces`.
    change : float
        How far the training step moves each weight, as a part of the mean size of the weights.
    refused : str
        A part of the message with which `from_brian2` refuses the network, or "".
    """

    name: str
    paper: str
    mechanism: str
    network: Network
    read: Mapping[str, Any] = field(default_factory=dict)
    traces: tuple[str, ...] = ("v",)
    loss: Callable[[NetworkOutput], Tensor] = fewer_spikes
    change: float = 0.02
    refused: str = ""


def build(name: str) -> Example:
    """Return the example of a module of the folder `examples`, whose step 0.1 ms it may change."""
    defaultclock.dt = 0.1 * ms
    example: Example = importlib.import_module(f"examples.{name}").build()
    return example
