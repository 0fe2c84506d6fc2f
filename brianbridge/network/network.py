"""The spiking network: populations, projections, encoding and readout, checked on construction.

It belongs to neither torch nor Brian2: `brianbridge.to_torch` makes a twin of it,
`brianbridge.simulate` runs it in Brian2, `brianbridge.write_back` returns it with new weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from brianbridge.encoding import Current, Encoding, encoding_from_dict
from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.checks import check_network, steps_in
from brianbridge.network.components import (
    INPUT,
    Population,
    Projection,
    checked_shape,
    projection_name,
)
from brianbridge.network.connections import connection_from_dict
from brianbridge.network.convolution import Pooling
from brianbridge.network.display import network_html, network_text
from brianbridge.network.layers import Layer, stack_layers
from brianbridge.network.readout import Readout
from brianbridge.neurons.model import NeuronModel

__all__ = ["Schedule", "SpikingNetwork"]

#: In which order things happen within a step. ``canonical``: update, and then population by
#: population receive, emit, reset. ``default``: Brian2's own order, in which every population
#: updates, emits, receives and resets at the same time.
Schedule = Literal["canonical", "default"]


@dataclass(frozen=True, eq=False)
class SpikingNetwork:
    """Describe a network of populations, with its weights.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one sample; the encoding says what shape of input it makes of it.
    encoding : Encoding
        How a sample becomes input over time; it sets the step `dt` and the number of steps.
    populations : tuple of Population
        From input to output, in the order in which a step visits them.
    projections : tuple of Projection
        Each from an earlier population (or ``"input"``) to a later one, or declared as feedback.
    readout : {"counts", "potential", "first_spike"}
        What the output is; see `brianbridge.network.readout`.
    provenance : mapping
        Where the weights come from: rule, seed, versions, data, training curve. JSON only.
    schedule : {"canonical", "default"}
        In which order things happen within a step; ``"default"`` is that of Brian2, for networks
        that were read from there.

    Raises
    ------
    InputError
        If names, shapes, weights, delays or loops do not fit together.
    """

    input_shape: tuple[int, ...]
    encoding: Encoding
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    readout: Readout = "counts"
    provenance: Mapping[str, Any] = field(default_factory=dict)
    schedule: Schedule = "canonical"

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", checked_shape(self.input_shape, "the input"))
        check_network(self)

    def __repr__(self) -> str:
        return network_text(self)

    def _repr_html_(self) -> str:
        return network_html(self)

    @classmethod
    def sequential(
        cls,
        input_shape: Sequence[int],
        layers: Sequence[Layer],
        *,
        encoding: Encoding,
        readout: Readout = "counts",
        seed: int = 0,
        weight_gain: float | None = None,
        weight_mean: float = 0.0,
    ) -> SpikingNetwork:
        """Chain layers, with initial weights drawn from `seed`.

        Parameters
        ----------
        input_shape : sequence of int
            Shape of one sample.
        layers : sequence of Layer
            From input to output; see `brianbridge.network.layers`.
        encoding : Encoding
            How a sample becomes input over time.
        readout : {"counts", "potential", "first_spike"}
            What the output is; see `brianbridge.network.readout`.
        seed : int
            Seed of the initial weights.
        weight_gain : float, optional
            Draw initial weights and biases from a normal distribution with the variance
            ``weight_gain/fan_in``; from U(-1, 1)/sqrt(fan_in), torch's default, if not given.
        weight_mean : float
            What the initial weights of a neuron add up to, on average.

        Examples
        --------
        >>> from brianbridge.network import Dense
        >>> from brianbridge.neurons.library import neuron_model
        >>> lif = neuron_model("lif")
        >>> net = SpikingNetwork.sequential(
        ...     (8, 8), [Dense(20, lif), Dense(10, lif)], encoding=Current(steps=10))
        >>> [p.name for p in net.projections]
        ['input_to_hidden', 'hidden_to_output']
        """
        if not layers:
            raise InputError("a spiking network needs at least one layer")
        if weight_gain is not None and not 0 < weight_gain < np.inf:
            raise InputError(f"weight_gain = {weight_gain!r}; give a number above 0, such as 2.0")
        if not np.isfinite(weight_mean):
            raise InputError(f"weight_mean = {weight_mean!r}; give a finite number, such as 5.0")
        generator = np.random.default_rng((seed, 0x5EED))
        shape = checked_shape(input_shape, "the input")
        inputs = encoding.shape_of_input(shape)
        stack = stack_layers(inputs, layers, generator, weight_gain, weight_mean)
        populations, projections = tuple(stack.populations), tuple(stack.projections)
        return cls(shape, encoding, populations, projections, readout)

    # ------------------------------------------------------------------ looking

    @property
    def steps(self) -> int:
        """Steps of one presentation, T."""
        return self.encoding.steps

    @property
    def dt(self) -> float:
        """Length of the twin's step, in seconds."""
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

    def receive_of(self, projection: Projection) -> str:
        """Return the variable of the target that the spikes of a projection add to."""
        return projection.receive or self.population(projection.target).neuron.receive

    def received(self, name: str) -> tuple[str, ...]:
        """Return the variables of population `name` that spikes add to."""
        into = [self.receive_of(p) for p in self.incoming(name) if self.delivers_spikes(p)]
        return tuple(dict.fromkeys(into))

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Return the shape of a population, or of the spikes or current of the input."""
        if name == INPUT:
            return self.encoding.shape_of_input(self.input_shape)
        return self.population(name).shape

    def delay_steps(self, projection: Projection, dt: float | None = None) -> int:
        """Return how many steps of `dt` (the twin's if not given) a spike travels.

        That of a feedback projection includes the twin's step that it always takes.
        """
        step = self.dt if dt is None else dt
        travel = projection.delay + (self.dt if projection.feedback else 0.0)
        return steps_in(travel, step, f"projection '{projection.name}': delay")

    @property
    def has_loops(self) -> bool:
        """Whether populations must be stepped together: feedback, or Brian2's own order."""
        return self.schedule == "default" or any(p.feedback for p in self.projections)

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
            "projections": [_projection_entry(p) for p in self.projections],
            "schedule": self.schedule,
        }

    @classmethod
    def from_dict(
        cls,
        entry: Mapping[str, Any],
        arrays: Mapping[str, Mapping[str, np.ndarray]],
        provenance: Mapping[str, Any],
    ) -> SpikingNetwork:
        """Rebuild, and check, a network from the outcome of `to_dict` and its arrays.

        Parameters
        ----------
        entry : mapping
            The outcome of `to_dict`.
        arrays : mapping of str to mapping
            ``weight``, perhaps ``bias``, and the connection's arrays, by projection name.
        provenance : mapping
            Where the weights come from.
        """
        populations = tuple(
            Population(p["name"], tuple(p["shape"]), NeuronModel.from_dict(p["neuron"]))
            for p in entry["populations"]
        )
        return cls(
            tuple(entry["input_shape"]),
            encoding_from_dict(entry["encoding"]),
            populations,
            tuple(_projection(p, arrays) for p in entry["projections"]),
            entry["readout"],
            provenance,
            entry["schedule"],
        )


_PLAIN = ("source", "target", "receive", "delay", "feedback", "frozen", "label")


def _projection_entry(projection: Projection) -> dict[str, Any]:
    return {
        **{key: getattr(projection, key) for key in _PLAIN},
        "connection": projection.connection.to_dict(),
        "pool": None if projection.pool is None else projection.pool.to_dict(),
    }


def _projection(entry: Mapping[str, Any], arrays: Mapping[str, Any]) -> Projection:
    name = projection_name(entry["source"], entry["target"], entry["label"])
    if "weight" not in arrays.get(name, {}):
        raise InputError(f"projection '{name}' has no weights")
    found = dict(arrays[name])
    weight, bias = found.pop("weight"), found.pop("bias", None)
    plain = {key: entry[key] for key in _PLAIN}
    pool = None if entry["pool"] is None else Pooling(**entry["pool"])
    connection = connection_from_dict(entry["connection"], found)
    return Projection(weight=weight, bias=bias, connection=connection, pool=pool, **plain)
