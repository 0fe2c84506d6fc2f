"""The structure of a spiking network: its parts, and what follows from them.

`brianbridge.network.checks` checks it. `brianbridge.network.network` has the checked network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from brianbridge.encoding import Encoding
from brianbridge.errors import InputError, did_you_mean
from brianbridge.network.delays import steps_in
from brianbridge.network.population import INPUT, Population
from brianbridge.network.projection import Projection
from brianbridge.network.readouts import READOUTS

__all__ = ["NetworkStructure", "Schedule"]

#: The order of events within a step. ``canonical``: update, and then population by population
#: receive, emit, reset. ``default``: Brian2's own order, in which every population updates,
#: emits, receives and resets at the same time.
Schedule = Literal["canonical", "default"]


@dataclass(frozen=True, eq=False)
class NetworkStructure:
    """Hold the parts of a network, unchecked; see `brianbridge.network.SpikingNetwork`."""

    input_shape: tuple[int, ...]
    encoding: Encoding
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    readout: str = "counts"
    provenance: Mapping[str, Any] = field(default_factory=dict)
    schedule: Schedule = "canonical"

    @property
    def steps(self) -> int:
        """Steps of one presentation, T."""
        return self.encoding.steps

    @property
    def dt(self) -> float:
        """Length of the twin's step, in seconds."""
        return float(self.encoding.dt)

    @property
    def unit_step(self) -> float:
        """The step in which constant inputs are counted: `dt`, or more at a finer step."""
        return self.encoding.unit_step

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
        """Return whether a population emits spikes; the readout may keep the last from firing."""
        held = name == self.output.name and not READOUTS[self.readout].fires
        return not held and bool(self.population(name).neuron.emit)

    @property
    def firing(self) -> tuple[Population, ...]:
        """The populations that emit spikes."""
        return tuple(p for p in self.populations if self.fires(p.name))

    def delivers_spikes(self, projection: Projection) -> bool:
        """Return whether a projection carries spikes rather than a constant current."""
        return projection.source != INPUT or not self.encoding.is_current

    @property
    def update_ranks(self) -> dict[str, int]:
        """How many state updates must precede that of each population, one after another.

        Only a summed variable that is set after the update of its source (`SynapseModel`) puts them
        in order.
        """
        ranks = dict.fromkeys((p.name for p in self.populations), 0)
        late = [p for p in self.modelled if p.model is not None and p.model.after_source]
        for _ in self.populations if late else ():
            for p in late:
                ranks[p.target] = max(ranks[p.target], ranks[p.source] + 1)
        return ranks

    def receive_of(self, projection: Projection) -> str:
        """Return the variable of the target that the spikes of a projection add to."""
        return projection.receive or self.population(projection.target).neuron.receive

    def received(self, name: str) -> tuple[str, ...]:
        """Return the variables of population `name` that spikes add to, or synapses change."""
        into = [
            self.receive_of(p)
            for p in self.incoming(name)
            if self.delivers_spikes(p) and p.model is None
        ]
        for p in self.projections:
            if p.model is not None:
                into += p.model.changed("post") if p.target == name else ()
                into += p.model.changed("pre") if p.source == name else ()
        return tuple(dict.fromkeys(into))

    @property
    def modelled(self) -> tuple[Projection, ...]:
        """The projections whose synapses have a model, and do more than add a weight."""
        return tuple(p for p in self.projections if p.model is not None)

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Return the shape of a population, or of the spikes or current of the input."""
        if name == INPUT:
            return self.encoding.shape_of_input(self.input_shape)
        return self.population(name).shape

    def delay_steps(self, projection: Projection, dt: float | None = None) -> int:
        """Return the delay in steps of `dt`, or in steps of the twin if not given.

        The delay of a feedback projection includes the step of the twin that it always takes.
        """
        step = self.dt if dt is None else dt
        travel = projection.delay + (self.unit_step if projection.feedback else 0.0)
        return steps_in(travel, step, f"projection '{projection.name}': delay")

    @property
    def has_loops(self) -> bool:
        """Whether populations must be stepped together: there is feedback, a loop, or a model.

        Synapses with a model read the state of neurons in each step.
        """
        feedback = any(p.feedback for p in self.projections)
        return feedback or bool(self.modelled) or not self.layers

    @property
    def layers(self) -> tuple[Population, ...]:
        """The populations, each after all that lead to it; empty if they form a loop."""
        found: list[Population] = []
        left = list(self.populations)
        while left:
            names = {p.name for p in left}
            ready = [p for p in left if not names & {q.source for q in self.incoming(p.name)}]
            if not ready:
                return ()
            found.append(ready[0])
            left = [p for p in left if p is not ready[0]]
        return tuple(found)

    def incoming(self, name: str) -> tuple[Projection, ...]:
        """Return the projections that lead to population `name`."""
        return tuple(p for p in self.projections if p.target == name)
