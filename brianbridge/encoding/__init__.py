"""From samples to input over time: constant current, Bernoulli spikes, latency, frames."""

from .base import EncodedInput, Encoding, encoding_from_dict, encoding_names
from .bernoulli import Bernoulli
from .current import Current
from .frames import Frames
from .latency import Latency
from .poisson import Poisson

__all__ = [
    "Bernoulli",
    "Current",
    "EncodedInput",
    "Encoding",
    "Frames",
    "Latency",
    "Poisson",
    "encoding_from_dict",
    "encoding_names",
]
