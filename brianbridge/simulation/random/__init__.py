"""Random numbers of a simulation, each a function of its purpose.

`counters` computes uniform numbers from a seed and coordinates, `distributions` turns them into
normal and Poisson numbers, and `code_objects` makes Brian2's generated code use them. May import
what `brianbridge.simulation` may. A new distribution goes into `distributions`.
"""
