"""Run spiking networks in Brian2.

`simulate` is the front. `batched` and `reference` are the two paths, with equal spikes; `reader`
reads the Brian2 network of a user. What both paths share lies here: random numbers, recording, the
order of a step. May import `network` and `neurons`, never `twin`.
"""
