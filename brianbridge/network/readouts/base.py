"""What a readout is, and how to define a new one.

A readout turns the spikes and the final state of the last population into the output of the
network, one number for each neuron; the largest is the prediction. It is written once, with
operators that torch and NumPy share::

    class EarlySpikes(Readout):
        name = "early_spikes"

        def output(self, run):
            return sum(0.9**step * spikes for step, spikes in enumerate(run.raster()))

The twin calls it with tensors, so that learning rules get gradients; the simulation calls it with
arrays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator

from brianbridge.errors import InputError
from brianbridge.neurons.model import NeuronModel
from brianbridge.registry import Registry
from brianbridge.schema import NameIn

__all__ = ["READOUTS", "OutputRun", "Readout", "ReadoutName", "read_output"]

#: All readouts, by `Readout.name`.
READOUTS: Registry[type[Readout]] = Registry(
    "readout", "brianbridge.readouts", "brianbridge.network.readouts"
)


def _known(name: str) -> str:
    READOUTS[name]
    return name


#: The type of a readout's name in files.
ReadoutName = Annotated[str, NameIn(READOUTS), AfterValidator(_known)]


class OutputRun(ABC):
    """Give access to the last population of one run, as tensors or arrays.

    Attributes
    ----------
    neuron : NeuronModel
        Model of the population.
    samples, neurons, steps : int
        Number of samples, of neurons, and of the twin's steps.
    grid : float
        Smallest difference between two times, in the twin's steps: 1, or less in a simulation at a
        finer step.
    """

    neuron: NeuronModel
    samples: int
    neurons: int
    steps: int
    grid: float = 1.0

    @abstractmethod
    def counts(self) -> Any:
        """Return the summed spike values, shape ``(samples, neurons)``."""

    @abstractmethod
    def first_steps(self) -> Any:
        """Return the first spikes in the twin's steps, shape ``(samples, neurons)``.

        The value is `steps` for a neuron that never fires. It is a fraction in a simulation at a
        finer step.
        """

    @abstractmethod
    def raster(self) -> Any:
        """Return the spike values in each of the twin's steps, ``(steps, samples, neurons)``."""

    @abstractmethod
    def state(self, variable: str) -> Any:
        """Return a state variable at the end, shape ``(samples, neurons)``."""

    def silent(self) -> InputError:
        """Return the error of a readout that asks neurons for spikes that do not fire."""
        return InputError(
            f"a readout asks for spikes of neuron model '{self.neuron.name}', but with it the last "
            "population does not fire; read the state, or set fires = True in the readout"
        )

    def potential(self) -> Any:
        """Return the membrane potential at the end, shape ``(samples, neurons)``."""
        return self.state(self.neuron.require_potential("a readout"))


class Readout(ABC):
    """Read the output of a network; the base class of all readouts.

    The class registers itself on definition.
    """

    #: Name of the readout, in network files and messages.
    name: ClassVar[str]
    #: Whether the last population fires; if not, only its state variables can be read.
    fires: ClassVar[bool] = True
    #: Whether the neuron model of the last population must have a membrane potential.
    needs_potential: ClassVar[bool] = False
    #: Whether the output counts spikes, so that the prediction can be computed for every step.
    counts_spikes: ClassVar[bool] = False
    #: Whether the first output spike decides, so that a decision has a time.
    first_spike_decides: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        READOUTS.add(cls.name, cls)

    @abstractmethod
    def output(self, run: OutputRun) -> Any:
        """Return the output, shape ``(samples, neurons)``; the largest number wins."""

    @classmethod
    def reads(cls, neuron: NeuronModel) -> tuple[str, ...]:
        """Return the state variables that `output` may read.

        A verification records them in every step of the last population, to know what would be
        predicted if a presentation ended earlier. They are the recordable ones, unless the readout
        counts spikes.

        Parameters
        ----------
        neuron : NeuronModel
            Model of the last population.
        """
        return () if cls.counts_spikes else neuron.recordable_variables


def read_output(name: str, run: OutputRun) -> Any:
    """Return the output of a run by the readout called `name`.

    Raises
    ------
    InputError
        If the readout returns an output of another shape.
    """
    output = READOUTS[name]().output(run)
    shape, wanted = tuple(getattr(output, "shape", ())), (run.samples, run.neurons)
    if shape != wanted:
        raise InputError(
            f"readout '{name}' returned an output of shape {shape}; return one of shape {wanted}, "
            "(samples, neurons)"
        )
    return output
