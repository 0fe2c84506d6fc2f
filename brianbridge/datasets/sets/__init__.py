"""Read data sets: one module for each source or layout of files.

`packages` reads sets that come with a Python package; `image_files` reads files, laid out as `idx`,
`cifar` or `svhn` says; `event_sets` and `event_folders` read event recordings. May import
`brianbridge.datasets.formats`. A set whose layout is here is one entry in ``data/registry.toml``; a
new layout is one module here, and its name in `image_files.LAYOUTS`.
"""
