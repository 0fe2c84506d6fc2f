"""Read datasets: one module for each source or layout of files.

`packages` reads datasets of a Python package; `image_files` reads files in the layouts of `idx`,
`cifar` and `svhn`; `event_sets` and `event_folders` read event recordings. May import
`brianbridge.datasets.formats`. A dataset with a known layout is one entry in
``data/registry.toml``; a new layout is one module here, and its name in `image_files.LAYOUTS`.
"""
