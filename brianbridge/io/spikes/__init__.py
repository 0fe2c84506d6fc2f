"""Write and read spike files (``spikes.h5``, in the SONATA layout).

`file` documents the format. `writer` appends batches to a log (`log_writer`) while a run goes on,
and `conversion` makes the spike file of it at the end. `reader` opens files, `population` reads the
spikes of one population, and `digest` compares a file with what was written.
"""
