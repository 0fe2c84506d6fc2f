"""What may differ from the twin in a simulation, one small frozen dataclass each."""

from brianbridge.perturbations.base import (
    Perturbation,
    Stage,
    overview,
    perturbation,
    perturbation_names,
    perturbed,
)
from brianbridge.perturbations.condition import Condition
from brianbridge.perturbations.conductances import ConductanceSynapses
from brianbridge.perturbations.neurons import (
    BackgroundCurrent,
    DeadNeurons,
    MembraneNoise,
    Mismatch,
    Refractory,
    UnitSpikes,
)
from brianbridge.perturbations.other_neuron import OtherNeuron
from brianbridge.perturbations.time import BrianSchedule, FinerDt, InputTiming, SinglePrecision
from brianbridge.perturbations.transmission import Delay, SynapticFailure, SynapticKinetics
from brianbridge.perturbations.weights import WeightNoise, WeightQuantisation

__all__ = [
    "BackgroundCurrent",
    "BrianSchedule",
    "Condition",
    "ConductanceSynapses",
    "DeadNeurons",
    "Delay",
    "FinerDt",
    "InputTiming",
    "MembraneNoise",
    "Mismatch",
    "OtherNeuron",
    "Perturbation",
    "Refractory",
    "SinglePrecision",
    "Stage",
    "SynapticFailure",
    "SynapticKinetics",
    "UnitSpikes",
    "WeightNoise",
    "WeightQuantisation",
    "overview",
    "perturbation",
    "perturbation_names",
    "perturbed",
]
