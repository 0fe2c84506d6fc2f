"""Draw whole networks of a user from all that `from_brian2` reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import Network, NeuronGroup, PoissonGroup, PoissonInput, ms
from user_draw import Draw
from user_neurons import NEURONS, Neurons, draw_neurons, holder
from user_sources import SOURCES, background, generator, poisson_group
from user_synapses import SYNAPSES, draw_synapses

import brianbridge as bb

__all__ = ["GRAMMAR", "Size", "UserNetwork", "constructs", "draw_network"]

_DATA = {"none": (), "rates": ("noise0",), "spike trains": ("noise0", "noise1")}
_STEPS = {"0.1 ms": 0.1 * ms, "0.5 ms": 0.5 * ms}
_WHOLE = {"only weights": False, "models": True, "more models": True}
#: All constructs, by family.
GRAMMAR: dict[str, dict[str, Any]] = {
    **NEURONS, **SOURCES, **SYNAPSES, "data": _DATA, "dt": _STEPS, "synapses": _WHOLE,
}  # fmt: skip


@dataclass(frozen=True)
class Size:
    """Say how large a network is.

    Parameters
    ----------
    neurons : tuple of int
        Neurons of each group.
    sources : int
        Neurons of each source.
    steps, samples : int
        Length and number of presentations.
    """

    neurons: tuple[int, ...] = (70, 50, 90)
    sources: int = 40
    steps: int = 500
    samples: int = 12

    @property
    def neuron_steps(self) -> int:
        """Neurons times steps times samples, without sources."""
        return sum(self.neurons) * self.steps * self.samples


@dataclass(frozen=True)
class UserNetwork:
    """Hold the Brian2 objects of a network, and how to read it.

    Parameters
    ----------
    objects : list
        All objects.
    groups : list of NeuronGroup
        Those that fire, without sources.
    given : list of str
        The Poisson groups whose spikes come from samples.
    encodings : dict of str to Encoding
        Encodings of these.
    x : numpy.ndarray or dict of str to numpy.ndarray
        The samples.
    sources : list
        Poisson groups and Poisson inputs.
    steps : int
        Length of a presentation.
    features : Counter
        The constructs that it has.
    """

    objects: list[Any]
    groups: list[NeuronGroup]
    given: list[str]
    encodings: dict[str, bb.Encoding]
    x: Any
    sources: list[PoissonGroup | PoissonInput]
    steps: int
    features: Counter[str]

    def read(self) -> bb.SpikingNetwork:
        """Return the network that `from_brian2` reads."""
        return bb.from_brian2(
            Network(self.objects), steps=self.steps, input=self.given or None,
            encoding=self.encodings or None, output=self.groups[0], seed=3,
        )  # fmt: skip


def constructs(*containing: str) -> list[str]:
    """Return the constructs, by ``"family: name"``; those that contain some code."""
    return [
        f"{family}: {name}"
        for family, options in GRAMMAR.items()
        for name, option in options.items()
        if not containing or any(code in repr(option) for code in containing)
    ]


def draw_network(number: int, size: Size, without: Collection[str] = ()) -> UserNetwork:
    """Return network number `number`; the same one, of new objects, whenever it is called.

    Constructs in `without` are left out.
    """
    draw = Draw(number, without)
    dt, modelled = draw.deal("dt", _STEPS, hand=1), draw.deal("synapses", _WHOLE, hand=1)
    linked = holder(draw)
    neurons = [draw_neurons(draw, f"m{k}", n, dt, linked) for k, n in enumerate(size.neurons)]
    noise = [poisson_group(draw, f"noise{k}", size.sources, dt) for k in range(2)]
    fixed = generator(draw, "fixed", size.sources, size.steps, dt)
    more = background(draw, neurons[draw.structure.integers(len(neurons))], dt)
    wires, taken = [], set[str]()
    for source, target in _pairs(draw, [*noise, fixed], neurons):
        name = f"{draw.structure.choice(['a', 'z'])}{len(wires)}"
        wires.append(draw_synapses(draw, name, (source, target), dt, modelled, taken))
    groups = [one.group for one in neurons]
    given = list(draw.deal("data", _DATA, hand=1))
    encodings, x = _samples(draw, given, size, dt)
    return UserNetwork(
        [*groups, linked, *noise, fixed, more, *wires], groups, given, encodings, x,
        [*noise, more], size.steps, draw.features,
    )  # fmt: skip


def _pairs(draw: Draw, sources: list[Any], neurons: list[Neurons]) -> list[tuple[Any, Neurons]]:
    """Return ends of synapses: each source leads somewhere, and so does each group."""
    ends = [(one, neurons[k % len(neurons)]) for k, one in enumerate(sources)]
    for source in neurons:
        targets = draw.structure.permutation(len(neurons))[: draw.structure.integers(1, 4)]
        ends += [(source, neurons[k]) for k in targets]
    return ends


def _samples(
    draw: Draw, given: list[str], size: Size, dt: Any
) -> tuple[dict[str, bb.Encoding], Any]:
    """Return the encodings of the sources that take data, and the samples."""
    if not given:
        return {}, np.zeros((size.samples, 1))
    if len(given) == 1:
        rates = bb.Poisson(size.steps, dt, rate=0.05 / dt)
        return {given[0]: rates}, draw.rng.random((size.samples, size.sources))
    frames = bb.Frames(size.steps, dt=dt)
    shape = (size.samples, size.steps, size.sources)
    return dict.fromkeys(given, frames), {name: draw.rng.random(shape) < 0.03 for name in given}
