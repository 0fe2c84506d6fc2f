"""Neuron models: one description by equations, from which everything else is derived."""
