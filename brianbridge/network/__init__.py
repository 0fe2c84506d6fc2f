"""Spiking networks as plain frozen data: no weights are owned by torch or Brian2."""

from .fold import fold_batch_norm
from .network import Readout, SpikingNetwork
from .parts import INPUT, Dense, Population, Projection

__all__ = [
    "INPUT",
    "Dense",
    "Population",
    "Projection",
    "Readout",
    "SpikingNetwork",
    "fold_batch_norm",
]
