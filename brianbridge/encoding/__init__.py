"""From samples to input over time: constant current, Bernoulli spikes, latency, frames."""

from brianbridge.encoding.base import EncodedInput, Encoding, encoding_from_dict, encoding_names
from brianbridge.encoding.bernoulli import Bernoulli
from brianbridge.encoding.current import Current
from brianbridge.encoding.frames import Frames
from brianbridge.encoding.latency import Latency
from brianbridge.encoding.poisson import Poisson

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
