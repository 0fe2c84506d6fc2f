"""One sample of a rung, simulated once more with everything that a raster and a trace show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from brianbridge.ladder.evidence import Evidence
from brianbridge.network import Population, SpikingNetwork
from brianbridge.plots.rasters import differing_steps
from brianbridge.recording import Recording
from brianbridge.twin.network import to_torch

__all__ = ["CloseUp", "close_up"]

#: Potentials are recorded of all populations alike: up to so many values, 160 MB.
_VALUES = 20_000_000


@dataclass(frozen=True, eq=False)
class CloseUp:
    """Hold a sample in both runs, and the neuron that is worth a look.

    Parameters
    ----------
    sample : int
        Its number in the data set.
    label : int
        Its class.
    twin, brian2 : Recording
        Of this sample alone, with membrane potentials.
    drawn_anew : bool
        Whether Brian2 now predicts another class than on the rung: noise within a run depends on
        which samples run together.
    population : Population
        The last hidden population that fires; the output if there is none.
    neuron : int
        Flat index of the one that differs in most steps; where none does, of the most active of
        those that are silent at least half of the time.
    variable : str
        The membrane potential of that population.
    untraced : str
        Why potentials are not to be drawn; empty if they are.
    """

    sample: int
    label: int
    twin: Recording
    brian2: Recording
    drawn_anew: bool
    population: Population
    neuron: int
    variable: str
    untraced: str

    @property
    def fires(self) -> bool:
        """Whether the population has spikes."""
        return self.population.name in self.twin.shapes

    @property
    def threshold(self) -> float | None:
        """The neuron's threshold, where its model has a `theta`."""
        theta = self.population.neuron.parameters.get("theta")
        if not self.fires or theta is None:
            return None
        return float(np.broadcast_to(np.asarray(theta), self.population.size)[self.neuron])


def close_up(evidence: Evidence, rung: str) -> CloseUp:
    """Simulate again the first sample on which Brian2's prediction differs, or the first one.

    Parameters
    ----------
    evidence : Evidence
        What the verdict was judged by.
    rung : str
        Which rung.
    """
    network, data = evidence.network, evidence.data
    found = evidence.rungs[rung].prediction
    sample = int(np.argmax(found != evidence.twin.prediction))  # 0 where none differs
    number, x = np.array([sample]), data.x[sample : sample + 1]
    condition, seed = evidence.condition(rung), evidence.changes[rung][1]
    population = _last_hidden(network)
    before, after = population.neuron, condition.network.population(population.name).neuron
    neurons = sum(p.size for p in condition.network.populations)
    untraced = ""
    if neurons * network.steps * condition.divisor > _VALUES:
        untraced = f"potentials of all {neurons:,} neurons would not fit the memory set aside"
    elif before.potential != after.potential or _unit(before) != _unit(after):
        untraced = "on this rung its neurons are of another model, in other units"
    record = ("spikes",) if untraced else ("spikes", before.potential)
    twin = to_torch(network, dtype=torch.float64).record(x, record=record, index=number)
    # Random numbers belong to the seed and the sample: they are those of the rung.
    brian2 = condition.simulate(
        x,
        index=number,
        record=record,
        seed=seed,
        threads=1,
    )
    return CloseUp(
        sample,
        int(data.y[sample]),
        twin,
        brian2,
        bool(brian2.prediction[0] != found[sample]),
        population,
        _neuron(twin, brian2, population),
        before.potential,
        untraced,
    )


def _last_hidden(network: SpikingNetwork) -> Population:
    hidden = [p for p in network.firing if p.name != network.output.name]
    return hidden[-1] if hidden else network.output


def _neuron(twin: Recording, brian2: Recording, population: Population) -> int:
    name = population.name
    if name not in twin.shapes:
        return int(twin.prediction[0])
    differ = differing_steps(twin, brian2, name)
    if differ.any():
        return int(differ.argmax())
    fired = (twin.raster(name) != 0).sum(axis=(0, 1))
    # One that fires in nearly every step says little; there may be no other.
    lively = np.where(fired <= twin.steps // 2, fired, 0)
    return int((lively if lively.any() else fired).argmax())


def _unit(neuron) -> object:  # type: ignore[no-untyped-def]
    from brian2 import Equations

    return Equations(neuron.equations)[neuron.potential].dim
