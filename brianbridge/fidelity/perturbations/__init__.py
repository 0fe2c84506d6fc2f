"""What may differ from the twin in a simulation, one small frozen dataclass each."""

from .base import Perturbation, Stage, perturbation, perturbed
from .neurons import (
    BackgroundCurrent,
    DeadNeurons,
    MembraneNoise,
    Mismatch,
    Refractory,
    UnitSpikes,
)
from .time import BrianSchedule, FinerDt, InputTiming, SinglePrecision
from .transmission import Delay, SynapticKinetics
from .weights import WeightNoise, WeightQuantisation

__all__ = [
    "BackgroundCurrent",
    "BrianSchedule",
    "DeadNeurons",
    "Delay",
    "FinerDt",
    "InputTiming",
    "MembraneNoise",
    "Mismatch",
    "Perturbation",
    "Refractory",
    "SinglePrecision",
    "Stage",
    "SynapticKinetics",
    "UnitSpikes",
    "WeightNoise",
    "WeightQuantisation",
    "perturbation",
    "perturbed",
]
