from .learn import Learn as Learn
from .network import NetworkTwin as NetworkTwin
from .network import to_torch as to_torch
from .population import PopulationTwin as PopulationTwin
from .quantisation import Quantisation as Quantisation
from .spike_function import SpikeFunction as SpikeFunction
from .spike_function import register_spike_function as register_spike_function
from .state import TwinState as TwinState
