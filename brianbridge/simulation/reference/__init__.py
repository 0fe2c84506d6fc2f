"""The reference path through Brian2: plain `NeuronGroup` and `Synapses`, in Python or as C++.

It is slow, and the judge: what another path gives must be equal.
"""
