"""Run spiking networks in Brian2.

`simulate` is the entry point. `batched` and `reference` are the two paths, with equal spikes;
`reader` reads the Brian2 network of a user; `random` computes random numbers. Modules that both
paths use lie here: the request, recording, the order of operations in a step. May import `network`
and `neurons`, never `twin`.
"""
