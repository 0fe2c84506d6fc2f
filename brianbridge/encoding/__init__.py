"""Encodings: how a sample becomes input over T steps.

`base` holds `Encoding` and the registry; every other module holds one encoding. A new encoding is a
new module here. May import `neurons` and the modules at the package's root.
"""

from brianbridge.encoding.background import Background
from brianbridge.encoding.base import EncodedInput, Encoding, encoding_from_dict, encoding_names
from brianbridge.encoding.bernoulli import Bernoulli
from brianbridge.encoding.current import Current
from brianbridge.encoding.finer import Finer
from brianbridge.encoding.frames import Frames
from brianbridge.encoding.latency import Latency
from brianbridge.encoding.poisson import Poisson
from brianbridge.encoding.replay import Replay
from brianbridge.encoding.sources import Source, Sources
from brianbridge.encoding.waiting import Waiting

__all__ = [
    "Background",
    "Bernoulli",
    "Current",
    "EncodedInput",
    "Encoding",
    "Finer",
    "Frames",
    "Latency",
    "Poisson",
    "Replay",
    "Source",
    "Sources",
    "Waiting",
    "encoding_from_dict",
    "encoding_names",
]
