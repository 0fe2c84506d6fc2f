"""Populations, and the projections between them, of a `brianbridge.SpikingNetwork`.

A projection has a connection, which says which neurons its weights connect.

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
