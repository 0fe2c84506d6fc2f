"""The batched path through Brian2: whole test sets in one run, by compiled loops.

`run` is the entry point, `assembly` builds the network, `workers` shares chunks between threads.
Neurons run in `loops`; a `delivery` applies weights, by the loops in `kernels`, `image_kernels` and
`brianbridge.kernels.windows`.
A faster delivery for a kind of connection is a module in `deliveries`.
Its spikes equal those of `brianbridge.simulation.reference`, which it does not import.
"""
