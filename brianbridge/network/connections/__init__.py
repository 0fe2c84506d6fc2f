"""The kinds of connection, which say which neurons a projection connects.

`base` says what a connection is and what a new kind must define, `pairs` holds lists of synapses.
Every other module defines one kind, or a kind and its transpose. New modules here are found
automatically; other packages offer kinds in the group of entry points ``brianbridge.connections``.

This package imports nothing above `brianbridge.network`. Algorithms that are faster than a list of
synapses are registered for a kind where they are used: `weighting` in `brianbridge.twin.weighting`,
`weight_delivery` in a module of `brianbridge.simulation.batched.deliveries` (batched path),
`fan_out_of` in `brianbridge.measures.fan_out`, `transpose_of` in
`brianbridge.rules.equilibrium.backward_network`.
"""

from brianbridge.network.connections.all_to_all import AllToAll
from brianbridge.network.connections.base import CONNECTIONS, Connection, connection_from_dict
from brianbridge.network.connections.convolution import Convolution, TransposedConvolution
from brianbridge.network.connections.one_to_one import OneToOne
from brianbridge.network.connections.pairs import Pairs, SynapseTable
from brianbridge.network.connections.sparse import Sparse

__all__ = [
    "CONNECTIONS",
    "AllToAll",
    "Connection",
    "Convolution",
    "OneToOne",
    "Pairs",
    "Sparse",
    "SynapseTable",
    "TransposedConvolution",
    "connection_from_dict",
]
