"""The batched path through Brian2: whole test sets in one run, by compiled loops.

`run` is its front. The loops of neurons are in `loops`, those of projections in `kernels` and
`delivery`. Its spikes equal those of `brianbridge.simulation.reference`.
"""
