"""Neuron models: one description by equations, from which everything else is derived.

`model.NeuronModel` is the description, `library` has the models that ship as TOML files. `checks`
refuses bad models, `propagator` solves linear ones exactly, `crossing` finds spike times within a
step. May import no other room. A new model is one TOML file in ``models/neurons``.
"""
