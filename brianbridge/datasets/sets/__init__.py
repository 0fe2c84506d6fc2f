"""Read data sets: one file for each kind of source.

A set says which files it has and what they mean; how they are laid out is told in
`brianbridge.datasets.formats`. A set that has the layout of one that is here needs only an entry in
``data/registry.toml``.
"""
