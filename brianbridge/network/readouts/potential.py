"""Readout by the membrane potential of neurons that do not fire."""

from __future__ import annotations

from typing import Any, ClassVar

from brianbridge.network.readouts.base import OutputRun, Readout
from brianbridge.neurons.model import NeuronModel

__all__ = ["Potential"]


class Potential(Readout):
    """Read the membrane potential at the end; the last population does not fire."""

    name: ClassVar[str] = "potential"
    fires: ClassVar[bool] = False
    needs_potential: ClassVar[bool] = True

    def output(self, run: OutputRun) -> Any:
        """Return the membrane potential."""
        return run.potential()

    @classmethod
    def reads(cls, neuron: NeuronModel) -> tuple[str, ...]:
        """Return the potential."""
        return (neuron.potential,)
