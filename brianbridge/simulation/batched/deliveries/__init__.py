"""Deliveries of particular kinds of connection, each faster than its list of synapses.

A module here registers the delivery of one kind, or of a kind and its transpose, in
`brianbridge.simulation.batched.listed.weight_delivery`. It may hold a compiled kernel that no other
kind needs. New modules are found automatically: this package imports all that it contains.
"""

from brianbridge.registry import import_modules

import_modules(__name__)
