"""Digests of samples, and of a network with its samples and the versions in use."""

from __future__ import annotations

import hashlib
import json

from brianbridge.datasets import Dataset
from brianbridge.datasets.digest import sha256_of_arrays
from brianbridge.ladder.tasks import Shards
from brianbridge.network.digest import digest_of_network
from brianbridge.sweep.result_file import FORMAT
from brianbridge.sweep.worker import facts

__all__ = ["digest_of", "fingerprint"]


def digest_of(data: Dataset) -> str:
    """Return a digest of samples and labels.

    Examples
    --------
    >>> import numpy as np
    >>> from brianbridge.datasets import from_arrays
    >>> data = from_arrays("mine", np.eye(4), np.array([0, 1, 0, 1]))
    >>> digest_of(data) == digest_of(data.subset(np.array([1, 0, 2, 3])))
    False
    """
    return sha256_of_arrays(data.x, data.y)


def fingerprint(shards: Shards) -> str:
    """Return a digest of the network, the samples, the versions and the source files."""
    digest = hashlib.sha256(json.dumps(facts(), sort_keys=True).encode())
    for network in (shards.network, shards.reference):
        digest.update(digest_of_network(network).encode())
    digest.update(digest_of(shards.data).encode())
    digest.update(str((FORMAT, shards.size, shards.seed)).encode())
    return digest.hexdigest()
