"""What may differ from the twin in a simulation, one small frozen dataclass each."""

from .base import Perturbation, Stage, overview, perturbation, perturbation_names, perturbed
from .conductances import ConductanceSynapses
from .neurons import (
    BackgroundCurrent,
    DeadNeurons,
    MembraneNoise,
    Mismatch,
    Refractory,
    UnitSpikes,
)
from .other_neuron import OtherNeuron
from .time import BrianSchedule, FinerDt, InputTiming, SinglePrecision
from .transmission import Delay, SynapticFailure, SynapticKinetics
from .weights import WeightNoise, WeightQuantisation

__all__ = [
    "BackgroundCurrent",
    "BrianSchedule",
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
