"""The encodings: how a sample becomes input over time.

>>> from brianbridge import encodings
>>> encodings.encoding_names()
('bernoulli', 'current', 'frames', 'latency', 'poisson')
"""

from brianbridge.encoding import (
    Bernoulli,
    Current,
    EncodedInput,
    Encoding,
    Frames,
    Latency,
    Poisson,
    encoding_from_dict,
    encoding_names,
)

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
