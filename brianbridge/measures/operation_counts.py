"""Operation counts: what a presentation takes, beside an ordinary network of the same shape.

All numbers are means over samples, of one presentation. The conventions, which differ between
papers:

- *synaptic operation*: one synapse that one spike reaches, ``sum(spikes of i * fan-out of i)``,
  with the fan-out that the neuron really has (see `brianbridge.measures.fan_out`). Spikes count
  when they are emitted, also where a delay outlasts the presentation. By *events* each spike
  counts once, of whatever sign; by *mass* a spike of value 3 counts three times, as where its
  weight is added three times.
- *MAC*: a multiplication whose product is added. A constant current is weighted so; once in a
  presentation if the weighted current is kept, and in every step if it is computed anew. The
  first is reported; the other is named ``..._if_recomputed``.
- *update*: one neuron that goes through one step, its bias included.
- *ANN*: the same architecture with real numbers instead of spikes, one pass, each projection used
  once, feedback too; its MACs are the sum of fan-in times neurons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from brianbridge.measures.energy import FP32_45NM, INT32_45NM, EnergyModel

__all__ = ["Operations", "PopulationOperations", "ProjectionOperations"]


@dataclass(frozen=True)
class PopulationOperations:
    """Hold what one population did in a presentation; the input is one too if it spikes.

    Parameters
    ----------
    name : str
        The population.
    neurons : int
        How many there are.
    spikes : float
        Events; 0 if it is read by its potential.
    spike_mass : float
        Summed size of the spike values.
    negative_spikes : float
        Events with a value below 0.
    updates : int
        Neurons times steps; 0 for the input.
    """

    name: str
    neurons: int
    spikes: float
    spike_mass: float
    negative_spikes: float
    updates: int


@dataclass(frozen=True)
class ProjectionOperations:
    """Hold what one projection took in a presentation.

    Parameters
    ----------
    name : str
        The projection.
    synops : float
        Synaptic operations by events; 0 for a constant current.
    synops_by_mass : float
        Synaptic operations by mass.
    graded : bool
        Whether a spike that it carried has a value other than 1 and -1.
    macs : int
        To weight a constant current once; 0 if it carries spikes.
    ann_macs : int
        Of real numbers, one pass.
    """

    name: str
    synops: float
    synops_by_mass: float
    graded: bool
    macs: int
    ann_macs: int


@dataclass(frozen=True)
class Operations:
    """Hold the operations of a presentation: means over samples.

    Parameters
    ----------
    samples : int
        Samples that were counted.
    steps : int
        Steps of one presentation.
    populations : sequence of PopulationOperations
        The input first, if it spikes.
    projections : sequence of ProjectionOperations
        In the order of the network.
    """

    samples: int
    steps: int
    populations: Sequence[PopulationOperations]
    projections: Sequence[ProjectionOperations]

    @property
    def synops(self) -> float:
        """Synaptic operations by events."""
        return sum(p.synops for p in self.projections)

    @property
    def synops_by_mass(self) -> float:
        """Synaptic operations by mass."""
        return sum(p.synops_by_mass for p in self.projections)

    @property
    def macs(self) -> int:
        """MACs that weight a constant current once a presentation."""
        return sum(p.macs for p in self.projections)

    @property
    def macs_if_recomputed(self) -> int:
        """MACs that weight a constant current anew in every step."""
        return self.macs * self.steps

    @property
    def updates(self) -> int:
        """Updates of neurons."""
        return sum(p.updates for p in self.populations)

    @property
    def ann_macs(self) -> int:
        """MACs of an ordinary network of the same architecture."""
        return sum(p.ann_macs for p in self.projections)

    def energy(self, model: EnergyModel) -> dict[str, float]:
        """Return the energy of the operations of a presentation, in nJ, line by line.

        The lines are alternatives and parts, not summands of one total: ``spikes_added`` adds a
        weight as often as its spike says (mass times an addition); ``spikes_multiplied`` takes a
        MAC for each event of a graded projection instead, and is the same for spikes of 1 and
        -1. ``current`` comes on top of either. So does ``updates``, as one MAC each, which is what
        a leak takes; a neuron without leak takes an addition, one with more variables more.

        Parameters
        ----------
        model : EnergyModel
            What one operation costs.
        """
        multiplied = (
            p.synops * model.mac if p.graded else p.synops_by_mass * model.add
            for p in self.projections
        )
        picojoule = {
            "spikes_added": self.synops_by_mass * model.add,
            "spikes_multiplied": sum(multiplied),
            "current": self.macs * model.mac,
            "current_if_recomputed": self.macs_if_recomputed * model.mac,
            "updates": self.updates * model.mac,
            "ann": self.ann_macs * model.mac,
        }
        return {name: value / 1e3 for name, value in picojoule.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return everything, for JSON; see `energy` for its lines."""
        return {
            "samples": self.samples,
            "steps": self.steps,
            "synops_per_sample": self.synops,
            "synops_by_mass_per_sample": self.synops_by_mass,
            "macs_per_sample": self.macs,
            "macs_per_sample_if_recomputed": self.macs_if_recomputed,
            "updates_per_sample": self.updates,
            "ann_macs": self.ann_macs,
            "populations": [asdict(p) for p in self.populations],
            "projections": [asdict(p) for p in self.projections],
            "energy_nj_per_sample": [
                {"model": asdict(model), **self.energy(model)} for model in (FP32_45NM, INT32_45NM)
            ],
        }

    def summary(self) -> str:
        """Return a line that compares spikes with an ordinary network."""
        current = f" and {self.macs:,} MACs of the current" if self.macs else ""
        return (
            f"a sample takes {self.synops:,.0f} synaptic operations{current}; an ordinary network "
            f"of this shape takes {self.ann_macs:,} MACs"
        )

    def table(self, model: EnergyModel = FP32_45NM) -> Any:
        """Return a `rich` table for the terminal, with the energy by `model` below it."""
        from rich.table import Table

        energy = {name: f"{value:,.1f} nJ" for name, value in self.energy(model).items()}
        table = Table(
            title=f"Operations of a presentation of {self.steps} steps, mean of {self.samples}",
            caption=(
                f"{self.updates:,} updates of neurons. Arithmetic by {model.name}: spikes "
                f"{energy['spikes_added']} (multiplied where graded: "
                f"{energy['spikes_multiplied']}), current {energy['current']}, updates "
                f"{energy['updates']}; ANN {energy['ann']}"
            ),
        )
        for heading in ("projection", "synops", "by mass", "MACs of current", "MACs of an ANN"):
            table.add_column(heading, justify="left" if heading == "projection" else "right")
        rows: list[tuple[str, ProjectionOperations | Operations]]
        rows = [*((p.name, p) for p in self.projections), ("all", self)]
        for name, p in rows:
            if p is self:
                table.add_section()
            table.add_row(
                name, f"{p.synops:,.1f}", f"{p.synops_by_mass:,.1f}", f"{p.macs:,}",
                f"{p.ann_macs:,}",
            )  # fmt: skip
        return table
