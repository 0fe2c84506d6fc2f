"""The populations and projections of a `brianbridge.SpikingNetwork`.

The connection of a projection says which neurons its weights connect.

>>> from brianbridge import connections
>>> connections.AllToAll()
AllToAll()
"""

from brianbridge.network import (
    AllToAll,
    Connection,
    Convolution,
    OneToOne,
    Pooling,
    Population,
    Projection,
    Sparse,
    TransposedConvolution,
)

__all__ = [
    "AllToAll",
    "Connection",
    "Convolution",
    "OneToOne",
    "Pooling",
    "Population",
    "Projection",
    "Sparse",
    "TransposedConvolution",
]
