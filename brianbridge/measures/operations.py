"""Operation counts of a presentation, beside those of an ordinary network of the same shape.

All numbers are for one presentation, averaged over samples. Conventions differ between papers; this
module uses these:

- *synaptic operation*: one spike that reaches one synapse, ``sum(spikes of i * fan-out of i)``,
  with the actual fan-out of each neuron (see `brianbridge.measures.fan_out`). A spike counts when
  it is emitted, even if a delay outlasts the presentation. By *events*, each spike counts once,
  whatever its sign. By *mass*, a spike of value 3 counts three times, as if its weight were added
  three times.
- *MAC* (multiply-accumulate): a multiplication whose product is added. Weighting a constant current
  takes MACs: once in a presentation if the weighted current is kept, or in every step if it is
  recomputed. The first number is reported; the second has a name that ends in ``_if_recomputed``.
- *update*: one step of one neuron, including its bias.
- *ANN*: the same architecture with real numbers instead of spikes, in one pass that uses each
  projection once, also feedback. Its MACs are the sum of the fan-in over all neurons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from brianbridge.measures.energy import FP32_45NM, INT32_45NM, EnergyModel

__all__ = ["Operations", "PopulationOperations", "ProjectionOperations"]


@dataclass(frozen=True)
class PopulationOperations:
    """Hold the spikes and updates of one population, or of the input if it spikes.

    Parameters
    ----------
    name : str
        Name of the population.
    neurons : int
        Number of its neurons.
    spikes : float
        Number of spikes by events; 0 if the population is read by its potential.
    spike_mass : float
        Sum of the absolute spike values.
    negative_spikes : float
        Number of spikes with a value below 0.
    updates : int
        Number of neurons times number of steps; 0 for the input.
    """

    name: str
    neurons: int
    spikes: float
    spike_mass: float
    negative_spikes: float
    updates: int


@dataclass(frozen=True)
class ProjectionOperations:
    """Hold the operations of one projection.

    Parameters
    ----------
    name : str
        Name of the projection.
    synops : float
        Synaptic operations by events; 0 for a constant current.
    synops_by_mass : float
        Synaptic operations by mass.
    graded : bool
        Whether it carried a spike with a value other than 1 and -1.
    macs : int
        MACs that weight a constant current once; 0 if it carries spikes.
    ann_macs : int
        MACs of one pass of real numbers.
    """

    name: str
    synops: float
    synops_by_mass: float
    graded: bool
    macs: int
    ann_macs: int


@dataclass(frozen=True)
class Operations:
    """Hold the operations of one presentation, averaged over samples.

    Parameters
    ----------
    samples : int
        Number of samples that were counted.
    steps : int
        Number of steps in one presentation.
    populations : sequence of PopulationOperations
        Populations in the order of the network, after the input if it spikes.
    projections : sequence of ProjectionOperations
        Projections in the order of the network.
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
        """MACs that weight a constant current once in a presentation."""
        return sum(p.macs for p in self.projections)

    @property
    def macs_if_recomputed(self) -> int:
        """MACs that weight a constant current again in every step."""
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
        """Return the energy of a presentation, in nJ, by kind of operation.

        The entries are not the terms of one sum. ``spikes_added`` and ``spikes_multiplied`` are
        alternatives: the first adds a weight as many times as the value of its spike says; the
        second takes one MAC for each event of a graded projection, and is the same as the first for
        spikes of 1 and -1. ``current`` is added to either of them, and so is ``updates``, with one
        MAC for each update. A leak takes one MAC; a neuron without a leak needs only an addition,
        one with more variables needs more.

        Parameters
        ----------
        model : EnergyModel
            Energy of one operation.

        Returns
        -------
        dict of str to float
            ``spikes_added``, ``spikes_multiplied``, ``current``, ``current_if_recomputed``,
            ``updates`` and ``ann``.
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
        """Return all numbers for JSON, with the energies of `energy`."""
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
        """Return one line that compares the network with an ordinary one."""
        current = (
            f" and {self.macs:,} MACs (multiply-adds) of its constant input" if self.macs else ""
        )
        return (
            f"a sample takes {self.synops:,.0f} synaptic operations (one for each spike at each "
            f"synapse){current}; the same layers without spikes take {self.ann_macs:,} MACs"
        )

    def table(self, model: EnergyModel = FP32_45NM) -> Any:
        """Return a `rich` table for the terminal, with the energy by `model` as its caption."""
        from rich.table import Table
        from rich.text import Text

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
                Text(name), f"{p.synops:,.1f}", f"{p.synops_by_mass:,.1f}", f"{p.macs:,}",
                f"{p.ann_macs:,}",
            )  # fmt: skip
        return table
