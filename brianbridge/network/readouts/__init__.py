"""Readouts: how the output of a network is read from its last population, one a file.

`base` says what a readout is and what it may read. A module that is added here is found by its name
at once; other packages offer theirs in the group of entry points ``brianbridge.readouts``. This
package imports nothing above `brianbridge.neurons`.
"""

from brianbridge.network.readouts.base import READOUTS, OutputRun, Readout, ReadoutName, read_output

__all__ = ["READOUTS", "OutputRun", "Readout", "ReadoutName", "read_output"]
