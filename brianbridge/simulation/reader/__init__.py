"""Read the Brian2 network of a user, and write trained weights back into it.

`from_brian2` is the entry point; `objects` collects the network's objects, `groups` reads groups,
`projections` reads `Synapses` (`synapse_code` and `addition` those that only add weights,
`synapse_model` all others), and `write_into` writes weights back. May import `network`, `neurons`
and `encoding`. Support for a further kind of Brian2 object goes into `objects` and a module here.
"""
