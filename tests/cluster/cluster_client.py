"""Run the command line in another process, with generated data and shorter timeouts.

Samples and network together are larger than 10 MB, above which Dask unpickles in a thread.
"""

from __future__ import annotations

import os
import sys

import numpy as np

import brianbridge.study.data as study
from brianbridge.cli import main
from brianbridge.datasets import from_arrays
from brianbridge.sweep import cluster

INPUTS, SAMPLES = 1250, 2600  # two shards


def data():
    """Return the samples."""
    x = np.random.default_rng(5).random((SAMPLES, INPUTS), np.float32)
    assert x.nbytes > 10e6
    return from_arrays("wide", x, np.arange(SAMPLES) % 4)


if __name__ == "__main__":
    made = data()
    study.split_of = lambda *_, **__: (made, made)
    cluster.PATIENCE = float(os.environ.get("PATIENCE", "60"))
    cluster.LOOK = 1.0
    sys.exit(main(sys.argv[1:]))
