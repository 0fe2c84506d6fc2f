"""Write and read spike files (``spikes.h5``, in the SONATA layout).

`file` documents the format. `writer` appends batches to a log (`log_writer`) during a run, and
`conversion` turns it into the spike file at the end. `reader` opens files, `population` reads the
spikes of one population, and `digest` compares a file with what was written.
"""
