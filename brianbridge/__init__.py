"""Train spiking networks in PyTorch, validate them in Brian2.

A neuron is written once, as Brian2 equations. From that one description come a Brian2
`NeuronGroup` and a differentiable torch twin whose time step is the exact solution of the same
equations. A twin is trained, its weights are written back, Brian2 runs the dynamics, and a
verdict says what held.

>>> import brianbridge as bb
>>> from brian2 import ms
>>> lif = bb.neuron_model("lif", tau=20*ms)
>>> net = bb.SpikingNetwork.sequential(
...     (8, 8), [bb.Dense(20, lif), bb.Dense(10, lif)], encoding=bb.Current(steps=10, dt=1*ms))
>>> twin = bb.to_torch(net)

Importing the package loads neither torch nor Brian2: each name below is fetched from its module
when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from brianbridge.blame import take_the_blame

__version__ = "0.1.0"

if TYPE_CHECKING:
    from brianbridge.datasets import Dataset, from_arrays
    from brianbridge.encoding import Bernoulli, Current, Frames, Latency, Poisson
    from brianbridge.errors import InputError
    from brianbridge.io.networks.file import load, save
    from brianbridge.io.spikes.file import SpikeFileWriter, read_spikes
    from brianbridge.ladder.rungs import Rung, read_ladder
    from brianbridge.ladder.verdict import Verdict
    from brianbridge.ladder.verify import verify
    from brianbridge.measures.counting import operations_of
    from brianbridge.measures.energy import EnergyModel
    from brianbridge.network import (
        AllToAll,
        AvgPool2d,
        Conv2d,
        Convolution,
        Dense,
        Feedback,
        Flatten,
        MaxPool2d,
        OneToOne,
        Pooling,
        Population,
        Projection,
        Recurrent,
        Residual,
        Sparse,
        SpikingNetwork,
        SumPool2d,
        TransposedConvolution,
    )
    from brianbridge.network.library import network_model, network_names
    from brianbridge.neurons.library import model_names, neuron_model
    from brianbridge.neurons.model import NeuronModel
    from brianbridge.neurons.propagator import exact_propagator
    from brianbridge.perturbations import perturbed
    from brianbridge.perturbations.condition import Condition
    from brianbridge.recording import Events, Recording
    from brianbridge.remedies.calibrate import calibrate
    from brianbridge.remedies.in_the_loop import fine_tune
    from brianbridge.rules import (
        Augmentation,
        FirstSpike,
        Implicit,
        LeakyBackprop,
        LearningRule,
        MultiThreshold,
        SingleSpikeVectorised,
        Spide,
        SpikeCount,
        SpikeRate,
        SurrogateGradient,
        TrainingOptions,
        train,
    )
    from brianbridge.simulation.batched.projections import DenseProjection
    from brianbridge.simulation.reader.from_brian2 import from_brian2
    from brianbridge.simulation.simulate import simulate
    from brianbridge.twin.network import SurrogateNetwork, to_torch
    from brianbridge.twin.population import PopulationTwin
    from brianbridge.twin.quantisation import Quantisation
    from brianbridge.twin.spike_function import SpikeFunction, register_spike_function
    from brianbridge.weights import write_back

_HOME = {
    "datasets": ("Dataset", "from_arrays"),
    "encoding": ("Bernoulli", "Current", "Frames", "Latency", "Poisson"),
    "errors": ("InputError",),
    "remedies.calibrate": ("calibrate",),
    "perturbations.condition": ("Condition",),
    "measures.energy": ("EnergyModel",),
    "ladder.rungs": ("Rung", "read_ladder"),
    "measures.counting": ("operations_of",),
    "perturbations": ("perturbed",),
    "ladder.verdict": ("Verdict",),
    "ladder.verify": ("verify",),
    "io.networks.file": ("load", "save"),
    "io.spikes.file": ("SpikeFileWriter", "read_spikes"),
    "network": (
        "AllToAll",
        "AvgPool2d",
        "Conv2d",
        "Convolution",
        "Dense",
        "Feedback",
        "Flatten",
        "MaxPool2d",
        "OneToOne",
        "Pooling",
        "Population",
        "Projection",
        "Recurrent",
        "Residual",
        "Sparse",
        "SpikingNetwork",
        "SumPool2d",
        "TransposedConvolution",
    ),
    "network.library": ("network_model", "network_names"),
    "neurons.library": ("model_names", "neuron_model"),
    "neurons.model": ("NeuronModel",),
    "neurons.propagator": ("exact_propagator",),
    "recording": ("Events", "Recording"),
    "rules": (
        "Augmentation",
        "FirstSpike",
        "Implicit",
        "LeakyBackprop",
        "LearningRule",
        "MultiThreshold",
        "SingleSpikeVectorised",
        "Spide",
        "SpikeCount",
        "SpikeRate",
        "SurrogateGradient",
        "TrainingOptions",
        "train",
    ),
    "remedies.in_the_loop": ("fine_tune",),
    "simulation.reader.from_brian2": ("from_brian2",),
    "simulation.batched.projections": ("DenseProjection",),
    "simulation.simulate": ("simulate",),
    "twin.network": ("SurrogateNetwork", "to_torch"),
    "twin.population": ("PopulationTwin",),
    "twin.quantisation": ("Quantisation",),
    "twin.spike_function": ("SpikeFunction", "register_spike_function"),
    "weights": ("write_back",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AllToAll",
    "Augmentation",
    "AvgPool2d",
    "Bernoulli",
    "Condition",
    "Conv2d",
    "Convolution",
    "Current",
    "Dataset",
    "Dense",
    "DenseProjection",
    "EnergyModel",
    "Events",
    "Feedback",
    "FirstSpike",
    "Flatten",
    "Frames",
    "Implicit",
    "InputError",
    "Latency",
    "LeakyBackprop",
    "LearningRule",
    "MaxPool2d",
    "MultiThreshold",
    "NeuronModel",
    "OneToOne",
    "Poisson",
    "Pooling",
    "Population",
    "PopulationTwin",
    "Projection",
    "Quantisation",
    "Recording",
    "Recurrent",
    "Residual",
    "Rung",
    "SingleSpikeVectorised",
    "Sparse",
    "Spide",
    "SpikeCount",
    "SpikeFileWriter",
    "SpikeFunction",
    "SpikeRate",
    "SpikingNetwork",
    "SumPool2d",
    "SurrogateGradient",
    "SurrogateNetwork",
    "TrainingOptions",
    "TransposedConvolution",
    "Verdict",
    "calibrate",
    "exact_propagator",
    "fine_tune",
    "from_arrays",
    "from_brian2",
    "load",
    "model_names",
    "network_model",
    "network_names",
    "neuron_model",
    "operations_of",
    "perturbed",
    "read_ladder",
    "read_spikes",
    "register_spike_function",
    "save",
    "simulate",
    "to_torch",
    "train",
    "verify",
    "write_back",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'brianbridge' has no attribute '{name}'")
    value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


take_the_blame()
if "brian2" in sys.modules:
    # In a Brian2 script, method="propagator" and prefs.brianbridge work as soon as the package is
    # imported.
    importlib.import_module(".neurons.propagator", __name__)
    importlib.import_module(".preferences", __name__)
