"""Run the tasks of a verification elsewhere, and keep finished results.

Tasks run in processes of this machine or on a Dask cluster; results are kept in a folder. `Sweep`
holds the options, `connected` starts the processes or finds them. May import `ladder` and all below
it. A new way to run tasks is a subclass of `brianbridge.ladder.execution.Execution`.
"""

from brianbridge.sweep.connection import connected
from brianbridge.sweep.kept import delete_kept
from brianbridge.sweep.sweep import Sweep

__all__ = ["Sweep", "connected", "delete_kept"]
