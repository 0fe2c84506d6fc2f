"""Read file formats: IDX, recordings of event cameras.

A format knows no data set. May import NumPy, `errors` and `paths`. A new format is one file here.
"""
