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
from .weights import WeightNoise, WeightQuantisation

__all__ = [
    "BackgroundCurrent",
    "BrianSchedule",
    "DeadNeurons",
    "FinerDt",
    "InputTiming",
    "MembraneNoise",
    "Mismatch",
    "Perturbation",
    "Refractory",
    "SinglePrecision",
    "Stage",
    "UnitSpikes",
    "WeightNoise",
    "WeightQuantisation",
    "perturbation",
    "perturbed",
]
