"""The encodings: how a sample becomes input over time.

>>> from brianbridge import encodings
>>> encodings.encoding_names()  # doctest: +NORMALIZE_WHITESPACE
('background', 'bernoulli', 'current', 'finer', 'frames', 'latency', 'poisson', 'replay',
'sources', 'waiting')
"""

from brianbridge.encoding import (
    Background,
    Bernoulli,
    Current,
    EncodedInput,
    Encoding,
    Finer,
    Frames,
    Latency,
    Poisson,
    Replay,
    Source,
    Sources,
    Waiting,
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
    "spike_frames",
]
