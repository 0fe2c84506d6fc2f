from .datasets import Dataset as Dataset
from .datasets import from_arrays as from_arrays
from .encoding import (
    Bernoulli as Bernoulli,
)
from .encoding import (
    Current as Current,
)
from .encoding import (
    Frames as Frames,
)
from .encoding import (
    Latency as Latency,
)
from .encoding import (
    Poisson as Poisson,
)
from .errors import InputError as InputError
from .io.networks.file import load as load
from .io.networks.file import save as save
from .io.spikes.file import SpikeFileWriter as SpikeFileWriter
from .io.spikes.file import read_spikes as read_spikes
from .ladder.rungs import Rung as Rung
from .ladder.rungs import read_ladder as read_ladder
from .ladder.verdict import Verdict as Verdict
from .ladder.verify import verify as verify
from .measures.counting import operations_of as operations_of
from .measures.energy import EnergyModel as EnergyModel
from .network import (
    AllToAll as AllToAll,
)
from .network import (
    AvgPool2d as AvgPool2d,
)
from .network import (
    Conv2d as Conv2d,
)
from .network import (
    Convolution as Convolution,
)
from .network import (
    Dense as Dense,
)
from .network import (
    Feedback as Feedback,
)
from .network import (
    Flatten as Flatten,
)
from .network import (
    MaxPool2d as MaxPool2d,
)
from .network import (
    OneToOne as OneToOne,
)
from .network import (
    Pooling as Pooling,
)
from .network import (
    Population as Population,
)
from .network import (
    Projection as Projection,
)
from .network import (
    Recurrent as Recurrent,
)
from .network import (
    Residual as Residual,
)
from .network import (
    Sparse as Sparse,
)
from .network import (
    SpikingNetwork as SpikingNetwork,
)
from .network import (
    SumPool2d as SumPool2d,
)
from .network import (
    TransposedConvolution as TransposedConvolution,
)
from .network.library import network_model as network_model
from .network.library import network_names as network_names
from .neurons.library import model_names as model_names
from .neurons.library import neuron_model as neuron_model
from .neurons.model import NeuronModel as NeuronModel
from .neurons.propagator import exact_propagator as exact_propagator
from .perturbations import perturbed as perturbed
from .perturbations.condition import Condition as Condition
from .recording import Events as Events
from .recording import Recording as Recording
from .remedies.calibrate import calibrate as calibrate
from .remedies.in_the_loop import fine_tune as fine_tune
from .rules import (
    FirstSpike as FirstSpike,
)
from .rules import (
    Implicit as Implicit,
)
from .rules import (
    LeakyBackprop as LeakyBackprop,
)
from .rules import (
    LearningRule as LearningRule,
)
from .rules import (
    MultiThreshold as MultiThreshold,
)
from .rules import (
    SingleSpikeVectorised as SingleSpikeVectorised,
)
from .rules import (
    Spide as Spide,
)
from .rules import (
    SpikeCount as SpikeCount,
)
from .rules import (
    SurrogateGradient as SurrogateGradient,
)
from .simulation.batched.dense_projection import DenseProjection as DenseProjection
from .simulation.reader.from_brian2 import from_brian2 as from_brian2
from .simulation.simulate import simulate as simulate
from .training import (
    Augmentation as Augmentation,
)
from .training import (
    SpikeRate as SpikeRate,
)
from .training import (
    TrainingOptions as TrainingOptions,
)
from .training import (
    train as train,
)
from .twin.network import NetworkTwin as NetworkTwin
from .twin.network import to_torch as to_torch
from .twin.population import PopulationTwin as PopulationTwin
from .twin.quantisation import Quantisation as Quantisation
from .twin.spike_function import (
    SpikeFunction as SpikeFunction,
)
from .twin.spike_function import (
    register_spike_function as register_spike_function,
)
from .version import __version__ as __version__
from .weights import write_back as write_back
