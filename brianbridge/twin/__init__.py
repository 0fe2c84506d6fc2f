"""The torch twin of a spiking network, rendered from the same equations."""
