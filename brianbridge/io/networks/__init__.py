"""Write and read network files (``network.h5``).

`file` writes and reads, `schema` checks untrusted files, `summary` describes a network for
``inspect``.
"""
