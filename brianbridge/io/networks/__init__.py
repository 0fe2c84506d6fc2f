"""Write and read network files (``network.h5``).

`file` writes and reads, `schema` checks files that need not be trusted, `summary` describes a
network for ``inspect``.
"""
