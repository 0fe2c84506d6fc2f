"""Write and read spike files (``spikes.h5``, SONATA).

`file` documents the format; `writer` and `reader` are its two sides, `log` is what a run that goes
on writes, `digest` tells whether a file is still what was written.
"""
