"""Simulate one sample of a rung again, and record what a raster and a trace show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from brianbridge.ladder.evidence import Evidence
from brianbridge.network import Population, SpikingNetwork
from brianbridge.plots.rasters import differing_steps
from brianbridge.recording import Recording
from brianbridge.twin.network import to_torch

__all__ = ["OneSample", "run_one_sample"]

#: Largest number of potentials that are recorded, over all populations: 160 MB.
_VALUES = 20_000_000


@dataclass(frozen=True, eq=False)
class OneSample:
    """Hold one sample in both simulations, and the neuron whose potential is drawn.

    Parameters
    ----------
    sample : int
        Number of the sample in the data set.
    label : int
        Label of the sample.
    twin, brian2 : Recording
        Recordings of this sample alone, with membrane potentials.
    differs : bool
        Whether Brian2 now predicts a different class than on the rung. Noise in a run may depend on
        which samples run together.
    population : Population
        The last hidden population that fires, or the output if there is none.
    neuron : int
        Flat index of the neuron that differs in most steps. If none differs, of the most active
        neuron that is silent in at least half of the steps.
    variable : str
        Name of the membrane potential of that population.
    no_trace : str
        Why potentials are not drawn; empty if they are.
    """

    sample: int
    label: int
    twin: Recording
    brian2: Recording
    differs: bool
    population: Population
    neuron: int
    variable: str
    no_trace: str

    @property
    def fires(self) -> bool:
        """Whether the population has spikes."""
        return self.population.name in self.twin.shapes

    @property
    def threshold(self) -> float | None:
        """The neuron's threshold, if its model has a parameter `theta`."""
        theta = self.population.neuron.parameters.get("theta")
        if not self.fires or theta is None:
            return None
        return float(np.broadcast_to(np.asarray(theta), self.population.size)[self.neuron])


def run_one_sample(evidence: Evidence, rung: str) -> OneSample:
    """Simulate one sample again: the first that Brian2 and the twin classify differently.

    If there is none, it is the first sample of all.

    Parameters
    ----------
    evidence : Evidence
        The results behind the verdict.
    rung : str
        Name of the rung.
    """
    network, data = evidence.network, evidence.data
    found = evidence.rungs[rung].prediction
    sample = int(np.argmax(found != evidence.twin.prediction))  # 0 if none differs
    number, x = np.array([sample]), data.x[sample : sample + 1]
    condition, seed = evidence.condition(rung), evidence.changes[rung][1]
    population = _last_hidden(network)
    before, after = population.neuron, condition.network.population(population.name).neuron
    neurons = sum(p.size for p in condition.network.populations)
    no_trace = ""
    if neurons * network.steps * condition.divisor > _VALUES:
        no_trace = f"potentials of all {neurons:,} neurons would take too much memory"
    elif not before.potential:
        no_trace = f"{before.label} does not say which variable that is"
    elif before.potential != after.potential or _unit(before) != _unit(after):
        no_trace = "on this rung its neurons have another model, in other units"
    record = ("spikes",) if no_trace else ("spikes", before.potential)
    twin = to_torch(network, dtype=torch.float64).record(x, record=record, index=number, seed=seed)
    # Random numbers depend on the seed and the sample, so they are those of the rung.
    brian2 = condition.simulate(
        x,
        index=number,
        record=record,
        seed=seed,
        threads=1,
    )
    return OneSample(
        sample,
        int(data.y[sample]),
        twin,
        brian2,
        bool(brian2.prediction[0] != found[sample]),
        population,
        _neuron(twin, brian2, population),
        before.potential,
        no_trace,
    )


def _last_hidden(network: SpikingNetwork) -> Population:
    hidden = [p for p in network.firing if p.name != network.output.name]
    return hidden[-1] if hidden else network.output


def _neuron(twin: Recording, brian2: Recording, population: Population) -> int:
    """Return the neuron whose potential is drawn."""
    name = population.name
    if name not in twin.shapes:
        return int(twin.prediction[0])
    differ = differing_steps(twin, brian2, name)
    if differ.any():
        return int(differ.argmax())
    spikes = (twin.raster(name) != 0).sum(axis=(0, 1))
    # A neuron that fires in nearly every step shows little, but there may be no other.
    often_silent = np.where(spikes <= twin.steps // 2, spikes, 0)
    return int((often_silent if often_silent.any() else spikes).argmax())


def _unit(neuron) -> object:  # type: ignore[no-untyped-def]
    from brian2 import Equations

    return Equations(neuron.equations)[neuron.potential].dim
