"""Write and read spike files (``spikes.h5``, in the SONATA layout).

`file` documents the format. `writer` appends batches to a log (`log_writer`) during a run, and
`filling` moves them to the spike file in a thread: `growing` writes that file chunk by chunk, and
`chunks` encodes a chunk. `reader` opens files, `population` reads the spikes of one population, and
`digest` compares a file with what was written.
"""
