"""Read file formats: IDX, recordings of event cameras.

Formats know no datasets. May import NumPy, `errors` and `paths`. A new format is one file here.
"""
