"""Share out work to processes or to a Dask cluster, and keep finished results.

`connected` starts the processes or finds them. `Sweep` holds the options by which the tasks of a
verification run there, with a folder for their results; `Jobs` runs any other jobs. May import
`ladder` and all below it. A new way to run tasks is a subclass of
`brianbridge.ladder.execution.Execution`.
"""

from brianbridge.sweep.connection import connected
from brianbridge.sweep.jobs import Jobs
from brianbridge.sweep.kept import delete_kept
from brianbridge.sweep.sweep import Sweep

__all__ = ["Jobs", "Sweep", "connected", "delete_kept"]
