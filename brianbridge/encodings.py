"""The encodings: how a sample becomes input over time.

>>> from brianbridge import encodings
>>> encodings.encoding_names()
('background', 'bernoulli', 'current', 'frames', 'latency', 'poisson', 'replay', 'sources')
"""

from brianbridge.encoding import (
    Background,
    Bernoulli,
    Current,
    EncodedInput,
    Encoding,
    Frames,
    Latency,
    Poisson,
    Replay,
    Source,
    Sources,
    encoding_from_dict,
    encoding_names,
)
from brianbridge.network.spike_frames import spike_frames

__all__ = [
    "Background",
    "Bernoulli",
    "Current",
    "EncodedInput",
    "Encoding",
    "Frames",
    "Latency",
    "Poisson",
    "Replay",
    "Source",
    "Sources",
    "encoding_from_dict",
    "encoding_names",
    "spike_frames",
]
