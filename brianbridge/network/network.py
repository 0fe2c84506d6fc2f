"""The spiking network: populations, projections, encoding and readout, checked on construction.

It belongs to neither torch nor Brian2: `brianbridge.to_torch` makes a twin of it,
`brianbridge.simulate` runs it in Brian2, `brianbridge.write_back` returns it with new weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from ..encoding import Current, Encoding, encoding_from_dict
from ..errors import InputError, did_you_mean
from ..neurons.model import NeuronModel
from .parts import INPUT, Dense, Population, Projection, checked_shape

__all__ = ["Readout", "SpikingNetwork"]

#: ``counts``: summed spike values of the last population. ``potential``: its last population
#: does not fire, and its membrane potential at the end is the output.
Readout = Literal["counts", "potential"]


@dataclass(frozen=True, eq=False)
class SpikingNetwork:
    """Describe a feed-forward network of populations, with its weights.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one sample.
    encoding : Encoding
        How a sample becomes input over time; it sets the step `dt` and the number of steps.
    populations : tuple of Population
        From input to output, in the order in which a step visits them.
    projections : tuple of Projection
        Each from an earlier population (or ``"input"``) to a later one.
    readout : {"counts", "potential"}
        What the output is.
    provenance : mapping
        Where the weights come from: rule, seed, versions, data, training curve. JSON only.

    Raises
    ------
    InputError
        If names, shapes or weights do not fit together.
    """

    input_shape: tuple[int, ...]
    encoding: Encoding
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    readout: Readout = "counts"
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.readout not in get_args(Readout):
            raise InputError(
                f"there is no readout '{self.readout}'. "
                + did_you_mean(self.readout, get_args(Readout))
            )
        object.__setattr__(self, "input_shape", checked_shape(self.input_shape, "the input"))
        if not self.populations:
            raise InputError("a spiking network needs at least one population")
        sizes = {INPUT: int(np.prod(self.input_shape))}
        for population in self.populations:
            if population.name in sizes:
                raise InputError(f"two populations are called '{population.name}'")
            sizes[population.name] = population.size
        order = list(sizes)
        for projection in self.projections:
            for end in (projection.source, projection.target):
                if end not in sizes:
                    raise InputError(
                        f"projection '{projection.name}': there is no population '{end}'. "
                        + did_you_mean(end, sizes)
                    )
            if order.index(projection.source) >= order.index(projection.target):
                raise InputError(
                    f"projection '{projection.name}' does not lead from an earlier to a later "
                    "population"
                )
            projection.check(sizes[projection.source], sizes[projection.target])
            self._check_drive(projection)
        names = [projection.name for projection in self.projections]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"two projections are called '{name}'; join their weights")
        for population in self.populations:
            if not self.incoming(population.name):
                raise InputError(f"no projection leads to population '{population.name}'")
            heard = any(projection.source == population.name for projection in self.projections)
            read = population is self.output and self.readout == "counts"
            if (heard or read) and not population.neuron.emit:
                raise InputError(
                    f"population '{population.name}' never fires, for neuron model "
                    f"'{population.neuron.name}' has no emit; give it one, or read the output "
                    "by readout 'potential'"
                )

    def _check_drive(self, projection: Projection) -> None:
        neuron = self.population(projection.target).neuron
        constant = not self.delivers_spikes(projection)
        if (constant or projection.bias is not None) and not neuron.drive:
            raise InputError(
                f"projection '{projection.name}' gives a constant input, but neuron model "
                f"'{neuron.name}' names no drive; give the model a 'drive' or use bias = false"
            )
        if not constant and not neuron.receive:
            raise InputError(
                f"projection '{projection.name}' delivers spikes, but neuron model "
                f"'{neuron.name}' receives none; give the model a 'receive'"
            )

    @classmethod
    def sequential(
        cls,
        input_shape: Sequence[int],
        layers: Sequence[Dense],
        *,
        encoding: Encoding,
        readout: Readout = "counts",
        seed: int = 0,
    ) -> SpikingNetwork:
        """Chain layers, with initial weights drawn from `seed`.

        Parameters
        ----------
        input_shape : sequence of int
            Shape of one sample.
        layers : sequence of Dense
            From input to output.
        encoding : Encoding
            How a sample becomes input over time.
        readout : {"counts", "potential"}
            What the output is.
        seed : int
            Seed of the initial weights.

        Examples
        --------
        >>> from brianbridge.neurons.library import neuron_model
        >>> lif = neuron_model("lif")
        >>> net = SpikingNetwork.sequential(
        ...     (8, 8), [Dense(20, lif), Dense(10, lif)], encoding=Current(steps=10))
        >>> [p.name for p in net.projections]
        ['input_to_hidden', 'hidden_to_output']
        """
        if not layers:
            raise InputError("a spiking network needs at least one layer")
        generator = np.random.default_rng((seed, 0x5EED))
        input_shape = shape = checked_shape(input_shape, "the input")
        source = INPUT
        populations, projections = [], []
        hidden = len(layers) - 1
        for number, layer in enumerate(layers, start=1):
            default = "output" if number > hidden else f"hidden{number if hidden > 1 else ''}"
            population, projection = layer.build(source, shape, layer.name or default, generator)
            populations.append(population)
            projections.append(projection)
            source, shape = population.name, population.shape
        return cls(tuple(input_shape), encoding, tuple(populations), tuple(projections), readout)

    # ------------------------------------------------------------------ looking

    @property
    def steps(self) -> int:
        """Steps of one presentation, T."""
        return self.encoding.steps

    @property
    def dt(self) -> float:
        """Length of the surrogate's step, in seconds."""
        return float(self.encoding.dt)

    @property
    def output(self) -> Population:
        """The last population."""
        return self.populations[-1]

    def population(self, name: str) -> Population:
        """Return the population called `name`."""
        for population in self.populations:
            if population.name == name:
                return population
        names = [p.name for p in self.populations]
        raise InputError(f"there is no population '{name}'. {did_you_mean(name, names)}")

    def fires(self, name: str) -> bool:
        """Tell whether a population emits spikes; one that is read by its potential does not."""
        return not (self.readout == "potential" and name == self.output.name)

    @property
    def firing(self) -> tuple[Population, ...]:
        """The populations that emit spikes."""
        return tuple(p for p in self.populations if self.fires(p.name))

    def delivers_spikes(self, projection: Projection) -> bool:
        """Tell whether a projection carries spikes; one from a constant current sets the drive."""
        return projection.source != INPUT or not isinstance(self.encoding, Current)

    def incoming(self, name: str) -> tuple[Projection, ...]:
        """Return the projections that lead to population `name`."""
        return tuple(p for p in self.projections if p.target == name)

    # ------------------------------------------------------------------ changing

    def with_weights(
        self, weights: Mapping[str, tuple[np.ndarray, np.ndarray | None]], **provenance: Any
    ) -> SpikingNetwork:
        """Return the network with other weights, by projection name, and more provenance."""
        names = [p.name for p in self.projections]
        for name in weights:
            if name not in names:
                raise InputError(f"there is no projection '{name}'. {did_you_mean(name, names)}")
        projections = tuple(
            replace(p, weight=weights[p.name][0], bias=weights[p.name][1])
            if p.name in weights
            else p
            for p in self.projections
        )
        return replace(self, projections=projections, provenance={**self.provenance, **provenance})

    # ------------------------------------------------------------------ files

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the weights, for JSON."""
        return {
            "input_shape": list(self.input_shape),
            "encoding": self.encoding.to_dict(),
            "readout": self.readout,
            "populations": [
                {"name": p.name, "shape": list(p.shape), "neuron": p.neuron.to_dict()}
                for p in self.populations
            ],
            "projections": [
                {"source": p.source, "target": p.target, "kind": "dense"} for p in self.projections
            ],
        }

    @classmethod
    def from_dict(
        cls,
        entry: Mapping[str, Any],
        weights: Mapping[str, tuple[np.ndarray, np.ndarray | None]],
        provenance: Mapping[str, Any],
    ) -> SpikingNetwork:
        """Rebuild, and check, a network from the outcome of `to_dict` and its weights."""
        populations = tuple(
            Population(p["name"], tuple(p["shape"]), NeuronModel.from_dict(p["neuron"]))
            for p in entry["populations"]
        )
        projections = []
        for p in entry["projections"]:
            name = f"{p['source']}_to_{p['target']}"
            if name not in weights:
                raise InputError(f"projection '{name}' has no weights")
            projections.append(Projection(p["source"], p["target"], *weights[name]))
        return cls(
            tuple(entry["input_shape"]),
            encoding_from_dict(entry["encoding"]),
            populations,
            tuple(projections),
            entry["readout"],
            provenance,
        )
