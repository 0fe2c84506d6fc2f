"""Train spiking networks in PyTorch, validate them in Brian2."""

__version__ = "0.1.0"
