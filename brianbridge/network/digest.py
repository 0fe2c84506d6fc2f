"""A digest of a network, by which people can tell whether they have the same one."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from brianbridge.network.network import SpikingNetwork

__all__ = ["digest_of_network"]


def digest_of_network(network: SpikingNetwork) -> str:
    """Return the SHA-256 of what a network computes: its description, weights and connections.

    Its provenance, such as the date of its training, does not count.

    Parameters
    ----------
    network : SpikingNetwork
        The network.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    described = json.dumps(network.to_dict(), sort_keys=True, default=repr)
    digest = hashlib.sha256(described.encode())
    for projection in network.projections:
        arrays = {"weight": projection.weight, "bias": projection.bias}
        if projection.model is not None:
            arrays |= projection.model.arrays()
        for name, array in (arrays | dict(projection.connection.arrays())).items():
            digest.update(name.encode())
            digest.update(b"" if array is None else np.asarray(array).tobytes())
    return digest.hexdigest()
