"""Random numbers of a simulation, each a function of its purpose.

`code_objects` makes Brian2's generated code use the numbers of `brianbridge.counters` and
`brianbridge.distributions`. May import what `brianbridge.simulation` may.
"""
