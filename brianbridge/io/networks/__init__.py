"""Write and read network files (``network.h5``).

`file` writes and reads, `schema` checks what a stranger's file may hold, `summary` describes a
network for ``inspect``.
"""
