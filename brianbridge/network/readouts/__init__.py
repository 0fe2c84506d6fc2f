"""The readouts, which read the output of a network from its last population.

`base` says what a readout is and what it may read. Every other module defines one. New modules here
are found automatically; other packages offer readouts in the group of entry points
``brianbridge.readouts``. This package imports nothing above `brianbridge.neurons`.
"""

from brianbridge.network.readouts.base import READOUTS, OutputRun, Readout, ReadoutName, read_output

__all__ = ["READOUTS", "OutputRun", "Readout", "ReadoutName", "read_output"]
