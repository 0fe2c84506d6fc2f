"""Spiking networks as plain frozen data: no weights are owned by torch or Brian2."""

from .network import Readout, SpikingNetwork
from .parts import INPUT, Dense, Population, Projection

__all__ = ["INPUT", "Dense", "Population", "Projection", "Readout", "SpikingNetwork"]
