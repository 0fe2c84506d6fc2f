"""Do the tasks of a verification elsewhere, and keep what is finished.

Processes of this machine or a Dask cluster, and a folder of finished pieces. May import `ladder`
and all below it.
"""
