"""Perturbations: how a simulation may differ from the twin. Each is a small frozen dataclass.

May import `neurons`, `network`, `encoding` and `simulation`; knows nothing of ladders. A new
perturbation is one file here. It is found by its name and needs no entry in this file. Classes of
your own program or of another package are found in the same way (see `Perturbation`).
"""

from brianbridge.perturbations.base import (
    Perturbation,
    Stage,
    overview,
    perturbation,
    perturbation_names,
)
from brianbridge.perturbations.composition import perturbed
from brianbridge.perturbations.condition import Condition
from brianbridge.perturbations.conductances import ConductanceSynapses
from brianbridge.perturbations.dead_neurons import DeadNeurons
from brianbridge.perturbations.delay import Delay
from brianbridge.perturbations.membrane import BackgroundCurrent, MembraneNoise
from brianbridge.perturbations.mismatch import Mismatch
from brianbridge.perturbations.other_neuron import OtherNeuron
from brianbridge.perturbations.spike_emission import Refractory, UnitSpikes
from brianbridge.perturbations.synaptic_failure import SynapticFailure
from brianbridge.perturbations.synaptic_kinetics import SynapticKinetics
from brianbridge.perturbations.time import BrianSchedule, FinerDt, InputTiming, SinglePrecision
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
